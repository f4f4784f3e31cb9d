"""No request without a valid lease: a run that was taken over, or cannot tell, must not fetch beside the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.exceptions import IgnoreRequest

from christmas.middlewares.stop import stop

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler


class LeaseMiddleware:
    """Lets requests pass while the spider's lease is valid."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build from the crawler."""
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Drop the request of a run whose lease has run out, and end the run."""
        lease = getattr(self.crawler.spider, "lease", None)
        if lease is not None and not lease.valid:
            stop(self.crawler, "lease_lost", "The lease has run out")
            raise IgnoreRequest("the run has no lease any more")
