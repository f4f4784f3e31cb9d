"""What christmas is compared with: a bare spider that takes two fields with CSS selectors and stores nothing."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import scrapy
from scrapy.http import Response


class BareSpider(scrapy.Spider):
    """Reads the addresses in the file that BARE_URLS names."""

    name = "bare"
    custom_settings = {"DOWNLOAD_DELAY": 0, "CONCURRENT_REQUESTS_PER_DOMAIN": 8, "LOG_LEVEL": "INFO"}  # noqa: RUF012

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """Ask for every page."""
        for url in Path(os.environ["BARE_URLS"]).read_text().split():
            yield scrapy.Request(url)

    def parse(self, response: Response) -> Iterator[dict[str, str | None]]:
        """Take name and price."""
        yield {
            "name": response.css("h1.productView-title::text").get(),
            "price": response.css("[data-product-price-without-tax]::text").get(),
        }
