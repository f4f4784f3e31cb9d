"""Last step: write items to the catalog, in batches, in a thread."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from christmas.catalog.writing import store
from christmas.config import current
from christmas.db import database
from christmas.errors import ChristmasError, DatabaseUnavailable, LeaseLost
from christmas.jobs import queue
from christmas.platforms.integration import Integration
from christmas.platforms.signals import store_wanted

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from sqlalchemy import Engine

    from christmas.auditor.quarantine import Quarantine
    from christmas.config import Config

logger = logging.getLogger(__name__)

# A thousand items a transaction is where the rate per item stops growing.
BATCH_ITEMS = 1000
# Items carry their pages until it is known whether these are to be kept.
BATCH_BYTES = 16 * 2**20
# A run that is killed loses at most so much work.
FLUSH_SECONDS = 5.0


class Store:
    """Buffers items and writes them in order; an unavailable database closes the run as ``store_failed``."""

    def __init__(self, crawler: Crawler, config: Config, quarantine: Quarantine) -> None:
        self.crawler = crawler
        self.config = config
        self.quarantine = quarantine
        self.buffer: list[Any] = []
        self.page: Any = None  # the last one that a buffered item carries
        self.page_bytes = 0
        self.writing = asyncio.Lock()
        self.failure: ChristmasError | None = None
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self.engine: Engine | None = None
        self.timer: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build from the crawler's run; raise NotConfigured for a spider that is no integration."""
        step = cls(crawler, current(), Integration.of(crawler).quarantine)
        crawler.signals.connect(step.flush, signal=store_wanted)
        return step

    async def open_spider(self) -> None:
        """Open the catalog and bring it up to date; raise DatabaseUnavailable where that is impossible."""
        self.engine = await self._in_thread(self._open)
        self.timer = asyncio.get_running_loop().create_task(self._flush_now_and_then())

    async def process_item(self, item: Any) -> Any:
        """Take one item; waits while a full batch is being written."""
        self.buffer.append(item)
        page = getattr(item, "page", None)
        if page is not None and page is not self.page:
            self.page = page
            self.page_bytes += len(page.body)
        if len(self.buffer) >= BATCH_ITEMS or self.page_bytes >= BATCH_BYTES:
            await self.flush()
        return item

    async def flush(self) -> None:
        """Write what is buffered; what is not written for want of a database is counted and reported."""
        async with self.writing:
            batch, self.buffer, self.page_bytes = self.buffer, [], 0
            if not batch:
                return
            if self.failure is None:
                try:
                    written = await self._in_thread(self._write, batch)
                except (DatabaseUnavailable, LeaseLost) as error:
                    self._fail(error)
                else:
                    self._count(written)
                    return
            self._inc("store/lost", len(batch))

    async def close_spider(self) -> None:
        """Write the rest."""
        async with self.writing:  # a batch that is being written is counted before its task ends
            if self.timer:
                self.timer.cancel()
        await self.flush()
        self.executor.shutdown()

    async def _flush_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def _in_thread(self, function: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *args)

    def _open(self) -> Engine:
        engine = database.get_engine(self.config)
        database.upgrade(engine)
        return engine

    def _write(self, batch: list[Any]) -> Any:
        assert self.engine is not None  # noqa: S101  # opened before the first item
        with database.begin(self.engine) as connection:
            spider: Any = self.crawler.spider
            now = datetime.now(UTC)
            if queue.heartbeat(connection, spider.job_id, spider.attempt, now) == "lost":
                raise LeaseLost(f"Attempt {spider.attempt} at job {spider.job_id} was taken over.")
            written = store.write(connection, batch, job_id=spider.job_id, now=now, watch=self.quarantine)
            self.quarantine.stored(written)
            if self.quarantine.full:
                self.quarantine.judge_early(connection)
            return written

    def _fail(self, error: ChristmasError) -> None:
        self.failure = error
        logger.error("%s Nothing more is fetched; what was stored before stands.", error)
        self._inc("store/failed")
        if self.crawler.engine:
            reason = "lease_lost" if isinstance(error, LeaseLost) else "store_failed"
            self.crawler.engine.close_spider(self.crawler.spider, reason)

    def _count(self, written: Any) -> None:
        for name, number in written.counts().items():
            if number:
                self._inc(f"store/{name}", number)

    def _inc(self, what: str, by: int = 1) -> None:
        if self.crawler.stats:
            self.crawler.stats.inc_value(what, by)
