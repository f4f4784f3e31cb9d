"""What all stages share: how a page is asked for, read, counted and kept."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal

from scrapy import Request

from christmas.errors import NothingReadable
from christmas.items import OddPage, Page
from christmas.platforms import convert
from christmas.reading.product import read_product, read_product_fully

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy.http import Response
    from twisted.python.failure import Failure

    from christmas.errors import ReadingError
    from christmas.items import Product
    from christmas.platforms.integration import Integration
    from christmas.reading.facts import ProductFacts

logger = logging.getLogger(__name__)

# The shop says that there is no such page.
MISSING = {404, 410}
# Pages that could not be read, or contradict themselves, are kept up to this number a run.
ODD_PAGES_MAX = 10
# Behind the end of a page stands at most some script of the platform's.
CLOSING_BYTES = 2000


class Stage:
    """One stage of one spider's run."""

    def __init__(self, spider: Integration) -> None:
        self.spider = spider
        self.count = spider.count

    def request(
        self, url: str, callback: Any, errback: Any, *, page: Literal["index", "listing", "product"], **cb_kwargs: Any
    ) -> Request:
        """Return the request for a page of the vendor; its ``meta`` says which ``page`` it is."""
        self.count(f"requests/{page}")
        # Every URL asked for is distinct already; a filtered request would leave its listing open for ever.
        return Request(
            self.spider.fetch_url(url), callback, errback=errback, cb_kwargs=cb_kwargs,
            meta=self.spider.request_meta() | {"page": page}, dont_filter=True,
        )  # fmt: skip

    def page(self, response: Response) -> Page:
        """Return a page as it was answered; raise NothingReadable for what is no text."""
        encoding = getattr(response, "encoding", None)
        if encoding is None:
            raise NothingReadable(f"{response.url} is not a text page.")
        page = Page(response.url, response.body, str(encoding))
        if b"</html" not in page.body[-CLOSING_BYTES:].lower():
            self.count("pages/unclosed")
        return page

    def read_product(self, response: Response, key: str, *, fully: bool = False) -> tuple[Product, ProductFacts]:
        """Read a product's page, and count it; raise ReadingError where it gives no product."""
        self.count("pages/products")
        read = read_product_fully if fully else read_product
        page = self.page(response)
        facts = read(page.body, page.url, page.encoding, self.spider.marks)
        product = convert.product(self.spider, facts, key, response.url, page)
        self.count("pages/read")
        return product, facts

    def product_unreadable(self, response: Response, error: ReadingError) -> None:
        """Count and log a product's page that gave no product."""
        self.count("pages/products_unreadable")
        self.count("pages/redirected", int("redirect_urls" in response.meta))
        self.unreadable(response.url, error)

    def unreadable(self, url: str, error: ReadingError) -> None:
        """Count and log a page that could not be read."""
        self.count("pages/unreadable")
        logger.warning("%s: %s: %s", url, type(error).__name__, error)

    def keep_unreadable(self, response: Response, error: ReadingError) -> Iterator[OddPage]:
        """Yield a page that could not be read, unless enough are kept or it is no text."""
        encoding = getattr(response, "encoding", None)
        if encoding is not None:
            yield from self.keep(Page(response.url, response.body, encoding), f"{type(error).__name__}: {error}")

    def keep(self, page: Page, reason: str) -> Iterator[OddPage]:
        """Yield a page to be kept, unless enough are."""
        spider = self.spider
        spider.odd_pages += 1
        if spider.odd_pages <= ODD_PAGES_MAX:
            spider.progress.item_given()
            yield OddPage(spider.name, reason, page, spider.now())

    def note_failure(self, failure: Failure, *, product: bool) -> bool:
        """Count and log a request that brought no page; return whether the shop says that there is no such product."""
        status = getattr(getattr(failure.value, "response", None), "status", None)
        missing = product and status in MISSING
        self.count("pages/missing" if missing else "pages/failed")
        logger.warning("%s was not read: %s", failure.request.url, failure.getErrorMessage())
        return missing
