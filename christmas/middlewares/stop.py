"""Ending a run early, for the middlewares that decide so."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrapy.exceptions import IgnoreRequest
from twisted.python.failure import Failure

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

# Sent when what is being downloaded must be given up.
abandon = object()


def stop(crawler: Crawler, reason: str, sentence: str, *, at_once: bool = False) -> None:
    """Close the run; requests that wait for their turn are given up instead of being sent to a shop that refuses us.

    ``at_once`` gives up those that are being answered, too.
    """
    engine, spider = crawler.engine, crawler.spider
    if engine is None or spider is None:
        return
    logger.error("%s: stopping", sentence)
    for slot in engine.downloader.slots.values():
        while slot.queue:
            _, waiting = slot.queue.popleft()
            waiting.errback(Failure(IgnoreRequest(f"given up: {sentence}")))
    if at_once:
        crawler.signals.send_catch_log(abandon)
    engine.close_spider(spider, reason)
