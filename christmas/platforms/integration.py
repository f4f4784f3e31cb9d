"""The base of every spider: arguments, year links, listings, product pages."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

import scrapy
from scrapy import Request
from scrapy.exceptions import NotConfigured

from christmas.config import current
from christmas.errors import ConfigurationError
from christmas.jobs import spider_arguments
from christmas.platforms.listing_progress import ListingProgress
from christmas.platforms.signals import store_wanted
from christmas.reading.urls import url_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

    from christmas.auditor.quarantine import Quarantine
    from christmas.config import Config
    from christmas.metrics.recorder import Recorder
    from christmas.reading.marks import Marks


class Integration(scrapy.Spider):
    """One vendor.

    1. Inherit from the base of the vendor's shop platform.
    2. Set ``name`` (the domain in snake case), ``base_url`` and ``year_index`` (a path).
    3. Optionally set ``currency`` (ISO 4217, for pages that do not say), ``download_delay_seconds``, ``concurrency``.

    The rest comes from here: see DESIGN's stages. Catalog URLs are always the vendor's own, also when the
    configuration's ``base_url`` sends the requests to a sample shop.
    """

    base_url: ClassVar[str] = ""
    year_index: ClassVar[str] = ""
    currency: ClassVar[str] = "USD"
    download_delay_seconds: ClassVar[float | None] = None
    concurrency: ClassVar[int | None] = None
    marks: ClassVar[tuple[Marks, ...]] = ()
    recorder: Recorder | None = None

    def __init__(self, config: Config, job_id: str | None = None, attempt: int | None = None, **given: Any) -> None:
        if not self.base_url.startswith("http") or not self.year_index.startswith("/"):
            raise ConfigurationError(f"{type(self).__name__} must set base_url (absolute) and year_index (a path).")
        super().__init__()
        self.config = config
        self.arguments = spider_arguments.parse(**given)
        self.job_id = job_id or uuid4().hex
        self.attempt = attempt
        self.fetched_from = config.vendor(self.name).base_url or self.base_url
        host = urlsplit(self.fetched_from).hostname or ""
        if not config.may_be_read(self.name):
            raise ConfigurationError(
                f"{self.name} is a real shop: set CHRISTMAS__CONTACT_URL to a page or mailto: address where its owner "
                "can reach you before reading it."
            )
        self.allowed_domains = [host]
        self.odd_pages = 0
        self.progress = ListingProgress(self.name)

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Build from the crawler; a node gives ``_job``, the job's id, and ``_attempt``, which it has claimed."""
        attempt = kwargs.pop("_attempt", None)
        job_id = kwargs.pop("_job", None)
        spider = cls(current(), job_id, None if attempt is None else int(attempt), *args, **kwargs)
        spider._set_crawler(crawler)
        crawler.signals.connect(spider.progress.abandon, signal=scrapy.signals.spider_closed)
        for done in (scrapy.signals.item_scraped, scrapy.signals.item_dropped, scrapy.signals.item_error):
            crawler.signals.connect(spider.progress.item_taken, signal=done)
        return spider

    @staticmethod
    def of(crawler: Crawler) -> Integration:
        """Return the crawler's integration; raise NotConfigured where its spider is none, and has nothing to store."""
        if not isinstance(crawler.spider, Integration):
            raise NotConfigured("The spider is no integration.")
        return crawler.spider

    @cached_property
    def quarantine(self) -> Quarantine:
        """What this run would change of known products; the crawler's statistics must be there."""
        # Imported late: SQLAlchemy takes 0.3 s (measured 2026-11), and listing the spiders does not need it.
        from christmas.auditor.quarantine import Quarantine, Subject

        def latency() -> float | None:
            return self.recorder.quantile("latency", 0.5) if self.recorder else None

        assert self.crawler.stats  # noqa: S101  # Scrapy sets it before it builds pipelines
        arguments = self.arguments
        audit = arguments.stage in spider_arguments.AUDITS
        subject = Subject(self.name, self.job_id, audit, arguments.year is not None, latency)
        return Quarantine(self.config.auditor, subject, self.crawler.stats)

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Set this vendor's delay and concurrency: the configuration's, else the class's, else the common ones."""
        super().update_settings(settings)
        config = current()
        vendor, common = config.vendor(cls.name), config.politeness
        delay = _first(vendor.download_delay_seconds, cls.download_delay_seconds, common.download_delay_seconds)
        concurrency = _first(vendor.concurrency, cls.concurrency, common.concurrency)
        settings.set("DOWNLOAD_DELAY", delay, priority="spider")
        settings.set("AUTOTHROTTLE_START_DELAY", delay, priority="spider")
        settings.set("CONCURRENT_REQUESTS_PER_DOMAIN", concurrency, priority="spider")
        settings.set("AUTOTHROTTLE_TARGET_CONCURRENCY", float(concurrency), priority="spider")

    async def start(self) -> AsyncIterator[Request]:
        """Yield the requests of the stages asked for; the products stage waits for the listings and the store."""
        # Imported late: SQLAlchemy takes 0.3 s (measured 2026-11), and listing the spiders does not need it.
        from christmas.platforms.stages.audits import Audits
        from christmas.platforms.stages.links import Links
        from christmas.platforms.stages.products import Products

        stage = self.arguments.stage
        if stage in spider_arguments.AUDITS:
            async for request in Audits(self).requests(stage):
                yield request
        if stage in {None, "links"}:
            async for request in Links(self).requests():
                yield request
        if stage is None:
            await self.progress.wait()
            await self.crawler.signals.send_catch_log_async(store_wanted)
        if stage in {None, "products"}:
            async for request in Products(self).requests():
                yield request

    def now(self) -> datetime:
        """Return the time, aware."""
        return datetime.now(UTC)

    def own_url(self, url: str) -> str:
        """Return the vendor's own address of a page that may have been fetched from elsewhere."""
        parts = urlsplit(url)
        return self.base_url + (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def fetch_url(self, url: str) -> str:
        """Return the address a vendor's page is fetched from."""
        parts = urlsplit(url)
        return self.fetched_from + (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def path(self, url: str) -> str:
        """Return what of an address names a page of the vendor."""
        return url_path(url, self.marks)

    def request_meta(self) -> dict[str, Any]:
        """Return what every request's ``meta`` holds; the browser mix-in adds to it."""
        return {}

    def count(self, what: str, by: int = 1) -> None:
        """Add to one of the run's counts."""
        if self.crawler.stats:
            self.crawler.stats.inc_value(what, by)


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
