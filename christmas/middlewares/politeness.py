"""What Scrapy does not do by itself: Crawl-delay, Retry-After, back-off of the whole vendor, and no foreign hosts."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import TYPE_CHECKING

from scrapy import signals
from scrapy.exceptions import IgnoreRequest
from scrapy.extensions.throttle import AutoThrottle
from scrapy.utils.httpobj import urlparse_cached

from christmas import config
from christmas.middlewares.stop import stop

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy.robotstxt import RobotParser

    from christmas.config.sections import PolitenessConfig

logger = logging.getLogger(__name__)

TOO_MANY_REQUESTS = 429
SERVER_ERRORS = range(500, 600)
# This number of 429 or 5xx answers in a row ends the run; with the default back-off after 20 minutes of silence.
FAILURES_BEFORE_STOP = 8
# A slot without any delay does not pause; one thousandth of a second is enough to make it look at its clock.
LEAST_DELAY_SECONDS = 0.001


def retry_after_seconds(value: bytes | None, now: datetime, maximum: float) -> float | None:
    """Read a Retry-After header, seconds or an HTTP date; None where it says nothing readable, at most ``maximum``."""
    if not value:
        return None
    text = value.decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), maximum)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), maximum)


class PolitenessMiddleware:
    """Downloader middleware nearest to the network: it sees every answer, those that are tried again too."""

    def __init__(self, crawler: Crawler, politeness: PolitenessConfig) -> None:
        self.crawler = crawler
        self.politeness = politeness
        self.failures_in_a_row = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build from the crawler and the process's configuration."""
        middleware = cls(crawler, config.current().politeness)
        crawler.signals.connect(middleware.robots_parsed, signal=signals.robots_parsed)
        return middleware

    def process_request(self, request: Request) -> None:
        """Refuse every host but the vendor's own, redirects included."""
        host = urlparse_cached(request).hostname
        allowed = getattr(self.crawler.spider, "allowed_domains", None) or [host]
        if host not in allowed:
            self._count("offsite")
            raise IgnoreRequest(f"{request.url} is not on {', '.join(map(str, allowed))}")

    def process_response(self, request: Request, response: Response) -> Response:
        """Pause the vendor for as long as a 429 or 5xx answer asks, else twice as long each time."""
        if response.status != TOO_MANY_REQUESTS and response.status not in SERVER_ERRORS:
            self.failures_in_a_row = 0
            return response
        self.failures_in_a_row += 1
        now = datetime.now(UTC)
        asked = retry_after_seconds(response.headers.get(b"Retry-After"), now, self.politeness.retry_after_max_seconds)
        doubled = self.politeness.backoff_base_seconds * 2 ** (self.failures_in_a_row - 1)
        pause = asked if asked is not None else min(doubled, self.politeness.retry_after_max_seconds)
        self._pause(request, pause)
        self._count("retry_after" if asked is not None else "backoff")
        logger.warning("%s answered %d: pausing for %.1f s", request.url, response.status, pause)
        if self.failures_in_a_row == FAILURES_BEFORE_STOP:
            stop(self.crawler, "unavailable", f"{FAILURES_BEFORE_STOP} answers in a row were errors")
        return response

    def robots_parsed(self, robotparser: RobotParser, request: Request) -> None:
        """Take robots.txt's Crawl-delay as the least delay of the vendor, never shortening the configured one."""
        user_agent = self.crawler.settings["USER_AGENT"]
        seconds = robotparser.crawl_delay(user_agent)
        if not seconds:
            return
        logger.info("%s asks for %.1f s between requests", request.url, seconds)
        self._count("crawl_delay")
        self._raise_least_delay(float(seconds), request)

    def _raise_least_delay(self, seconds: float, request: Request) -> None:
        engine = self.crawler.engine
        assert engine is not None  # noqa: S101  # a request is being handled, so the engine runs
        downloader = engine.downloader
        throttle = self.crawler.get_extension(AutoThrottle)
        if throttle is not None:
            throttle.mindelay = max(throttle.mindelay, seconds)
            throttle.maxdelay = max(throttle.maxdelay, seconds)
        slots = downloader.slots
        for slot in [slots[key]] if (key := self._slot_key(request)) in slots else slots.values():
            slot.delay = max(slot.delay, seconds)
            slot.jitter = 0.0  # a jitter would go below what robots.txt asks for
            slot.concurrency = 1

    def _pause(self, request: Request, seconds: float) -> None:
        engine = self.crawler.engine
        assert engine is not None  # noqa: S101  # an answer is being handled, so the engine runs
        slot = engine.downloader.slots.get(self._slot_key(request))
        if slot is None or seconds <= 0:
            return
        slot.delay = max(slot.delay, LEAST_DELAY_SECONDS)
        # The slot sends its next request when ``delay`` has passed since ``lastseen``.
        slot.lastseen = max(slot.lastseen, monotonic() + seconds)

    @staticmethod
    def _slot_key(request: Request) -> str:
        return str(request.meta.get("download_slot") or urlparse_cached(request).hostname or "")

    def _count(self, what: str) -> None:
        if self.crawler.stats:
            self.crawler.stats.inc_value(f"politeness/{what}")
