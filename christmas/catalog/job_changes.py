"""The changes that jobs have made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Text, select

from christmas.catalog.changes import shown
from christmas.db.dialects import any_of
from christmas.db.tables import changes, products

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

# By how much the clocks of two nodes may differ.
CLOCKS_APART = timedelta(minutes=5)


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


def find(
    connection: Connection, job_ids: Sequence[str], since: datetime, until: datetime | None, limit: int
) -> list[JobChange]:
    """Return what these jobs have changed, the newest first.

    ``since`` is when the first of them was submitted, ``until`` when the last one ended, None where one is open. Looked
    for by time, which has an index: the changes between are those of a few runs.
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
    if until is not None:
        query = query.where(changes.c.at <= until + CLOCKS_APART)
    return [
        JobChange(
            name, year, piece, field.removesuffix("_minor"), shown(field, old, currency), shown(field, new, currency),
            currency, at,
        )
        for name, year, piece, field, old, new, currency, at in connection.execute(query)
    ]  # fmt: skip
