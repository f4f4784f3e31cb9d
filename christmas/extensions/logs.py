"""A run's lines in the central log, with its job, vendor and node; its own log file stays as Scrapy makes it."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from scrapy import signals

from christmas.config import current
from christmas.logs import own_name
from christmas.logs.lines import Context
from christmas.logs.stream import StreamHandler

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler


class Logs:
    """Extension: sends what the process logs from now until the engine has stopped."""

    def __init__(self, handler: StreamHandler) -> None:
        self.handler = handler
        logging.root.addHandler(handler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build from the crawler, whose spider is there already; a node gives its name in a variable."""
        context = Context(
            service="spider",
            node=os.environ.get("CHRISTMAS_NODE_NAME") or own_name(),
            job=getattr(crawler.spider, "job_id", ""),
            vendor=crawler.spidercls.name,
        )
        handler = StreamHandler(current(), context)
        handler.setLevel(crawler.settings.get("LOG_LEVEL"))
        logs = cls(handler)
        crawler.signals.connect(logs.engine_stopped, signal=signals.engine_stopped)
        return logs

    async def engine_stopped(self) -> None:
        """Write the last lines."""
        logging.root.removeHandler(self.handler)
        await asyncio.to_thread(self.handler.finish)
