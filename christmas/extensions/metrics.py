"""Takes what a run has counted and measured to Redis, every few seconds and at the end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from scrapy import signals

from christmas import config as configuration
from christmas import embedded
from christmas.errors import RedisUnavailable
from christmas.metrics import store
from christmas.metrics.recorder import Recorder

if TYPE_CHECKING:
    from typing import Self

    from redis import Redis
    from scrapy.crawler import Crawler

    from christmas.config import Config

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
# Scrapy's statistics to the counts that are kept; a star stands for the label.
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
LABELLED = {"validate/dropped/": "dropped|", "pages/source/": "pages_by_source|"}


class Metrics:
    """Extension; with Redis away it keeps what it has, for an hour, and the crawl goes on."""

    def __init__(self, crawler: Crawler, config: Config) -> None:
        self.crawler = crawler
        self.config = config
        self.recorder = Recorder()
        self.client: Redis | None = None
        self.known: dict[str, int] = {}
        self.warned = False
        self.timer: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build from the crawler and the process's configuration."""
        metrics = cls(crawler, configuration.current())
        crawler.signals.connect(metrics.spider_opened, signal=signals.spider_opened)
        # Not when the spider is closed: what the run has changed is written then, and counted.
        crawler.signals.connect(metrics.engine_stopped, signal=signals.engine_stopped)
        return metrics

    def spider_opened(self, spider: Any) -> None:
        """Begin to measure; a spider that is no integration is none of ours."""
        if not hasattr(spider, "job_id"):
            return
        spider.recorder = self.recorder
        self.timer = asyncio.get_running_loop().create_task(self._now_and_then(spider.name))

    async def engine_stopped(self) -> None:
        """Write the rest."""
        spider = self.crawler.spider
        if self.timer is None or spider is None:
            return
        self.timer.cancel()
        await self._flush(spider.name)
        if self.client is not None:
            self.client.close()
        if left := sum(sum(counts.values()) for counts in self.recorder.take().values()) + self.recorder.dropped:
            if self.crawler.stats:
                self.crawler.stats.inc_value("metrics/dropped", left)
            logger.warning("%d measurements of %s were given up: Redis was away", left, spider.name)

    async def _now_and_then(self, vendor: str) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self._flush(vendor)

    async def _flush(self, vendor: str) -> None:
        self._count()
        taken = self.recorder.take()
        if not taken:
            return
        from redis import RedisError

        try:
            await asyncio.shield(asyncio.to_thread(self._write, vendor, taken))
        except (RedisError, RedisUnavailable) as error:
            self.recorder.put_back(taken)
            self.client = None
            if not self.warned:
                logger.warning("Measurements wait for Redis: %s", error)
            self.warned = True
        else:
            self.warned = False

    def _write(self, vendor: str, taken: dict[int, dict[str, int]]) -> None:
        if self.client is None:
            self.client = embedded.connect(self.config)
        store.write(self.client, vendor, taken)

    def _count(self) -> None:
        """Add what Scrapy's statistics have grown by."""
        stats = self.crawler.stats.get_stats() if self.crawler.stats else {}
        for stat, value in stats.items():
            name = COUNTED.get(stat) or next(
                (
                    f"{target}{stat.removeprefix(prefix)}"
                    for prefix, target in LABELLED.items()
                    if stat.startswith(prefix)
                ),
                None,
            )
            if name is None or value == self.known.get(stat, 0):
                continue
            self.recorder.add(name, int(value) - self.known.get(stat, 0))
            self.known[stat] = int(value)
