"""Latency and time to first byte of every attempt at a request, from where it is handed to the transport.

Called by the downloader itself: a downloader middleware sees a request before it waits for its turn, and an answer
after a retry's pause. The waiting is none of the shop's.
"""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from christmas.metrics.names import status_label

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

_EVENT = "requestfinished"
# What an attempt without an answer is called, by a part of the exception's name.
_OUTCOMES = (
    ("Timeout", "timeout"), ("DataLoss", "cut"), ("SSL", "tls"), ("TLS", "tls"), ("Refused", "unreachable"),
    ("Resolve", "unreachable"), ("DNS", "unreachable"), ("NoRoute", "unreachable"), ("Connect", "unreachable"),
)  # fmt: skip


class Timing:
    """Measures the attempts of one crawler; where the spider has a ``recorder``, that gets them."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    async def measured(self, download: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
        """Download, and note how long it took; in ``request.meta`` as ``ttfb_seconds`` and ``latency_seconds`` too."""
        meta = request.meta
        if meta.get("playwright"):
            _listen(meta)
        began = monotonic()
        try:
            response = await download(request)
        except Exception as error:
            self._count(outcome_of(error))
            raise
        latency = monotonic() - began
        if not meta.get("playwright"):
            meta["latency_seconds"], meta["ttfb_seconds"] = latency, meta.get("download_latency", latency)
        recorder = getattr(self.crawler.spider, "recorder", None)
        if recorder is not None:
            recorder.add(f"requests|{status_label(response.status)}")
            if "latency_seconds" in meta:
                recorder.observe("latency", meta["latency_seconds"])
                recorder.observe("ttfb", meta["ttfb_seconds"])
        return response

    def _count(self, outcome: str) -> None:
        recorder = getattr(self.crawler.spider, "recorder", None)
        if recorder is not None:
            recorder.add(f"requests|{outcome}")


def outcome_of(error: Exception) -> str:
    """Return the name of a failure: timeout, unreachable, tls, cut or other."""
    names = " ".join(kind.__name__ for kind in (type(error), type(error.__cause__)))
    if "ssl" in str(error).lower() or "tls" in str(error).lower():
        return "tls"
    return next((outcome for mark, outcome in _OUTCOMES if mark in names), "other")


def _listen(meta: dict[str, Any]) -> None:
    """Have the browser tell when the page's own document was requested and answered."""
    meta.pop("latency_seconds", None)  # of an attempt before
    meta.pop("ttfb_seconds", None)
    handlers = meta.setdefault("playwright_page_event_handlers", {})
    handlers[_EVENT] = partial(_finished, meta)


def _finished(meta: dict[str, Any], request: Any) -> None:
    """Take the browser's own times, in milliseconds from the request's start; -1 says that there was no such step."""
    if not request.is_navigation_request() or request.frame.parent_frame is not None:
        return
    times = request.timing
    starts = [times[name] for name in ("domainLookupStart", "connectStart", "requestStart") if times[name] >= 0]
    if not starts or times["responseEnd"] < 0:
        return
    meta["ttfb_seconds"] = (times["responseStart"] - min(starts)) / 1000
    meta["latency_seconds"] = (times["responseEnd"] - min(starts)) / 1000
