"""The auditor's stages of a spider: second readings of held changes, of a random sample, and of gone keys."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from christmas.auditor import sample
from christmas.catalog import held_changes, products
from christmas.catalog.writing import delisted
from christmas.db import database
from christmas.errors import ReadingError
from christmas.items import Availability, GoneReading, SecondReading
from christmas.platforms import convert
from christmas.platforms.stages.stage import Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy import Request
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from christmas.catalog.products import ProductRow
    from christmas.items import Product
    from christmas.reading.facts import ProductFacts

# Single changes that one run reads again, and gone keys that it looks at, unless a limit is given.
CONFIRMED_A_RUN = 100
GONE_A_RUN = 500
_NOT_OFFERED = {Availability.OUT_OF_STOCK, Availability.DISCONTINUED}


class Audits(Stage):
    """The stages ``confirm``, ``verify`` and ``gone`` of one spider."""

    async def requests(self, stage: str) -> AsyncIterator[Request]:
        """Yield the requests of a stage."""
        look = {"confirm": self._held, "verify": self._sample, "gone": self._gone}[stage]
        requests = await asyncio.to_thread(look)
        self.count("pages/planned", len(requests))
        for request in requests:
            yield request

    def _held(self) -> list[Request]:
        spider = self.spider
        with database.read(database.get_engine(spider.config)) as connection:
            pages = held_changes.to_check(
                connection,
                spider.name,
                sample=spider.config.auditor.mass_sample,
                limit=spider.arguments.limit or CONFIRMED_A_RUN,
            )
        return [self._page(url, self.parse_held, self.held_failed, key=key) for key, url in pages]

    def _sample(self) -> list[Request]:
        spider = self.spider
        size = spider.arguments.limit or spider.config.auditor.sample
        with database.read(database.get_engine(spider.config)) as connection:
            rows = products.sample(connection, spider.name, size)
        return [self._page(row.url, self.parse_sample, self.sample_failed, known=row) for row in rows]

    def _gone(self) -> list[Request]:
        spider = self.spider
        limit = spider.arguments.limit or GONE_A_RUN
        with database.read(database.get_engine(spider.config)) as connection:
            rows = delisted.unconfirmed(connection, spider.name, datetime.now(UTC), limit=limit)
        return [self._page(row.url, self.parse_gone, self.gone_failed, key=row.key) for row in rows]

    def _page(self, url: str, callback: Any, errback: Any, **cb_kwargs: Any) -> Request:
        return self.request(url, callback, errback, page="product", **cb_kwargs)

    def parse_held(self, response: Response, key: str) -> Iterator[SecondReading]:
        """Read a product's page from all its sources."""
        spider = self.spider
        try:
            product, facts = self._read(response, key, fully=True)
        except ReadingError as error:
            self.product_unreadable(response, error)
            yield SecondReading(spider.name, key, None, (), spider.now())
            return
        yield SecondReading(spider.name, key, product, convert.prices(spider, facts), spider.now())

    def held_failed(self, failure: Failure) -> Iterator[SecondReading]:
        """Note that the page could not be had."""
        self.note_failure(failure, product=True)
        key = failure.request.cb_kwargs["key"]
        yield SecondReading(self.spider.name, key, None, (), self.spider.now())

    def parse_sample(self, response: Response, known: ProductRow) -> Iterator[Product]:
        """Compare a product's page with the catalog, and store it."""
        try:
            product, _ = self._read(response, known.key)
        except ReadingError as error:
            self.count("verify/unreadable")
            self.product_unreadable(response, error)
            return
        for name, right in sample.compare(known, product).items():
            self.count(f"verify/{'right' if right else 'wrong'}/{name}")
        yield product

    def sample_failed(self, failure: Failure) -> None:
        """Count a page that could not be had."""
        self.count("verify/unreadable")
        self.note_failure(failure, product=True)

    def parse_gone(self, response: Response, key: str) -> Iterator[GoneReading | Product]:
        """Yield whether a product that no listing shows is still offered."""
        try:
            product, _ = self._read(response, key)
        except ReadingError as error:
            if "redirect_urls" in response.meta:  # to another product, a category, or the home page
                self.count("pages/missing")
                yield self._gone_reading(key, "missing")
                return
            self.product_unreadable(response, error)
            yield self._gone_reading(key, "unreachable")
            return
        if product.availability in _NOT_OFFERED:
            yield self._gone_reading(key, "sold_out")
        else:
            yield self._gone_reading(key, "listed" if product.availability else "unreachable")
        yield product

    def gone_failed(self, failure: Failure) -> Iterator[GoneReading]:
        """Tell a page that is not there from one that cannot be reached."""
        missing = self.note_failure(failure, product=True)
        yield self._gone_reading(failure.request.cb_kwargs["key"], "missing" if missing else "unreachable")

    def _gone_reading(self, key: str, found: Literal["missing", "sold_out", "listed", "unreachable"]) -> GoneReading:
        return GoneReading(self.spider.name, key, found, self.spider.now())

    def _read(self, response: Response, key: str, *, fully: bool = False) -> tuple[Product, ProductFacts]:
        product, facts = self.read_product(response, key, fully=fully)
        product.page = None  # a second reading confirms or denies; the page that raised the doubt is kept
        return product, facts
