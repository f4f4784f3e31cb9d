"""No request without a valid lease: a run that was taken over, or cannot tell, must not fetch beside the next one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scrapy.core.downloader import Downloader
from scrapy.exceptions import IgnoreRequest

from christmas.middlewares.stop import abandon, stop
from christmas.middlewares.timing import Timing

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.core.downloader.handlers import DownloadHandlers
    from scrapy.crawler import Crawler
    from scrapy.http import Response


class LeasedDownloader(Downloader):
    """Scrapy's downloader, which looks at the spider's lease where a request is handed over to be sent.

    A downloader middleware would look too early: behind it, a request waits for its turn, perhaps for minutes.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self.handlers = _Gate(self.handlers, crawler)  # type: ignore[assignment]  # all that the downloader calls


class _Gate:
    def __init__(self, handlers: DownloadHandlers, crawler: Crawler) -> None:
        self.handlers = handlers
        self.crawler = crawler
        self.timing = Timing(crawler)
        self.open: set[asyncio.Timeout] = set()
        crawler.signals.connect(self._abandon, signal=abandon)

    async def download_request_async(self, request: Request) -> Response:
        lease = getattr(self.crawler.spider, "lease", None)
        if lease is not None and not lease.valid:
            stop(self.crawler, "lease_lost", "The lease has run out", at_once=True)
            raise IgnoreRequest("the run has no lease any more")
        try:
            async with asyncio.timeout(None) as patience:
                self.open.add(patience)
                try:
                    return await self.timing.measured(self.handlers.download_request_async, request)
                finally:
                    self.open.discard(patience)
        except TimeoutError:
            if patience.expired():
                raise IgnoreRequest("given up: the run has no lease any more") from None
            raise

    def _abandon(self) -> None:
        for patience in self.open:
            patience.reschedule(asyncio.get_running_loop().time())
