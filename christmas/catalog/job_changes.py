"""The changes that jobs have made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Text, select

from christmas.catalog.changes import shown
from christmas.catalog.resolve import any_of
from christmas.catalog.tables import changes, products

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class JobChange:
    """One change with its product; amounts are decimal strings under the field's plain name."""

    name: str
    release_year: int | None
    piece: str
    field: str
    old: str | None
    new: str | None
    currency: str | None
    at: datetime


def find(connection: Connection, job_ids: Sequence[str], since: datetime, limit: int) -> list[JobChange]:
    """Give what these jobs have changed, the newest first; ``since`` is when the first of them was submitted.

    Looked for by time, which has an index: the changes since then are those of a few runs.
    """
    columns = (
        products.c.name, products.c.release_year, products.c.piece, changes.c.field, changes.c.old,
        changes.c.new, changes.c.currency, changes.c.at,
    )  # fmt: skip
    query = (
        select(*columns)
        .join(products, products.c.id == changes.c.product_id)
        .where(changes.c.at >= since, changes.c.job_id.in_(any_of(connection, list(job_ids), Text)))
        .order_by(changes.c.at.desc(), changes.c.id.desc())
        .limit(limit)
    )
    return [
        JobChange(
            name, year, piece, field.removesuffix("_minor"), shown(field, old, currency), shown(field, new, currency),
            currency, at,
        )
        for name, year, piece, field, old, new, currency, at in connection.execute(query)
    ]  # fmt: skip
