"""``python -m tests.middlewares.timed_crawl URL COUNT browser|http``: slow requests; prints what was measured."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import scrapy
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Response

from christmas.metrics.recorder import Recorder
from christmas.platforms.browser import HANDLER, find_browser

URL, COUNT, HOW = sys.argv[1], int(sys.argv[2]), sys.argv[3]
SETTINGS: dict[str, Any] = {
    "DOWNLOADER": "christmas.middlewares.lease.LeasedDownloader",
    "DOWNLOAD_DELAY": 2,
    "RANDOMIZE_DOWNLOAD_DELAY": False,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
    "TELNETCONSOLE_ENABLED": False,
    "LOG_LEVEL": "WARNING",
    "RETRY_TIMES": 0,
}
if HOW == "browser":
    SETTINGS |= {
        "DOWNLOAD_HANDLERS": {"http": HANDLER, "https": HANDLER},
        "PLAYWRIGHT_LAUNCH_OPTIONS": {"executable_path": find_browser("")},
        "PLAYWRIGHT_CONTEXTS": {"default": {"ignore_https_errors": True}},
    }


class Timed(scrapy.Spider):
    name = "timed"
    recorder = Recorder()

    async def start(self) -> AsyncIterator[scrapy.Request]:
        for number in range(COUNT):
            meta = {"playwright": True} if HOW == "browser" else {}
            yield scrapy.Request(f"{URL}/{number}", meta=meta, errback=lambda failure: None)

    def parse(self, response: Response) -> None:
        assert len(response.body) > 1000


process = AsyncCrawlerProcess(SETTINGS)
process.crawl(Timed)
process.start()
counts = sum((Counter(minute) for minute in Timed.recorder.take().values()), Counter[str]())
found = {metric: Timed.recorder.quantile(metric, 0.5) for metric in ("ttfb", "latency")}
requests = {name: count for name, count in counts.items() if name.startswith("requests|")}
sys.stdout.write(json.dumps(found | {"requests": requests}) + "\n")
