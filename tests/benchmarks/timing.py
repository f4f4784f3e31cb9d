"""What it costs to measure one request: the calls around the transport, with a transport that answers at once."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

from scrapy import Request
from scrapy.http import Response, TextResponse

from christmas.metrics.recorder import Recorder
from christmas.middlewares.timing import Timing
from tests.benchmarks.figures import Figure, against

GOAL_MICROSECONDS = 25.0


def measure(requests: int, runs: int) -> list[Figure]:
    """Alternate with and without; CPU of this thread, so that other load counts less."""
    measured = [
        (_microseconds(requests, watched=True) - _microseconds(requests, watched=False)) for _ in range(runs + 1)
    ]
    return [
        against(
            "CPU of measuring one request / goal's 25 µs", measured[1:], "µs", GOAL_MICROSECONDS, 1,
            more_is_better=False,
        )
    ]  # fmt: skip


def _microseconds(requests: int, *, watched: bool) -> float:
    """Return the CPU microseconds of one request."""
    crawler: Any = SimpleNamespace(spider=SimpleNamespace(recorder=Recorder()))
    timing = Timing(crawler)
    request = Request("https://shop.example/")
    request.meta["download_latency"] = 0.2
    response = TextResponse(request.url)

    async def download(request: Request) -> Response:
        return response

    async def all_of_them() -> float:
        began = time.thread_time()
        for _ in range(requests):
            await (timing.measured(download, request) if watched else download(request))
        return time.thread_time() - began

    return asyncio.run(all_of_them()) / requests * 1e6
