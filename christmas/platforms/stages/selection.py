"""What the catalog says is to be read: listings that are due, keys whose pages are wanted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from christmas.catalog import page_schedule, vendor_health
from christmas.catalog.page_schedule import KeyRow, Wanted
from christmas.catalog.writing import listings
from christmas.db import database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from christmas.items import YearLink
    from christmas.platforms.integration import Integration

# Keys are read in chunks, so that a vendor of a million keys does not fill the memory.
CHUNK = 1000


async def due_links(spider: Integration, links: list[YearLink]) -> list[YearLink]:
    """Return the year links whose listing is due to be read again."""
    return await asyncio.to_thread(_due_links, spider, links)


def _due_links(spider: Integration, links: list[YearLink]) -> list[YearLink]:
    by_path = {spider.path(link.url): link for link in links}
    with database.read(database.get_engine(spider.config)) as connection:
        years = [(path, link.year) for path, link in by_path.items()]
        return [by_path[path] for path in listings.due(connection, spider.name, years, datetime.now(UTC))]


async def known_listings(spider: Integration) -> int:
    """Return how many listings of a vendor were ever read."""
    return await asyncio.to_thread(_known_listings, spider)


def _known_listings(spider: Integration) -> int:
    with database.read(database.get_engine(spider.config)) as connection:
        since = vendor_health.measure_since(connection, spider.name, datetime.now(UTC))
        return listings.known(connection, spider.name, since)


async def pages(spider: Integration) -> AsyncIterator[KeyRow]:
    """Yield the keys whose own pages are to be read, in order, at most the argument ``limit``."""
    after, left = 0, await asyncio.to_thread(_allowance, spider)
    while left > 0:
        rows = await asyncio.to_thread(_chunk, spider, after, min(left, CHUNK))
        for row in rows:
            yield row
        if len(rows) < min(left, CHUNK):
            return
        after, left = rows[-1].id, left - len(rows)


def _allowance(spider: Integration) -> int:
    arguments = spider.arguments
    limit = arguments.limit if arguments.limit is not None else 10**9
    if arguments.which != "stale":
        return limit
    with database.read(database.get_engine(spider.config)) as connection:
        read_today = page_schedule.pages_read_today(connection, spider.name, datetime.now(UTC))
    return min(limit, max(spider.config.sync.pages_per_day - read_today, 0))


async def count(spider: Integration) -> int:
    """Return how many keys ``pages`` is going to yield, for the progress only."""
    return await asyncio.to_thread(_count, spider)


def _count(spider: Integration) -> int:
    with database.read(database.get_engine(spider.config)) as connection:
        found = page_schedule.count_pages(connection, spider.name, _wanted(spider))
    return min(found, _allowance(spider))


def _chunk(spider: Integration, after: int, size: int) -> list[KeyRow]:
    with database.read(database.get_engine(spider.config)) as connection:
        return page_schedule.select_pages(connection, spider.name, _wanted(spider), limit=size, after=after)


def _wanted(spider: Integration) -> Wanted:
    arguments = spider.arguments
    everything = arguments.keys or (arguments.stage and arguments.year)
    return Wanted(
        which=arguments.which or ("all" if everything else "unscraped"),
        year=arguments.year,
        keys=arguments.keys,
        now=datetime.now(UTC),
        page_max_age_days=spider.config.sync.page_max_age_days,
    )
