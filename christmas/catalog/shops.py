"""Which vendors have products, for those who choose one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from christmas.db.tables import products

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection


def names(connection: Connection, vendors: Sequence[str] | None = None) -> list[str]:
    """Return the vendors that have products by name, of those in ``vendors`` where given; one look-up for each."""
    column = products.c.vendor
    found = select(func.min(column).label("vendor")).cte("found", recursive=True)
    later = select(func.min(column)).where(column > found.c.vendor).scalar_subquery()
    found = found.union_all(select(later).where(found.c.vendor.is_not(None)))
    every = connection.scalars(select(found.c.vendor).where(found.c.vendor.is_not(None)))
    return [vendor for vendor in every if vendors is None or vendor in vendors]
