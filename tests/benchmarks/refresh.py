"""How many requests a full refresh costs, and whether every price and stock is right afterwards."""

from __future__ import annotations

import random
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from christmas.catalog import product_lists
from christmas.catalog.filters import Filters
from christmas.catalog.writing import store
from christmas.db import database
from christmas.demo.server import DemoServer
from christmas.demo.shops import Shop
from christmas.items import Product
from tests.benchmarks.crawling import crawl
from tests.benchmarks.figures import Figure, against

PAGE_SIZES = (12, 24, 100)
VENDORS = ("hallmark_ornaments_com", "ornament_shop_com")


def measure(
    size: int, vendors: tuple[str, ...] = VENDORS, page_sizes: tuple[int, ...] = PAGE_SIZES, *, crawled: bool = True
) -> list[Figure]:
    """Crawl shops of ``size`` once, then refresh them at several page sizes after prices have changed.

    Where they are not ``crawled``, the catalog is filled with what they sell.
    """
    figures = []
    with tempfile.TemporaryDirectory() as name, DemoServer(size=size, per_page=100) as server:
        for vendor in vendors:
            folder = Path(name) / vendor
            shop = server.shops[vendor]
            if crawled:
                crawl(folder, vendor, shop.base_url)
            else:
                _fill(folder, shop)
            chance = random.Random(vendor)
            for per_page in page_sizes:
                shop.per_page = per_page
                shop.change_some(chance, size // 20)
                shop.clear()
                crawl(folder, vendor, shop.base_url, stage="links", which="all")
                spent = len([hit for hit in shop.requests if hit.path not in {"/robots.txt", shop.kind.year_index}])
                wrong = _wrong(folder, shop.truth())
                if wrong:
                    raise AssertionError(f"{vendor} at {per_page} a page: {wrong} of {size} products are wrong")
                figures.append(
                    against(
                        f"refresh {size:,} of {vendor}, {per_page} a page, all right: listing requests / ceil(n/page)",
                        [float(spent)],
                        "requests",
                        float(-(-size // per_page)),
                        1.05,
                        more_is_better=False,
                    )
                )
    return figures


def _fill(folder: Path, shop: Shop) -> None:
    folder.mkdir()
    engine = database.open_engine(f"sqlite:///{folder / 'christmas.db'}")
    database.upgrade(engine)
    now = datetime.now(UTC)
    items = [
        Product(
            vendor=shop.vendor, key=key, url=f"https://{shop.vendor}.example{offer.path}", name=offer.name,
            sku=offer.sku, price_minor=offer.price_minor, price_min_minor=offer.price_min_minor,
            price_max_minor=offer.price_max_minor, list_price_minor=offer.list_price_minor, currency="USD",
            availability=offer.availability, release_year=offer.release_year, source="json-ld", read_at=now,
        )
        for key, offer in shop.truth().items()
    ]  # fmt: skip
    with database.begin(engine) as connection:
        store.write(connection, items, job_id="bench", now=now)


def _wrong(folder: Path, truth: dict[str, object]) -> int:
    with database.read(database.open_engine(f"sqlite:///{folder / 'christmas.db'}")) as connection:
        stored = {
            row.key: (row.price_minor, row.list_price_minor, row.availability)
            for row in product_lists.find(connection, Filters(gone=True))
        }
    right = {
        key: (offer.price_minor, offer.list_price_minor, offer.availability.value)  # type: ignore[attr-defined]
        for key, offer in truth.items()
    }
    return sum(stored.get(key) != value for key, value in right.items()) + len(stored.keys() - right.keys())
