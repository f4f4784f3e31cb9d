"""Keys that are gone from their listings: what their own pages say, until that is sure."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Connection, select, update

from christmas.catalog.page_schedule import KeyRow, midnight
from christmas.catalog.writing import listings, product_keys
from christmas.db.dialects import any_of
from christmas.db.permissions import binds
from christmas.db.tables import keys

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from christmas.items import GoneReading

# This number of days must agree before a key counts as delisted or as sold out for good.
CONFIRMATIONS = 2
_MEANS = {"missing": "delisted", "sold_out": "sold_out"}


def unconfirmed(connection: Connection, vendor: str, now: datetime, *, limit: int, after: int = 0) -> list[KeyRow]:
    """Return gone keys that were not looked at on this UTC day and are not sure yet, by ID."""
    query = (
        select(keys.c.id, keys.c.key, keys.c.url, keys.c.release_year)
        .where(
            keys.c.vendor == vendor,
            keys.c.gone_since.is_not(None),
            keys.c.id > after,
            keys.c.gone_checks < CONFIRMATIONS,
            keys.c.gone_checked_at.is_(None) | (keys.c.gone_checked_at < midnight(now)),
        )
        .order_by(keys.c.id)
        .limit(limit)
    )
    return [KeyRow(*row) for row in connection.execute(query)]


@binds("listings", "write")
def write(connection: Connection, vendor: str, readings: Sequence[GoneReading]) -> None:
    """Note what the pages say: the same on another day confirms it, something else begins anew.

    A page that offers the piece takes its key back; one that cannot be reached says nothing.
    """
    found = product_keys.resolve(connection, vendor, readings)
    back = [key.id for reading, key in zip(readings, found, strict=True) if reading.found == "listed"]
    if back:
        listings.take_back(connection, back)
    told = {key.id: reading for reading, key in zip(readings, found, strict=True) if reading.found in _MEANS}
    query = select(keys.c.id, keys.c.gone_as, keys.c.gone_checks, keys.c.gone_checked_at).where(
        keys.c.id.in_(any_of(connection, sorted(told), BigInteger)), keys.c.gone_since.is_not(None)
    )
    for row in connection.execute(query).all():
        reading = told[row.id]
        day = reading.read_at.astimezone(UTC).date()
        if row.gone_checked_at is not None and row.gone_checked_at.astimezone(UTC).date() >= day:
            continue
        meaning = _MEANS[reading.found]
        checks = row.gone_checks + 1 if row.gone_as == meaning else 1
        values = {"gone_as": meaning, "gone_checks": checks, "gone_checked_at": reading.read_at}
        connection.execute(update(keys).where(keys.c.id == row.id).values(values))
