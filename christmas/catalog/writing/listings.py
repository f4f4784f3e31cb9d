"""Listings: when each is due, what a complete reading says, and which keys are gone."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Connection, case, exists, func, or_, select, update

from christmas.catalog.writing import product_keys
from christmas.db.dialects import any_of
from christmas.db.permissions import binds
from christmas.db.tables import keys, listing_keys, listings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from christmas.items import ListingReading

HOURLY = timedelta(hours=1)
SHORTEST, LONGEST = timedelta(hours=6), timedelta(days=7)
# An hourly job does not start to the second.
SLACK = 0.95
# Delisted: missing from this number of complete readings, on this number of days.
MISSED_READINGS, MISSED_DAYS = 3, 2
# A listing that lost more than a third since it was last read counts as not read, until it stays so.
LEAST_SHARE = 2 / 3
SHRUNK_READINGS, SHRUNK_DAYS = 3, 2


def due(connection: Connection, vendor: str, known: Sequence[tuple[str, int | None]], now: datetime) -> list[str]:
    """Return the paths to be read now, in the given order; one never read is due."""
    columns = listings.c
    query = select(columns.path, columns.read_at, columns.interval_seconds).where(columns.vendor == vendor)
    last = {row.path: (row.read_at, row.interval_seconds) for row in connection.execute(query)}
    return [path for path, year in known if _is_due(year, *last.get(path, (None, None)), now)]


def _is_due(year: int | None, read_at: datetime | None, interval_seconds: int | None, now: datetime) -> bool:
    if read_at is None:
        return True
    recent = year is not None and year >= now.astimezone(UTC).year - 1
    interval = HOURLY if recent else timedelta(seconds=interval_seconds or SHORTEST.total_seconds())
    return now - read_at >= interval * SLACK


@binds("listings", "write")
def record(connection: Connection, reading: ListingReading, *, now: datetime, misses: bool = True) -> None:
    """Note the end of one listing's reading; one that failed or shrank by a third counts as not read.

    Without ``misses`` nothing that it does not list is counted as missing.
    """
    id_ = product_keys.listing_ids(connection, reading.vendor, {reading.listing: reading.release_year})[reading.listing]
    if not reading.complete:
        return
    row = connection.execute(select(listings).where(listings.c.id == id_)).one()
    if any(at is not None and at >= reading.finished_at for at in (row.read_at, row.shrunk_at)):
        return  # known already, or an older one, written late
    if (
        row.entries is not None
        and reading.entries < row.entries * LEAST_SHARE
        and not _accept(connection, row, reading)
    ):
        return
    changed = row.changed_at is not None and row.changed_at >= reading.started_at
    connection.execute(
        update(listings)
        .where(listings.c.id == id_)
        .values(
            entries=reading.entries,
            read_at=reading.finished_at,
            interval_seconds=_interval(row.interval_seconds, changed=changed),
            shrunk=0,
            shrunk_days=0,
            shrunk_at=None,
        )
    )
    if misses:
        _miss(connection, id_, reading, reading.finished_at.astimezone(UTC).date())
        _mark_gone(connection, id_, now)


def known(connection: Connection, vendor: str, since: datetime) -> int:
    """Return how many listings of a vendor were read since then."""
    query = select(func.count()).where(listings.c.vendor == vendor, listings.c.read_at >= since)
    return connection.scalar(query.select_from(listings)) or 0


def entries_of(connection: Connection, vendor: str) -> dict[str, int]:
    """Return how many entries each listing had in the last reading that counted, by path."""
    query = select(listings.c.path, listings.c.entries).where(
        listings.c.vendor == vendor, listings.c.entries.is_not(None)
    )
    return {row.path: row.entries for row in connection.execute(query)}


def _accept(connection: Connection, row: Any, reading: ListingReading) -> bool:
    """Count a reading that is too small; the third on a second day is believed."""
    shrunk = row.shrunk + 1
    is_new_day = row.shrunk_at is None or row.shrunk_at.date() != reading.finished_at.astimezone(UTC).date()
    days = row.shrunk_days + is_new_day
    if shrunk >= SHRUNK_READINGS and days >= SHRUNK_DAYS:
        return True
    values = {"shrunk": shrunk, "shrunk_days": days, "shrunk_at": reading.finished_at}
    connection.execute(update(listings).where(listings.c.id == row.id).values(values))
    return False


def _interval(seconds: int | None, *, changed: bool) -> int:
    if seconds is None:
        return int(SHORTEST.total_seconds())
    wanted = seconds / 2 if changed else seconds * 1.5
    return int(min(max(wanted, SHORTEST.total_seconds()), LONGEST.total_seconds()))


@binds("listings", "write")
def take_back(connection: Connection, key_ids: Sequence[int]) -> None:
    """Note that keys which were gone are listed again; to be gone once more, they must be missed as often again."""
    ids = any_of(connection, key_ids, BigInteger)
    connection.execute(update(keys).where(keys.c.id.in_(ids)).values(gone_since=None, gone_as=None, gone_checks=0))
    connection.execute(
        update(listing_keys).where(listing_keys.c.key_id.in_(ids)).values(missed=0, missed_days=0, last_missed_on=None)
    )


def _miss(connection: Connection, id_: int, reading: ListingReading, day: date) -> None:
    columns = listing_keys.c
    of_listing = select(columns.key_id).where(columns.listing_id == id_)
    unseen = select(keys.c.id).where(keys.c.id.in_(of_listing), keys.c.last_seen < reading.started_at)
    another_day = or_(columns.last_missed_on.is_(None), columns.last_missed_on != day)
    connection.execute(
        update(listing_keys)
        .where(columns.listing_id == id_, columns.missed > 0, columns.key_id.not_in(unseen))
        .values(missed=0, missed_days=0, last_missed_on=None)
    )
    connection.execute(
        update(listing_keys)
        .where(columns.listing_id == id_, columns.key_id.in_(unseen))
        .values(
            missed=columns.missed + 1,
            missed_days=columns.missed_days + case((another_day, 1), else_=0),
            last_missed_on=day,
        )
    )


def _mark_gone(connection: Connection, id_: int, now: datetime) -> None:
    columns = listing_keys.c
    candidates = select(columns.key_id).where(
        columns.listing_id == id_, columns.missed >= MISSED_READINGS, columns.missed_days >= MISSED_DAYS
    )
    other = listing_keys.alias("other")
    still_listed = exists().where(
        other.c.key_id == keys.c.id,
        or_(other.c.missed < MISSED_READINGS, other.c.missed_days < MISSED_DAYS),
    )
    connection.execute(
        update(keys).where(keys.c.id.in_(candidates), keys.c.gone_since.is_(None), ~still_listed).values(gone_since=now)
    )
