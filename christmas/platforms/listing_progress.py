"""How far the listings of one run have been read: when the last is done, and which were read completely."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from christmas.items import ListingReading

if TYPE_CHECKING:
    from datetime import datetime

    from christmas.items import ListingEntry


@dataclass(slots=True)
class Listing:
    """One year link being read, page after page; ``path`` names it in the catalog."""

    path: str
    year: int | None
    started_at: datetime
    entries: int = 0
    failed: bool = False
    pending: int = 0
    looped: bool = False
    paged_from: str = ""  # the first page, while the View All page is being read instead of the others
    visited: set[str] = field(default_factory=set)
    keys: set[int] = field(default_factory=set)

    def is_news(self, entries: list[ListingEntry]) -> bool:
        """Note a page's entries; False where all of them stood on earlier pages: then its paging does not end."""
        new = {hash(entry.key) for entry in entries} - self.keys
        self.keys |= new
        return bool(new) or not entries

    def visit(self, url: str) -> bool:
        """Claim a page of this listing; False where it was claimed before (a paging loop)."""
        if url in self.visited:
            return False
        self.visited.add(url)
        self.pending += 1
        return True


class ListingProgress:
    """The listings of one run; ``wait`` returns when every one has ended, the index is done and all items are stored.

    Scrapy takes a callback's items after the callback has given them, so they are counted on both sides.
    """

    def __init__(self, vendor: str) -> None:
        self.vendor = vendor
        self.open = 1  # the index itself
        self.items_given = 0
        self.items_taken = 0
        self._ended = False
        self._moved = asyncio.Event()

    def begin(self, path: str, year: int | None, now: datetime) -> Listing:
        """Open one listing."""
        self.open += 1
        return Listing(path, year, now)

    def page_done(self, listing: Listing, now: datetime) -> ListingReading | None:
        """Note the end of one page; return the listing's reading when it was the last one pending."""
        listing.pending -= 1
        if listing.pending:
            return None
        self.item_given()
        self.close_one()
        return ListingReading(
            vendor=self.vendor,
            listing=listing.path,
            release_year=listing.year,
            entries=listing.entries,
            complete=not listing.failed,
            started_at=listing.started_at,
            finished_at=now,
            pages=len(listing.visited),
            looped=listing.looped,
        )

    def item_given(self) -> None:
        """Note that a callback is about to yield one item."""
        self.items_given += 1

    def item_taken(self) -> None:
        """Note that the pipelines are done with one item, stored or dropped."""
        self.items_taken += 1
        self._moved.set()

    def close_one(self) -> None:
        """Note that the index, or one listing, has ended."""
        self.open -= 1
        self._moved.set()

    def abandon(self) -> None:
        """Stop waiting: the run is being closed."""
        self._ended = True
        self._moved.set()

    async def wait(self) -> None:
        """Return when everything has ended."""
        while not self._ended and (self.open > 0 or self.items_taken < self.items_given):
            self._moved.clear()
            await self._moved.wait()
