"""The stage ``links``: the year index, kept for a week, and the listings that are due."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from christmas.auditor.verdict import LEFT_OF_INDEX
from christmas.errors import ReadingError
from christmas.items import YearLink
from christmas.platforms import convert
from christmas.platforms.stages import selection
from christmas.platforms.stages.stage import Stage
from christmas.platforms.year_links import YearLinkCache
from christmas.reading.listing import read_listing
from christmas.reading.year_index import read_year_index

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy import Request
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from christmas.items import ListingEntry, ListingReading, OddPage
    from christmas.platforms.integration import Integration
    from christmas.platforms.listing_progress import Listing
    from christmas.reading.facts import ListingFacts


class Links(Stage):
    """Reads listings, page after page, to their entries."""

    def __init__(self, spider: Integration) -> None:
        super().__init__(spider)
        self.progress = spider.progress
        self.year_links = YearLinkCache(spider.config, spider.name, spider.fetched_from)

    async def requests(self) -> AsyncIterator[Request]:
        """Yield the listings that are due, or the index where no year links are kept."""
        links = await asyncio.to_thread(self.year_links.load)
        if links:
            for request in await self._listings(links):
                yield request
            self.progress.close_one()
        else:
            yield self.request(self.spider.year_index, self.parse_year_index, self.index_failed, page="index")

    async def parse_year_index(self, response: Response) -> AsyncIterator[Request]:
        """Read the year links, keep them, and ask for the listings that are due."""
        spider = self.spider
        try:
            page = self.page(response)
            years = read_year_index(page.body, page.url, page.encoding, spider.marks)
            links = [YearLink(spider.name, one.year, spider.own_url(one.url)) for one in years]
            self.count("pages/read")
            self.count("index/links", len(links))
            known = await selection.known_listings(spider)
            if len(links) >= LEFT_OF_INDEX * known:  # else it is broken, and is read again the next time
                await asyncio.to_thread(self.year_links.save, links)
            for request in await self._listings(links):
                yield request
        except ReadingError as error:
            self.count("index/unreadable")
            self.unreadable(response.url, error)
        finally:
            self.progress.close_one()

    def index_failed(self, failure: Failure) -> None:
        """Count an index that could not be had."""
        self.note_failure(failure, product=False)
        self.count("index/failed")
        self.progress.close_one()

    async def _listings(self, links: list[YearLink]) -> list[Request]:
        spider, arguments = self.spider, self.spider.arguments
        self.count("listings/known", len(links))
        wanted = [link for link in links if arguments.year in {None, link.year}]
        if arguments.which != "all" and arguments.year is None:
            wanted = await selection.due_links(spider, wanted)
        self.count("listings/due", len(wanted))
        self.count("pages/planned", len(wanted))
        return [self._first_page(link) for link in wanted]

    def _first_page(self, link: YearLink) -> Request:
        spider = self.spider
        listing = self.progress.begin(spider.path(link.url), link.year, spider.now())
        listing.visit(spider.fetch_url(link.url))
        return self._page_of(listing, link.url)

    def _page_of(self, listing: Listing, url: str) -> Request:
        return self.request(url, self.parse_listing, self.listing_failed, page="listing", listing=listing)

    def parse_listing(
        self, response: Response, listing: Listing
    ) -> Iterator[ListingEntry | ListingReading | OddPage | Request]:
        """Read one page of a listing; the last one yields the listing's reading."""
        self.count("pages/listings")
        try:
            yield from self._read_listing(response, listing)
        except ReadingError as error:
            listing.failed = True
            self.count("pages/listings_unreadable")
            self.unreadable(response.url, error)
            yield from self.keep_unreadable(response, error)
        yield from self._page_done(listing)

    def _read_listing(self, response: Response, listing: Listing) -> Iterator[ListingEntry | Request]:
        spider, now = self.spider, self.spider.now()
        page = self.page(response)
        facts = read_listing(page.body, page.url, page.encoding, spider.marks)
        self.count("pages/read")
        following = [facts.next_url] if facts.next_url else []
        if _prefers_view_all(facts, listing):
            listing.paged_from = response.url
            following = [str(facts.view_all_url)]
        else:
            entries = [convert.entry(spider, entry, listing, now, page) for entry in facts.entries]
            if not listing.is_news(entries):
                listing.looped, following = True, []
            for entry in entries:
                listing.entries += 1
                self.progress.item_given()
                yield entry
        if not facts.entries:
            following += facts.subcategories
        for url in following:
            if urlsplit(url).hostname in spider.allowed_domains and listing.visit(url):
                # Before the first pages of other listings: few are open at a time, and each ends early.
                yield self._page_of(listing, url).replace(priority=1)
            elif url == facts.next_url:
                listing.looped = True

    def listing_failed(self, failure: Failure) -> Iterator[ListingReading | Request]:
        """Note a page that could not be had: its listing is incomplete."""
        self.note_failure(failure, product=False)
        listing: Listing = failure.request.cb_kwargs["listing"]
        if listing.paged_from:
            # The View All page failed or is too large: read page by page after all.
            again, listing.paged_from = listing.paged_from, ""
            listing.pending += 1
            yield self._page_of(listing, again)
        else:
            listing.failed = True
        yield from self._page_done(listing)

    def _page_done(self, listing: Listing) -> Iterator[ListingReading]:
        reading = self.progress.page_done(listing, self.spider.now())
        if reading:
            yield reading


def _prefers_view_all(facts: ListingFacts, listing: Listing) -> bool:
    return bool(facts.next_url and facts.view_all_url) and len(listing.visited) == 1
