"""The store step by calling it: what it buffers, writes, asks the quarantine, and counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy.statscollectors import MemoryStatsCollector
from scrapy.utils.test import get_crawler
from sqlalchemy import Engine

from christmas.auditor.quarantine import Quarantine, Subject
from christmas.catalog import held_changes, product_lists
from christmas.catalog.filters import Filters
from christmas.config import Config
from christmas.db import database
from christmas.items import Availability, Product
from christmas.jobs import queue
from christmas.jobs.queue import NewJob
from pipelines.quarantine_step import QuarantineStep
from pipelines.store import Store

VENDOR = "bells_example"


@dataclass
class Run:
    """One run of a vendor: its steps, as the settings order them, and its counters."""

    engine: Engine
    store: Store
    step: QuarantineStep
    stats: MemoryStatsCollector

    def read(self, *items: Product) -> dict[str, int]:
        """Pass items through the steps to the end of the run; return the run's counters."""

        async def run() -> None:
            await self.store.open_spider()
            for item in items:
                assert await self.store.process_item(self.step.process_item(item)) is item
            await self.store.close_spider()

        asyncio.run(run())
        return dict(self.stats.get_stats())

    def conclude(self) -> dict[str, Any]:
        """Judge the run, and end its job so that the vendor's next one can begin."""
        self.stats.inc_value("pages/read", 1)
        spider: Any = self.store.crawler.spider
        with database.begin(self.engine) as connection:
            outcome = self.store.quarantine.conclude(connection, "finished")
            queue.complete(connection, spider.job_id, 1, state="succeeded", outcome=outcome, now=datetime.now(UTC))
        return outcome

    def price(self) -> int | None:
        with database.read(self.engine) as connection:
            (row,) = product_lists.find(connection, Filters(), limit=9)
        return row.price_minor


@pytest.fixture
def begin(tmp_path: Path) -> Callable[[str], Run]:
    url = f"sqlite:///{tmp_path / 'catalog.db'}"
    config = Config(database={"url": url})  # type: ignore[arg-type]  # pydantic makes the section
    engine = database.get_engine(config)
    database.upgrade(engine)

    def begin(job_id: str) -> Run:
        crawler = get_crawler()
        stats = MemoryStatsCollector(crawler)
        crawler.stats = stats
        crawler.spider = SimpleNamespace(name=VENDOR, job_id=job_id, attempt=1)  # type: ignore[assignment]
        with database.begin(engine) as connection:
            name = "integrator.sync_products"
            new = NewJob(id=job_id, name=name, vendor=VENDOR, consumer="integrator", arguments={})
            queue.start(connection, new, node="here", process="1", now=datetime.now(UTC))
        quarantine = Quarantine(config.auditor, Subject(VENDOR, job_id, False, False, lambda: None), stats)
        return Run(engine, Store(crawler, config, quarantine), QuarantineStep(quarantine), stats)

    return begin


def product(price_minor: int) -> Product:
    return Product(
        vendor=VENDOR, key="7", url="https://www.bells.example/7", name="1998 Bell", price_minor=price_minor,
        currency="USD", availability=Availability.IN_STOCK, source="json-ld", price_source="json-ld",
        read_at=datetime.now(UTC),
    )  # fmt: skip


def test_new_products_are_written_at_once_and_counted(begin: Callable[[str], Run]) -> None:
    run = begin("first")
    counts = run.read(product(1595))
    assert (counts["store/new_products"], run.price()) == (1, 1595)
    assert run.step.quarantine.readings.products == 1
    assert run.conclude()["health"]["state"] == "healthy"


def test_a_change_waits_for_the_end_of_the_run(begin: Callable[[str], Run]) -> None:
    first = begin("first")
    first.read(product(1595))
    first.conclude()
    second = begin("second")
    assert "store/changes" not in second.read(product(1495))
    assert second.price() == 1595
    assert second.conclude()["held"] == 0
    assert second.price() == 1495
    assert second.stats.get_value("store/changes") == 1


def test_a_price_that_jumps_is_held_with_its_reason(begin: Callable[[str], Run]) -> None:
    first = begin("first")
    first.read(product(1595))
    first.conclude()
    second = begin("second")
    second.read(product(15950))
    assert second.conclude()["held"] == 1
    assert second.price() == 1595
    with database.read(second.engine) as connection:
        (row,) = held_changes.find(connection, state="held")
    assert (row.field, row.old, row.new) == ("price_minor", "1595", "15950")
    assert row.reason == "The price is 10 times what it was."


def test_a_run_that_lost_its_lease_writes_nothing_and_says_so(
    begin: Callable[[str], Run], caplog: pytest.LogCaptureFixture
) -> None:
    run = begin("first")
    spider: Any = run.store.crawler.spider
    spider.attempt = 2
    closed: list[str] = []
    engine: Any = SimpleNamespace(close_spider=lambda _, reason: closed.append(reason))
    run.store.crawler.engine = engine
    counts = run.read(product(1595))
    assert (counts["store/lost"], counts["store/failed"], closed) == (1, 1, ["lease_lost"])
    assert "store/new_products" not in counts
    assert "was taken over" in caplog.text


def test_a_batch_that_is_being_written_at_the_end_is_counted(begin: Callable[[str], Run]) -> None:
    run = begin("first")

    async def end_while_writing() -> None:
        await run.store.open_spider()
        await run.store.process_item(product(1595))
        run.store.timer = asyncio.create_task(run.store.flush())  # as the timer does it
        while not run.store.writing.locked():
            await asyncio.sleep(0)
        await run.store.close_spider()

    asyncio.run(end_while_writing())
    assert run.stats.get_value("store/new_products") == 1
