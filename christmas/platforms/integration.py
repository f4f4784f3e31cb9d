"""The base of every spider: arguments, year links, listings, product pages."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4
from zlib import crc32

import scrapy
from scrapy import Request
from scrapy.exceptions import NotConfigured

from christmas.auditor.verdict import LEFT_OF_INDEX
from christmas.config import current
from christmas.errors import ConfigurationError, NothingReadable, ReadingError
from christmas.items import OddPage, Page, PageUnread, YearLink
from christmas.jobs import spider_arguments
from christmas.platforms import convert, selection
from christmas.platforms.audits import Audits
from christmas.platforms.listing_progress import Listing, ListingProgress
from christmas.platforms.signals import store_wanted
from christmas.platforms.year_links import YearLinkCache
from christmas.reading.listing import read_listing
from christmas.reading.product import read_product, read_product_fully
from christmas.reading.urls import url_path
from christmas.reading.year_index import read_year_index

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy.settings import BaseSettings
    from twisted.python.failure import Failure

    from christmas.auditor.quarantine import Quarantine
    from christmas.config import Config
    from christmas.items import ListingEntry, ListingReading, Product
    from christmas.metrics.recorder import Recorder
    from christmas.reading.facts import ListingFacts
    from christmas.reading.marks import Marks

logger = logging.getLogger(__name__)

# On one page in so many all sources are read and compared; the others take the fast path.
COMPARED_ONE_IN = 50
GONE = {404, 410}
# So many pages that could not be read, or contradict themselves, are kept of one run.
ODD_PAGES_MAX = 10
# Behind the end of a page stands at most some script of the platform's.
CLOSING_BYTES = 2000


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
        self.year_links = YearLinkCache(config, self.name, self.fetched_from)

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
        if self.arguments.stage in spider_arguments.AUDITS:
            async for request in Audits(self).requests(self.arguments.stage):
                yield request
            return
        if self.arguments.stage != "products":
            async for request in self._link_requests():
                yield request
        if self.arguments.stage is None:
            await self.progress.wait()
            await self.crawler.signals.send_catch_log_async(store_wanted)
        if self.arguments.stage != "links":
            self.count("pages/planned", await selection.count(self.config, self.name, self.arguments))
            async for row in selection.pages(self.config, self.name, self.arguments):
                yield self.request(row.url, self.parse_product, key=row.key)

    async def _link_requests(self) -> AsyncIterator[Request]:
        links = await asyncio.to_thread(self.year_links.load)
        if links:
            for request in await self._listing_requests(links):
                yield request
            self.progress.close_one()
        else:
            yield self.request(self.year_index, self.parse_year_index)

    async def parse_year_index(self, response: Response) -> AsyncIterator[Request]:
        """Read the year links, keep them, and ask for the listings that are due."""
        try:
            years = read_year_index(response.body, response.url, self.encoding(response), self.marks)
            links = [YearLink(self.name, one.year, self.own_url(one.url)) for one in years]
            self.count("pages/read")
            self.count("index/links", len(links))
            known = await selection.known_listings(self.config, self.name)
            if len(links) >= LEFT_OF_INDEX * known:  # else it is broken, and is read again the next time
                await asyncio.to_thread(self.year_links.save, links)
            for request in await self._listing_requests(links):
                yield request
        except ReadingError as error:
            self.count("index/unreadable")
            self.unreadable(response.url, error)
        finally:
            self.progress.close_one()

    async def _listing_requests(self, links: list[YearLink]) -> list[Request]:
        self.count("listings/known", len(links))
        wanted = [link for link in links if self.arguments.year in {None, link.year}]
        if self.arguments.which != "all" and self.arguments.year is None:
            wanted = await selection.due_links(self.config, self.name, wanted, self.marks)
        self.count("listings/due", len(wanted))
        self.count("pages/planned", len(wanted))
        return [self._first_page(link) for link in wanted]

    def _first_page(self, link: YearLink) -> Request:
        listing = self.progress.begin(url_path(link.url, self.marks), link.year, self.now())
        listing.visit(self.fetch_url(link.url))
        return self.request(link.url, self.parse_listing, listing=listing)

    def parse_listing(
        self, response: Response, listing: Listing
    ) -> Iterator[ListingEntry | ListingReading | OddPage | Request]:
        """Read one page of a listing; the last one gives the listing's reading."""
        self.count("pages/listings")
        now = self.now()
        try:
            page = self._page(response)
            facts = read_listing(page.body, page.url, page.encoding, self.marks)
            self.count("pages/read")
            following = [facts.next_url] if facts.next_url else []
            if self._prefers_view_all(facts, listing):
                listing.paged_from = response.url
                following = [str(facts.view_all_url)]
            else:
                entries = [convert.entry(self, entry, listing, now, page) for entry in facts.entries]
                if not listing.is_news(entries):
                    listing.looped, following = True, []
                for entry in entries:
                    listing.entries += 1
                    self.progress.item_given()
                    yield entry
            if not facts.entries:
                following += facts.subcategories
            for url in following:
                if self._is_own(url) and listing.visit(url):
                    # Before the first pages of other listings: few are open at a time, and each ends early.
                    yield self.request(url, self.parse_listing, listing=listing).replace(priority=1)
                elif url == facts.next_url:
                    listing.looped = True
        except ReadingError as error:
            listing.failed = True
            self.count("pages/listings_unreadable")
            yield from self._unreadable_page(response, error)
        reading = self.progress.page_done(listing, self.now())
        if reading:
            yield reading

    @staticmethod
    def _prefers_view_all(facts: ListingFacts, listing: Listing) -> bool:
        return bool(facts.next_url and facts.view_all_url) and len(listing.visited) == 1

    def parse_product(self, response: Response, key: str) -> Iterator[Product | PageUnread | OddPage]:
        """Read one product page; on a sample of them all sources are compared."""
        self.count("pages/products")
        compared = crc32(f"{self.job_id}{key}".encode()) % COMPARED_ONE_IN == 0
        read = read_product_fully if compared else read_product
        try:
            page = self._page(response)
            facts = read(page.body, page.url, page.encoding, self.marks)
            self.count("reading/compared", int(compared))
            for sentence in facts.disagreements:
                self.count("reading/disagreements")
                logger.warning("%s: %s", response.url, sentence)
            product = convert.product(self, facts, key, response.url, page)
        except ReadingError as error:
            self.count("pages/products_unreadable")
            self.count("pages/redirected", int("redirect_urls" in response.meta))
            yield from self._unreadable_page(response, error)
            yield self._page_unread(response.url, key, "unreadable")
            return
        self.count("pages/read")
        for source in product.source.split("+"):
            self.count(f"pages/source/{source}")
        if facts.disagreements:
            yield from self._odd(page, facts.disagreements[0])
        yield product

    def _page(self, response: Response) -> Page:
        page = Page(response.url, response.body, self.encoding(response))
        if b"</html" not in page.body[-CLOSING_BYTES:].lower():
            self.count("pages/unclosed")
        return page

    def _unreadable_page(self, response: Response, error: ReadingError) -> Iterator[OddPage]:
        self.unreadable(response.url, error)
        encoding = getattr(response, "encoding", None)
        if encoding is not None:
            yield from self._odd(Page(response.url, response.body, encoding), f"{type(error).__name__}: {error}")

    def _odd(self, page: Page, reason: str) -> Iterator[OddPage]:
        self.odd_pages += 1
        if self.odd_pages <= ODD_PAGES_MAX:
            self.progress.item_given()
            yield OddPage(self.name, reason, page, self.now())

    def _page_unread(self, url: str, key: str, reason: str) -> PageUnread:
        return PageUnread(vendor=self.name, key=key, url=self.own_url(url), reason=reason, read_at=self.now())

    def failed(self, failure: Failure) -> Iterator[ListingReading | PageUnread | Request]:
        """Note a request that brought no page: its listing is incomplete, a missing product is not asked for again."""
        request: Request = failure.request
        status = getattr(getattr(failure.value, "response", None), "status", None)
        key = request.cb_kwargs.get("key")
        self.count("pages/missing" if key and status in GONE else "pages/failed")
        logger.warning("%s was not read: %s", request.url, failure.getErrorMessage())
        if key and status in GONE:
            yield self._page_unread(request.url, key, "missing")
        listing = request.cb_kwargs.get("listing")
        if listing is not None and listing.paged_from:
            # The View All page failed or is too large: read page by page after all.
            again, listing.paged_from = listing.paged_from, ""
            listing.pending += 1
            yield self.request(again, self.parse_listing, listing=listing)
        elif listing is not None:
            listing.failed = True
        if listing is not None:
            reading = self.progress.page_done(listing, self.now())
            if reading:
                yield reading
        elif key is None:
            self.count("index/failed")
            self.progress.close_one()

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

    def _is_own(self, url: str) -> bool:
        return urlsplit(url).hostname in self.allowed_domains

    def request(self, url: str, callback: Any, **cb_kwargs: Any) -> Request:
        """Return the request for a page of the vendor; its ``meta`` says which ``page``: index, listing or product."""
        page = "listing" if "listing" in cb_kwargs else "product" if {"key", "known"} & cb_kwargs.keys() else "index"
        self.count(f"requests/{page}")
        # Every URL asked for is distinct already; a filtered request would leave its listing open for ever.
        return Request(
            self.fetch_url(url), callback, errback=self.failed, cb_kwargs=cb_kwargs,
            meta=self.request_meta() | {"page": page}, dont_filter=True,
        )  # fmt: skip

    def request_meta(self) -> dict[str, Any]:
        """Return what every request's ``meta`` holds; the browser mix-in adds to it."""
        return {}

    @staticmethod
    def encoding(response: Response) -> str:
        """Return a page's encoding; raises NothingReadable for what is no text."""
        encoding = getattr(response, "encoding", None)
        if encoding is None:
            raise NothingReadable(f"{response.url} is not a text page.")
        return str(encoding)

    def unreadable(self, url: str, error: ReadingError) -> None:
        """Count and log a page that could not be read."""
        self.count("pages/unreadable")
        logger.warning("%s: %s: %s", url, type(error).__name__, error)

    def count(self, what: str, by: int = 1) -> None:
        """Add to one of the run's counts."""
        if self.crawler.stats:
            self.crawler.stats.inc_value(what, by)


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
