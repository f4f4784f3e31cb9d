"""A bot challenge is 'blocked', never a product: count it, and stop the run when they do not end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrapy.exceptions import IgnoreRequest

from christmas import config
from christmas.errors import BlockedByVendor
from christmas.middlewares.stop import stop
from christmas.platforms.integration import Integration
from christmas.reading.challenge import raise_if_challenge

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

logger = logging.getLogger(__name__)


class BlockedMiddleware:
    """Downloader middleware; ``limit`` challenge pages in a row close the run with the reason ``blocked``."""

    def __init__(self, crawler: Crawler, limit: int) -> None:
        self.crawler = crawler
        self.limit = limit
        self.marks = crawler.spider.marks if isinstance(crawler.spider, Integration) else ()
        self.in_a_row = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build from the crawler and the process's configuration."""
        return cls(crawler, config.current().politeness.challenges_before_stop)

    async def process_response(self, request: Request, response: Response) -> Response:
        """Pass a page of the shop's own on; refuse a challenge."""
        try:
            raise_if_challenge(response.body, request.url, self.marks)
        except BlockedByVendor as error:
            self.in_a_row += 1
            if self.crawler.stats:
                self.crawler.stats.inc_value("pages/blocked")
                self.crawler.stats.inc_value("pages/blocked_products", int(request.meta.get("page") == "product"))
            logger.warning("%s", error)
            if self.in_a_row == self.limit:
                stop(self.crawler, "blocked", f"{self.limit} challenges in a row, the vendor blocks us")
            raise IgnoreRequest(str(error)) from error
        self.in_a_row = 0
        return response
