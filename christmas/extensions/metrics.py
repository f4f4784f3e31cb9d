"""Takes what a run has counted and measured to Redis, every few seconds and at the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from scrapy import signals

from christmas import valkey
from christmas.config import current
from christmas.errors import RedisUnavailable
from christmas.metrics import store
from christmas.metrics.recorder import MINUTES_MAX, Recorder

if TYPE_CHECKING:
    from typing import Self

    from redis import Redis
    from scrapy.crawler import Crawler

    from christmas.config import Config

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
# Scrapy's statistics to the counts that are kept, see ``metrics.names``.
COUNTED = {
    "retry/count": "retries",
    "downloader/response_bytes": "bytes",
    "requests/listing": "requests_by_page|listing",
    "requests/product": "requests_by_page|product",
    "pages/read": "pages|read",
    "pages/unreadable": "pages|unreadable",
    "pages/blocked": "pages|blocked",
    "pages/failed": "pages|failed",
    "pages/missing": "pages|missing",
    "store/new_products": "products|new",
    "store/changed_products": "products|changed",
    "store/unchanged": "products|unchanged",
    "store/compared": "refreshed",
    "store/changes": "changes",
    "store/held": "held",
    "deduplicate/dropped": "dropped|repeated",
    "quarantine/dropped": "dropped|disbelieved",
    "store/lost": "dropped|store_failed",
}
# The same for those whose last part is the label.
LABELLED = {"validate/dropped": "dropped", "pages/source": "pages_by_source"}


class Metrics:
    """Extension; while Redis is unavailable it keeps an hour of measurements, and the crawl goes on."""

    def __init__(self, crawler: Crawler, config: Config) -> None:
        self.crawler = crawler
        self.config = config
        self.recorder = Recorder()
        self.client: Redis | None = None
        self.known: dict[str, int] = {}
        self.dropped = 0  # of what the recorder has given up, in the statistics already
        self.away = False
        self.closed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build from the crawler and the process's configuration."""
        metrics = cls(crawler, current())
        crawler.signals.connect(metrics.spider_opened, signal=signals.spider_opened)
        crawler.signals.connect(metrics.spider_closed, signal=signals.spider_closed)
        crawler.signals.connect(metrics.engine_stopped, signal=signals.engine_stopped)
        return metrics

    def spider_opened(self, spider: Any) -> None:
        """Begin to measure; a spider that is no integration is none of ours."""
        if not hasattr(spider, "job_id"):
            return
        spider.recorder = self.recorder
        self.task = asyncio.get_running_loop().create_task(self._now_and_then(spider.name))

    async def spider_closed(self) -> None:
        """Write what there is; the last that is kept for Redis is given up."""
        if self.task is None:
            return
        self.closed.set()
        await self.task
        if self.away:
            self.recorder.give_up()
        self._count_dropped()
        if self.recorder.dropped:
            logger.warning("%d measurements were dropped: Redis was unavailable", self.recorder.dropped)

    async def engine_stopped(self) -> None:
        """Write what others have counted while the spider was closed."""
        if self.task is not None and not self.away:
            await self._flush(self.crawler.spidercls.name)
        if self.client is not None:
            self.client.close()

    async def _now_and_then(self, vendor: str) -> None:
        while not self.closed.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self.closed.wait()
            await self._flush(vendor)

    async def _flush(self, vendor: str) -> None:
        self._count()
        taken = self.recorder.take()
        if not taken:
            return
        error = await asyncio.to_thread(self._write, vendor, taken)
        if error is not None:
            self.recorder.put_back(taken)
            if not self.away:
                logger.warning(
                    "Measurements are kept, for %d minutes at most, until Redis answers: %s", MINUTES_MAX, error
                )
        self.away = error is not None
        self._count_dropped()

    def _write(self, vendor: str, taken: dict[int, dict[str, int]]) -> Exception | None:
        """Write, in a thread; return what went wrong with Redis."""
        from redis import RedisError

        try:
            if self.client is None:
                self.client = valkey.connect(self.config)
            store.write(self.client, vendor, taken)
        except (RedisError, RedisUnavailable, OSError) as error:
            self.client = None
            return error
        return None

    def _count_dropped(self) -> None:
        if self.crawler.stats and self.recorder.dropped > self.dropped:
            self.crawler.stats.inc_value("metrics/dropped", self.recorder.dropped - self.dropped)
        self.dropped = self.recorder.dropped

    def _count(self) -> None:
        """Add what Scrapy's statistics have grown by."""
        stats = self.crawler.stats.get_stats() if self.crawler.stats else {}
        for stat, value in stats.items():
            name = _name(stat)
            if name is not None and (grown := int(value) - self.known.get(stat, 0)):
                self.recorder.add(name, grown)
                self.known[stat] = int(value)


def _name(stat: str) -> str | None:
    """Return the count that a statistic belongs to; None where it is not kept."""
    if stat in COUNTED:
        return COUNTED[stat]
    folder, _, label = stat.rpartition("/")
    return f"{LABELLED[folder]}|{label}" if folder in LABELLED else None
