"""The auditor's stages of a spider: second readings of held changes, of a random sample, and of gone keys."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from christmas.auditor import sample
from christmas.errors import ReadingError
from christmas.items import Availability, GoneReading, SecondReading
from christmas.platforms import convert
from christmas.reading.product import read_product, read_product_fully

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy import Request
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from christmas.catalog.products import ProductRow
    from christmas.items import Product
    from christmas.platforms.integration import Integration

# Single changes that one run reads again, and gone keys that it looks at, unless a limit is given.
CONFIRMED_A_RUN = 100
GONE_A_RUN = 500
_NOT_OFFERED = {Availability.OUT_OF_STOCK, Availability.DISCONTINUED}
_MISSING = {404, 410}


class Audits:
    """The stages ``confirm``, ``verify`` and ``gone`` of one spider."""

    def __init__(self, spider: Integration) -> None:
        self.spider = spider

    async def requests(self, stage: str) -> AsyncIterator[Request]:
        """Yield the requests of a stage."""
        look = {"confirm": self._held, "verify": self._sample, "gone": self._gone}[stage]
        requests = await asyncio.to_thread(look)
        self.spider.count("pages/planned", len(requests))
        for request in requests:
            yield request

    def _held(self) -> list[Request]:
        from christmas.catalog import held_changes
        from christmas.db import database

        spider = self.spider
        with database.read(database.get_engine(spider.config)) as connection:
            pages = held_changes.to_check(
                connection,
                spider.name,
                sample=spider.config.auditor.mass_sample,
                limit=spider.arguments.limit or CONFIRMED_A_RUN,
            )
        return [self._request(url, self.parse_held, self.held_failed, key=key) for key, url in pages]

    def _sample(self) -> list[Request]:
        from christmas.catalog import products
        from christmas.db import database

        spider = self.spider
        size = spider.arguments.limit or spider.config.auditor.sample
        with database.read(database.get_engine(spider.config)) as connection:
            rows = products.sample(connection, spider.name, size)
        return [self._request(row.url, self.parse_sample, self.sample_failed, known=row) for row in rows]

    def _gone(self) -> list[Request]:
        from christmas.catalog.writing import delisted
        from christmas.db import database

        spider = self.spider
        limit = spider.arguments.limit or GONE_A_RUN
        with database.read(database.get_engine(spider.config)) as connection:
            rows = delisted.unconfirmed(connection, spider.name, datetime.now(UTC), limit=limit)
        return [self._request(row.url, self.parse_gone, self.gone_failed, key=row.key) for row in rows]

    def _request(self, url: str, callback: Any, errback: Any, **cb_kwargs: Any) -> Request:
        return self.spider.request(url, callback, **cb_kwargs).replace(errback=errback)

    def parse_held(self, response: Response, key: str) -> Iterator[SecondReading]:
        """Read a product's page from all its sources."""
        spider = self.spider
        product: Product | None = None
        prices: tuple[tuple[str, int | None], ...] = ()
        spider.count("pages/products")
        try:
            facts = read_product_fully(response.body, response.url, spider.encoding(response), spider.marks)
            product, prices = convert.product(spider, facts, key, response.url), convert.prices(spider, facts)
            spider.count("pages/read")
        except ReadingError as error:
            self._unreadable(response, error)
        yield SecondReading(spider.name, key, product, prices, spider.now())

    def held_failed(self, failure: Failure) -> Iterator[SecondReading]:
        """Note that the page could not be had."""
        self._failed(failure)
        key = failure.request.cb_kwargs["key"]
        yield SecondReading(self.spider.name, key, None, (), self.spider.now())

    def parse_sample(self, response: Response, known: ProductRow) -> Iterator[Product]:
        """Compare a product's page with the catalog, and store it."""
        spider = self.spider
        spider.count("pages/products")
        try:
            facts = read_product(response.body, response.url, spider.encoding(response), spider.marks)
            product = convert.product(spider, facts, known.key, response.url)
        except ReadingError as error:
            spider.count("verify/unreadable")
            self._unreadable(response, error)
            return
        spider.count("pages/read")
        for name, right in sample.compare(known, product).items():
            spider.count(f"verify/{'right' if right else 'wrong'}/{name}")
        yield product

    def sample_failed(self, failure: Failure) -> None:
        """Count a page that could not be had."""
        self.spider.count("verify/unreadable")
        self._failed(failure)

    def parse_gone(self, response: Response, key: str) -> Iterator[GoneReading | Product]:
        """Return whether a piece that no listing shows is still offered."""
        spider = self.spider
        spider.count("pages/products")
        try:
            facts = read_product(response.body, response.url, spider.encoding(response), spider.marks)
            product = convert.product(spider, facts, key, response.url)
        except ReadingError as error:
            if "redirect_urls" in response.meta:  # to another product, a category, or the home page
                spider.count("pages/missing")
                yield GoneReading(spider.name, key, "missing", spider.now())
                return
            self._unreadable(response, error)
            yield GoneReading(spider.name, key, "unreachable", spider.now())
            return
        spider.count("pages/read")
        found = (
            "sold_out" if product.availability in _NOT_OFFERED else "listed" if product.availability else "unreachable"
        )
        yield GoneReading(spider.name, key, found, spider.now())  # type: ignore[arg-type]  # one of the two
        yield product

    def gone_failed(self, failure: Failure) -> Iterator[GoneReading]:
        """Tell a page that is not there from one that cannot be reached."""
        missing = self._failed(failure)
        found = "missing" if missing else "unreachable"
        key = failure.request.cb_kwargs["key"]
        yield GoneReading(self.spider.name, key, found, self.spider.now())  # type: ignore[arg-type]  # one of the two

    def _unreadable(self, response: Response, error: ReadingError) -> None:
        self.spider.count("pages/products_unreadable")
        self.spider.count("pages/redirected", int("redirect_urls" in response.meta))
        self.spider.unreadable(response.url, error)

    def _failed(self, failure: Failure) -> bool:
        """Count and log a request that brought no page; gives whether the shop says that there is none."""
        status = getattr(getattr(failure.value, "response", None), "status", None)
        missing = status in _MISSING
        self.spider.count("pages/missing" if missing else "pages/failed")
        self.spider.logger.warning("%s was not read: %s", failure.request.url, failure.getErrorMessage())
        return missing
