"""Product pages a second through everything, against a bare spider and against no framework at all."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from christmas.demo.server import DemoServer, page
from tests.benchmarks.crawling import crawl, run, shops
from tests.benchmarks.figures import Figure, against

VENDOR = "ornament_shop_com"
HERE = Path(__file__).parent


def measure(size: int, runs: int) -> list[Figure]:
    """Alternate the three readers over the same shop; christmas starts from a catalog that knows the keys only."""
    ours: list[float] = []
    bare: list[float] = []
    client: list[float] = []
    with tempfile.TemporaryDirectory() as name, shops("--size", str(size), "--per-page", "100") as addresses:
        address = addresses[VENDOR]
        shop = DemoServer(size=size).shops[VENDOR]  # the same goods: only their paths are taken
        urls = Path(name) / "urls.txt"
        offers = list(shop.truth().values())
        urls.write_text("\n".join(address + offer.path for offer in offers), encoding="utf-8")
        body = len((page(shop, offers[0].path) or "").encode())
        for turn in range(runs):
            folder = Path(name) / str(turn)
            crawl(folder, VENDOR, address, stage="links", which="all")
            ours.append(size / crawl(folder, VENDOR, address, stage="products", which="unscraped"))
            command = [sys.executable, "-m", "scrapy", "runspider", str(HERE / "bare_spider.py")]
            # In a folder outside the project, so with Scrapy's own settings.
            bare.append(size / run(command, {"BARE_URLS": str(urls)}, Path(name)))
            done = subprocess.run(
                [sys.executable, str(HERE / "bare_client.py"), str(urls)], capture_output=True, text=True, check=True
            )
            client.append(float(done.stdout))
    what = f"product pages of {body // 1000} KB, read and stored"
    return [
        against(f"{what} / bare Scrapy spider", ours, "pages/s", bare, 1.2),
        against(f"{what} / aiohttp and selectolax, nothing stored", ours, "pages/s", client, None),
    ]
