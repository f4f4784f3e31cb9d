"""The stage ``products``: the selected keys' own pages."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from christmas.errors import ReadingError
from christmas.items import PageUnread
from christmas.platforms.stages import selection
from christmas.platforms.stages.stage import Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy import Request
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from christmas.items import OddPage, Product

# On one page of this number all sources are read and compared; the others take the fast path.
COMPARED_ONE_IN = 50


class Products(Stage):
    """Reads product pages."""

    async def requests(self) -> AsyncIterator[Request]:
        """Yield the pages of the keys that ``which`` selects."""
        spider = self.spider
        self.count("pages/planned", await selection.count(spider))
        async for row in selection.pages(spider):
            yield self.request(row.url, self.parse_product, self.product_failed, page="product", key=row.key)

    def parse_product(self, response: Response, key: str) -> Iterator[Product | PageUnread | OddPage]:
        """Read one product page; on a sample of them all sources are compared."""
        compared = crc32(f"{self.spider.job_id}{key}".encode()) % COMPARED_ONE_IN == 0
        try:
            product, facts = self.read_product(response, key, fully=compared)
        except ReadingError as error:
            self.product_unreadable(response, error)
            yield from self.keep_unreadable(response, error)
            yield self._unread(response.url, key, "unreadable")
            return
        self.count("reading/compared", int(compared))
        for sentence in facts.disagreements:
            self.count("reading/disagreements")
            self.spider.logger.warning("%s: %s", response.url, sentence)
        for source in product.source.split("+"):
            self.count(f"pages/source/{source}")
        if facts.disagreements and product.page is not None:
            yield from self.keep(product.page, facts.disagreements[0])
        yield product

    def product_failed(self, failure: Failure) -> Iterator[PageUnread]:
        """Note a page that could not be had; one that the shop does not have is not asked for again."""
        if self.note_failure(failure, product=True):
            yield self._unread(failure.request.url, failure.request.cb_kwargs["key"], "missing")

    def _unread(self, url: str, key: str, reason: str) -> PageUnread:
        spider = self.spider
        return PageUnread(vendor=spider.name, key=key, url=spider.own_url(url), reason=reason, read_at=spider.now())
