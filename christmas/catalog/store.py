"""Writing a batch of items: the one way into the catalog."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from christmas.catalog import entries, listings, pages
from christmas.catalog.written import Written
from christmas.items import ListingEntry, ListingReading, PageUnread, Product

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

__all__ = ["Written", "write"]


def write(connection: Connection, items: Sequence[Any], *, job_id: str, now: datetime) -> Written:
    """Write items in one transaction; doing it twice changes nothing more. Year links are not stored."""
    written = Written()
    for segment in _segments(items):
        for vendor, group in _by_vendor(segment, ListingEntry):
            entries.write(connection, vendor, group, job_id=job_id, written=written)
        for vendor, group in _by_vendor(segment, Product):
            pages.write(connection, vendor, group, job_id=job_id, written=written)
        for vendor, group in _by_vendor(segment, PageUnread):
            pages.write_unread(connection, vendor, group)
        for reading in (item for item in segment if isinstance(item, ListingReading)):
            listings.record(connection, reading, now=now)
            written.readings += 1
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
