"""The other end of the scale: aiohttp and selectolax, no framework; prints pages a second."""

import asyncio
import sys
import time
from pathlib import Path

import aiohttp
import uvloop
from selectolax.lexbor import LexborHTMLParser

WORKERS = 8


async def main(urls: list[str]) -> None:
    """Read every page with a few workers."""
    waiting = iter(urls)
    started = time.perf_counter()

    async def work(session: aiohttp.ClientSession) -> None:
        for url in waiting:
            async with session.get(url) as response:
                tree = LexborHTMLParser(await response.read())
            assert tree.css_first("h1.productView-title").text()
            price = tree.css_first("[data-product-price-without-tax]")
            assert price is None or price.text() is not None

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(work(session) for _ in range(WORKERS)))
    print(len(urls) / (time.perf_counter() - started))  # noqa: T201


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]).read_text().split()))
