"""Writing a batch of items: the one way into the catalog."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from christmas.catalog import held_changes, kept_pages
from christmas.catalog.writing import delisted, listing_entries, listings, product_pages
from christmas.catalog.writing.changeset import Written
from christmas.items import GoneReading, ListingEntry, ListingReading, OddPage, PageUnread, Product, SecondReading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from christmas.catalog.writing.changeset import Watch

__all__ = ["Written", "write"]


def write(
    connection: Connection, items: Sequence[Any], *, job_id: str, now: datetime, watch: Watch | None = None
) -> Written:
    """Write items in one transaction; doing it twice changes nothing more. Year links are not stored.

    With a watch, known products change only as far as it lets them. Readings of listings, and of gone keys, are then
    not noted either: that is for when the run has been judged.
    """
    written = Written()
    for segment in _segments(items):
        for vendor, group in _by_vendor(segment, ListingEntry):
            listing_entries.write(connection, vendor, group, job_id=job_id, written=written, watch=watch)
        for vendor, group in _by_vendor(segment, Product):
            product_pages.write(connection, vendor, group, job_id=job_id, written=written, watch=watch)
        for vendor, group in _by_vendor(segment, PageUnread):
            product_pages.write_unread(connection, vendor, group)
        for vendor, group in _by_vendor(segment, GoneReading):
            written.gone += group
            if watch is None:
                delisted.write(connection, vendor, group)
        for vendor, group in _by_vendor(segment, SecondReading):
            held_changes.second(connection, vendor, group)
        for odd in (item for item in segment if isinstance(item, OddPage)):
            kept_pages.keep(connection, odd.vendor, odd.page, reason=odd.reason, job_id=job_id, at=odd.read_at)
        for reading in (item for item in segment if isinstance(item, ListingReading)):
            written.readings.append(reading)
            if watch is None:
                listings.record(connection, reading, now=now)
    return written


def _segments(items: Iterable[Any]) -> Iterator[list[Any]]:
    """Cut where order matters: an entry behind the same key's product page, or behind its listing's reading."""
    segment: list[Any] = []
    ended: set[tuple[str, str]] = set()
    for item in items:
        if isinstance(item, ListingEntry) and {(item.vendor, item.key), (item.vendor, item.listing)} & ended:
            yield segment
            segment, ended = [], set()
        segment.append(item)
        if isinstance(item, Product):
            ended.add((item.vendor, item.key))
        elif isinstance(item, ListingReading):
            ended.add((item.vendor, item.listing))
    yield segment


def _by_vendor(items: list[Any], kind: type[Any]) -> Iterator[tuple[str, list[Any]]]:
    chosen = sorted((item for item in items if isinstance(item, kind)), key=lambda item: item.vendor)
    for vendor, group in groupby(chosen, key=lambda item: item.vendor):
        yield vendor, list(group)
