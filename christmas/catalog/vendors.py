"""The vendors at one look: which there are, how many products each has, how many can be bought, and its health."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select

from christmas.catalog import vendor_health
from christmas.catalog.offers import AVAILABLE
from christmas.catalog.products import WITH_KEY
from christmas.db.tables import keys, products

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from christmas.catalog.vendor_health import HealthRow

KEPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class VendorCount:
    """How many products a vendor lists, delisted ones left out; ``in_stock`` is what can be bought, see ``offers``."""

    products: int = 0
    in_stock: int = 0
    without_price: int = 0


@dataclass(frozen=True, slots=True)
class VendorRow:
    """One vendor; ``health`` is None where no run has shown it yet."""

    name: str
    count: VendorCount
    health: HealthRow | None


class CountCache:
    """The counts of one process, kept for a minute, because counting reads every product; safe for threads."""

    def __init__(self) -> None:
        self._found: dict[str, VendorCount] | None = None
        self._until = 0.0
        self._counting = Lock()

    def get(self, connection: Connection, now: float | None = None) -> dict[str, VendorCount]:
        """Return the counts of all vendors that have products, by name; ``now`` is the monotonic clock.

        A call while another one counts returns the former counts; the first time, all of them wait.
        """
        now = time.monotonic() if now is None else now
        if now >= self._until and self._counting.acquire(blocking=self._found is None):
            try:
                if now >= self._until:  # no other thread has counted while this one waited
                    self._found = counts(connection)
                    self._until = now + KEPT_SECONDS
            finally:
                self._counting.release()
        return self._found or {}


def overview(
    connection: Connection, known: Iterable[str], vendors: Collection[str] | None = None, *,
    counted: Mapping[str, VendorCount] | None = None,
) -> list[VendorRow]:  # fmt: skip
    """Return by name the vendors that are ``known``, have products or a health; only those in ``vendors`` where given.

    ``counted`` are counts that were made before; without them the products are counted now.
    """
    counted = counts(connection) if counted is None else counted
    health = {row.vendor: row for row in vendor_health.find(connection)}
    names = sorted({*known, *counted, *health})
    return [
        VendorRow(name, counted.get(name, VendorCount()), health.get(name))
        for name in names
        if vendors is None or name in vendors
    ]


def counts(connection: Connection) -> dict[str, VendorCount]:
    """Return the counts of all vendors that have products, by name."""
    query = (
        select(
            products.c.vendor,
            func.count(),
            func.sum(case((AVAILABLE, 1), else_=0)),
            func.sum(case((products.c.price_minor.is_(None), 1), else_=0)),
        )
        .select_from(WITH_KEY)
        .where(keys.c.gone_since.is_(None))
        .group_by(products.c.vendor)
        .order_by(products.c.vendor)
    )
    return {vendor: VendorCount(*map(int, numbers)) for vendor, *numbers in connection.execute(query)}


def names(connection: Connection, vendors: Sequence[str] | None = None) -> list[str]:
    """Return the vendors that have products by name, of those in ``vendors`` where given; one look-up for each."""
    column = products.c.vendor
    found = select(func.min(column).label("vendor")).cte("found", recursive=True)
    later = select(func.min(column)).where(column > found.c.vendor).scalar_subquery()
    found = found.union_all(select(later).where(found.c.vendor.is_not(None)))
    every = connection.scalars(select(found.c.vendor).where(found.c.vendor.is_not(None)))
    return [vendor for vendor in every if vendors is None or vendor in vendors]
