"""``python -m tests.auditor.soak VENDOR healthy|BREAKAGE...``: many crawls of one sample shop in one process.

``healthy`` crawls a shop that changes as shops do; a breakage is crawled from a healthy history, then once more after
it has been set right. Each crawl is a line of JSON: scenario, step, arguments, the job's state and outcome, and how
many requests the shop got in how many seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

from christmas.demo.server import DemoServer
from christmas.demo.shops import Shop
from tests.breakages import BREAKAGES

SIZE = 240
PER_PAGE = 12
PAGES = 50
# Long enough to stand out of what a crawl in the same process takes by itself.
DELAY_SECONDS = 0.05
CRAWL_SECONDS = 20
HEALTHY_RUNS = 50
CHANGES_A_RUN = 3
NEW_YEAR = 2027
NEW_PIECES = 400
NEW_YEAR_RUN = 42

YEAR_LINKS = "christmas:year_links:*"
LINKS = {"stage": "links", "which": "all"}
PRODUCTS = {"stage": "products", "which": "scraped", "limit": PAGES}
UNSCRAPED = {"stage": "products", "which": "unscraped", "limit": PAGES}
# Where each breakage shows.
STAGES: dict[str, tuple[dict[str, Any], ...]] = {
    **dict.fromkeys(BREAKAGES, (LINKS, PRODUCTS)),
    **dict.fromkeys(("class_renamed", "names_swapped", "first_page_only", "paging_loops", "paging_never_ends",
                     "half_index", "index_empty"), (LINKS,)),
    **dict.fromkeys(("json_ld_dropped", "json_ld_price_removed", "skus_gone", "products_redirect",
                     "challenge_on_products"), (PRODUCTS,)),
}  # fmt: skip
OF_THE_INDEX = {"half_index", "index_empty"}
# The generations that the shop goes through while it is healthy; each tells all that the former did.
GENERATIONS = {
    "hallmark_ornaments_com": ("2018", "2023", "2026"),
    "hookedonhallmark_com": ("2018", "2023", "2026"),
    "ornament_shop_com": ("microdata", "json-ld"),
}
ROUND: tuple[dict[str, Any], ...] = (
    LINKS,
    PRODUCTS,
    {"stage": "links", "year": 2025},
    {"stage": "products", "year": 2021},
    LINKS,
    {"stage": "products", "year": 2025},
)
# The first run reads everything, and some read the new pieces' own pages.
SPECIAL_RUNS: dict[int, dict[str, Any]] = {0: {}, **dict.fromkeys((45, 47), UNSCRAPED)}


def event(run: int, shop: Shop, random: Random) -> str:
    """Let happen what is due before one healthy run, and name it."""
    first, *later = GENERATIONS[shop.vendor]
    events: dict[int, tuple[str, Callable[[], object]]] = {
        0: (f"generation {first}", lambda: shop.set_generation(first)),
        7: ("a sale of 30 %", lambda: shop.sale(30)),
        12: ("the end of the sale", lambda: shop.sale(0)),
        18: ("a sold-out year", lambda: shop.sell_out_year(2025)),
        25: ("20 % delisted", lambda: shop.delist(0.2, random)),
        NEW_YEAR_RUN: (f"{NEW_PIECES} new pieces", lambda: shop.add_year(NEW_YEAR, NEW_PIECES)),
    }
    for place, generation in zip((30, 34), later, strict=False):
        events[place] = (f"generation {generation}", partial(shop.set_generation, generation))
    name, happen = events.get(run, ("a few changes", lambda: shop.change_some(random, CHANGES_A_RUN)))
    happen()
    return name


@dataclass
class Soak:
    """A folder with one shop's catalog, and the crawls into it."""

    folder: Path
    shop: Shop
    kept_links: dict[bytes, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from scrapy.crawler import AsyncCrawlerRunner
        from scrapy.utils.log import configure_logging
        from scrapy.utils.project import get_project_settings

        from christmas import config
        from christmas.db import database

        self.config = config.current()
        self.engine = database.get_engine(self.config)
        database.upgrade(self.engine)
        settings = get_project_settings()
        settings.set("LOG_FILE", str(self.folder / "soak.log"))
        configure_logging(settings)
        self.runner = AsyncCrawlerRunner(settings)

    async def crawl(self, scenario: str, step: str, arguments: dict[str, Any]) -> None:
        """Crawl to the end, or stop after CRAWL_SECONDS, and print the job's record."""
        from christmas.db import database
        from christmas.jobs import records

        job_id, asked, began = uuid4().hex, self.shop.asked, time.monotonic()
        task = self.runner.crawl(self.shop.vendor, _job=job_id, **arguments)
        if not (await asyncio.wait([task], timeout=CRAWL_SECONDS))[0]:
            await self.runner.stop()
        await task
        with database.read(self.engine) as connection:
            job = records.get(connection, job_id)
        line = {
            "scenario": scenario, "step": step, "arguments": arguments,
            "state": job.state if job else "no report", "outcome": job.outcome if job else None,
            "requests": self.shop.asked - asked, "seconds": round(time.monotonic() - began, 2),
        }  # fmt: skip
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    async def healthy(self, runs: int) -> None:
        random = Random(1)
        for run in range(runs):
            name = event(run, self.shop, random)
            if run == NEW_YEAR_RUN:
                self._forget_links()  # as a week does
            await self.crawl("healthy", name, SPECIAL_RUNS.get(run, ROUND[run % len(ROUND)]))

    async def broken(self, names: list[str]) -> None:
        await self._history()
        for name in names:
            for arguments in STAGES[name]:
                self._restore(with_links=name not in OF_THE_INDEX)
                self.shop.breakage = BREAKAGES[name]
                await self.crawl(name, "broken", arguments)
                self.shop.breakage = None
                await self.crawl(name, "mended", arguments)

    async def _history(self) -> None:
        """Crawl often enough for a history, and keep it."""
        random = Random(1)
        await self.crawl("history", "first", {})
        for _ in range(3):
            self.shop.change_some(random, CHANGES_A_RUN)
            await self.crawl("history", "again", LINKS)
            await self.crawl("history", "again", PRODUCTS)
        with self._database("christmas.db") as source, self._database("history.db") as target:
            source.backup(target)
        with self._redis() as client:
            self.kept_links = {name: client.get(name) for name in client.keys(YEAR_LINKS)}

    def _restore(self, *, with_links: bool) -> None:
        with self._database("history.db") as source, self._database("christmas.db") as target:
            source.backup(target)
        self._forget_links()
        if with_links:
            with self._redis() as client:
                client.mset(self.kept_links)

    def _forget_links(self) -> None:
        with self._redis() as client:
            for name in client.keys(YEAR_LINKS):
                client.delete(name)

    def _database(self, name: str) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(self.folder / name))

    def _redis(self) -> closing[Any]:
        from christmas import valkey

        return closing(valkey.connect(self.config))


@contextmanager
def services(vendor: str, folder: Path) -> Iterator[Shop]:
    """Run the sample shop and, once something connects to it, the embedded Valkey; this process reads the shop."""
    with DemoServer(size=SIZE, per_page=PER_PAGE) as server:
        shop = server.shops[vendor]
        shop.delay_seconds = DELAY_SECONDS
        os.environ |= {
            "SCRAPY_SETTINGS_MODULE": "christmas.settings",
            "CHRISTMAS__VAR_PATH": str(folder),
            f"CHRISTMAS__VENDORS__{vendor.upper()}__BASE_URL": shop.base_url,
            "CHRISTMAS__POLITENESS__DOWNLOAD_DELAY_SECONDS": "0",
            "CHRISTMAS__POLITENESS__CONCURRENCY": "4",
            "CHRISTMAS__POLITENESS__BACKOFF_BASE_SECONDS": "0.01",
        }
        yield shop
    from christmas import valkey

    valkey.release(folder / "valkey")


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run to the end in Scrapy's reactor."""
    from scrapy.utils.defer import deferred_f_from_coro_f
    from scrapy.utils.project import get_project_settings
    from scrapy.utils.reactor import install_reactor

    settings = get_project_settings()
    install_reactor(settings["TWISTED_REACTOR"], settings["ASYNCIO_EVENT_LOOP"])
    from twisted.internet import task

    try:
        task.react(lambda _: deferred_f_from_coro_f(main)())
    except SystemExit as ended:
        if ended.code:
            raise


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.auditor.soak", description=__doc__)
    parser.add_argument("vendor", choices=sorted(GENERATIONS))
    parser.add_argument("scenarios", nargs="+", choices=["healthy", *BREAKAGES], metavar="healthy|BREAKAGE")
    parser.add_argument("--runs", type=int, default=HEALTHY_RUNS, help="healthy crawls")
    parser.add_argument("--folder", type=Path, help="keep catalog and log there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.folder or Path(temporary)).absolute()
        with services(given.vendor, folder) as shop:

            async def everything() -> None:
                soak = Soak(folder, shop)
                if "healthy" in given.scenarios:
                    await soak.healthy(given.runs)
                else:
                    await soak.broken(given.scenarios)

            run(everything)


if __name__ == "__main__":
    main()
