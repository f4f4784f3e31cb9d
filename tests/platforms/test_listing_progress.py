from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from christmas.items import ListingReading
from christmas.platforms.listing_progress import ListingProgress

BEGUN = datetime(2026, 11, 24, 12, tzinfo=UTC)
ENDED = BEGUN + timedelta(seconds=5)


@pytest.fixture
def progress() -> ListingProgress:
    return ListingProgress("bells_example")


async def _ended(progress: ListingProgress) -> bool:
    waiting = asyncio.ensure_future(progress.wait())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    ended = waiting.done()
    waiting.cancel()
    return ended


def ended(progress: ListingProgress) -> bool:
    return asyncio.run(_ended(progress))


def test_a_page_is_claimed_once(progress: ListingProgress) -> None:
    listing = progress.begin("/1995", 1995, BEGUN)
    assert [listing.visit("a"), listing.visit("b"), listing.visit("a")] == [True, True, False]
    assert listing.pending == 2


def test_the_last_page_gives_the_reading(progress: ListingProgress) -> None:
    listing = progress.begin("/1995", 1995, BEGUN)
    listing.visit("a")
    listing.visit("b")
    listing.entries = 30
    assert progress.page_done(listing, BEGUN) is None
    assert progress.page_done(listing, ENDED) == ListingReading(
        "bells_example", "/1995", 1995, entries=30, complete=True, started_at=BEGUN, finished_at=ENDED, pages=2
    )


def test_a_failed_page_makes_the_reading_incomplete(progress: ListingProgress) -> None:
    listing = progress.begin("/1995", None, BEGUN)
    listing.visit("a")
    listing.failed = True
    reading = progress.page_done(listing, ENDED)
    assert reading is not None
    assert not reading.complete


def test_it_waits_for_the_index(progress: ListingProgress) -> None:
    assert not ended(progress)
    progress.close_one()
    assert ended(progress)


def test_it_waits_for_every_listing(progress: ListingProgress) -> None:
    first, second = (progress.begin(path, 1995, BEGUN) for path in ("/a", "/b"))
    first.visit("a")
    second.visit("b")
    progress.close_one()
    progress.page_done(first, ENDED)
    assert not ended(progress)
    progress.page_done(second, ENDED)
    assert ended(progress)


def test_listings_that_end_before_the_index_does(progress: ListingProgress) -> None:
    listing = progress.begin("/a", 1995, BEGUN)
    listing.visit("a")
    progress.page_done(listing, ENDED)
    assert not ended(progress)
    progress.close_one()
    assert ended(progress)


def test_a_closing_run_waits_for_nothing(progress: ListingProgress) -> None:
    progress.begin("/a", 1995, BEGUN)
    progress.abandon()
    assert ended(progress)
