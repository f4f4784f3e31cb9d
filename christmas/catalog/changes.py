"""Changes, for those who read the catalog; amounts become decimal strings under the field's plain name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Connection, Select, select

from christmas.catalog.tables import changes, products
from christmas.reading.money import format_amount, from_minor

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One field of one product going from one value to another."""

    product_id: UUID
    vendor: str
    name: str
    field: str
    old: str | None
    new: str | None
    at: datetime
    job: str
    url: str
    source: str


def history(connection: Connection, product_id: UUID) -> list[ChangeRow]:
    """Give every change of one product, the oldest first; [] where nothing has changed."""
    query = _query().where(changes.c.product_id == product_id).order_by(changes.c.id)
    return [_row(row) for row in connection.execute(query)]


def latest(
    connection: Connection, *, limit: int, since: datetime | None = None, vendor: str | None = None
) -> list[ChangeRow]:
    """Give the newest changes, the newest first."""
    query = _query().order_by(changes.c.id.desc()).limit(limit)
    if since is not None:
        query = query.where(changes.c.at >= since)
    if vendor is not None:
        query = query.where(products.c.vendor == vendor)
    return [_row(row) for row in connection.execute(query)]


def _query() -> Select[Any]:
    return select(changes, products.c.vendor, products.c.name).join(products, products.c.id == changes.c.product_id)


def _row(row: Any) -> ChangeRow:
    return ChangeRow(
        product_id=row.product_id,
        vendor=row.vendor,
        name=row.name,
        field=row.field.removesuffix("_minor"),
        old=shown(row.field, row.old, row.currency),
        new=shown(row.field, row.new, row.currency),
        at=row.at,
        job=row.job_id,
        url=row.url,
        source=row.source,
    )


def shown(field: str, value: str | None, currency: str | None) -> str | None:
    """Give a change's value for people: an amount as a decimal text in its currency, others as they are."""
    if value is None or not field.endswith("_minor"):
        return value
    return format_amount(from_minor(int(value), currency or "USD"), currency)
