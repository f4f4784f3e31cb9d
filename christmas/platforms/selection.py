"""What the catalog says is to be read: listings that are due, keys whose pages are wanted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from christmas.reading.urls import url_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from christmas.catalog.page_schedule import KeyRow, Wanted
    from christmas.config import Config
    from christmas.items import YearLink
    from christmas.jobs.spider_arguments import Arguments
    from christmas.reading.marks import Marks

# Keys are read in chunks, so that a vendor of a million keys does not fill the memory.
CHUNK = 1000


async def due_links(config: Config, vendor: str, links: list[YearLink], marks: Sequence[Marks]) -> list[YearLink]:
    """Return the year links whose listing is due to be read again."""
    return await asyncio.to_thread(_due_links, config, vendor, links, marks)


def _due_links(config: Config, vendor: str, links: list[YearLink], marks: Sequence[Marks]) -> list[YearLink]:
    from christmas.catalog.writing import listings
    from christmas.db import database

    by_path = {url_path(link.url, marks): link for link in links}
    with database.read(database.get_engine(config)) as connection:
        years = [(path, link.year) for path, link in by_path.items()]
        return [by_path[path] for path in listings.due(connection, vendor, years, datetime.now(UTC))]


async def known_listings(config: Config, vendor: str) -> int:
    """Return how many listings of a vendor were ever read."""
    return await asyncio.to_thread(_known_listings, config, vendor)


def _known_listings(config: Config, vendor: str) -> int:
    from christmas.catalog import vendor_health
    from christmas.catalog.writing import listings
    from christmas.db import database

    with database.read(database.get_engine(config)) as connection:
        return listings.known(connection, vendor, vendor_health.measure_since(connection, vendor, datetime.now(UTC)))


async def pages(config: Config, vendor: str, arguments: Arguments) -> AsyncIterator[KeyRow]:
    """Yield the keys whose own pages are to be read, in order, at most ``arguments.limit``."""
    after, left = 0, await asyncio.to_thread(_allowance, config, vendor, arguments)
    while left > 0:
        rows = await asyncio.to_thread(_chunk, config, vendor, arguments, after, min(left, CHUNK))
        for row in rows:
            yield row
        if len(rows) < min(left, CHUNK):
            return
        after, left = rows[-1].id, left - len(rows)


def _allowance(config: Config, vendor: str, arguments: Arguments) -> int:
    limit = arguments.limit if arguments.limit is not None else 10**9
    if arguments.which != "stale":
        return limit
    from christmas.catalog import page_schedule
    from christmas.db import database

    with database.read(database.get_engine(config)) as connection:
        read_today = page_schedule.pages_read_today(connection, vendor, datetime.now(UTC))
    return min(limit, max(config.sync.pages_per_day - read_today, 0))


async def count(config: Config, vendor: str, arguments: Arguments) -> int:
    """Return how many pages ``pages`` is going to give, for the progress only."""
    return await asyncio.to_thread(_count, config, vendor, arguments)


def _count(config: Config, vendor: str, arguments: Arguments) -> int:
    from christmas.catalog import page_schedule
    from christmas.db import database

    with database.read(database.get_engine(config)) as connection:
        found = page_schedule.count_pages(connection, vendor, _wanted(config, arguments))
    return min(found, _allowance(config, vendor, arguments))


def _chunk(config: Config, vendor: str, arguments: Arguments, after: int, size: int) -> list[KeyRow]:
    from christmas.catalog import page_schedule
    from christmas.db import database

    with database.read(database.get_engine(config)) as connection:
        return page_schedule.select_pages(connection, vendor, _wanted(config, arguments), limit=size, after=after)


def _wanted(config: Config, arguments: Arguments) -> Wanted:
    from christmas.catalog.page_schedule import Wanted

    everything = arguments.keys or (arguments.stage and arguments.year)
    return Wanted(
        which=arguments.which or ("all" if everything else "unscraped"),
        year=arguments.year,
        keys=arguments.keys,
        now=datetime.now(UTC),
        page_max_age_days=config.sync.page_max_age_days,
    )
