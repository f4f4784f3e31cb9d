"""Many vendors for tests: an egg with generated spiders ``shop_01_com`` ..., and a sample shop for each of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from christmas.demo.server import DemoServer
from christmas.demo.shops import KINDS, Kind, Shop
from tests import eggs

_KIND = next(kind for kind in KINDS if kind.platform == "bigcommerce")
_SPIDER = '''"""A generated shop."""

from christmas.platforms.bigcommerce import BigCommerce


class Shop{number:02}ComSpider(BigCommerce):
    """Ornaments of a sample shop."""

    name = "shop_{number:02}_com"
    base_url = "https://www.shop-{number:02}.example"
    year_index = "{year_index}"
'''


def names(count: int) -> list[str]:
    """Return the names of so many vendors."""
    return [f"shop_{number:02}_com" for number in range(1, count + 1)]


@cache
def egg(count: int) -> bytes:
    """Return the egg of the checkout with so many further spiders; `eggs.store` deploys it to a farm."""
    spiders = {
        f"spiders/{name}.py": _SPIDER.format(number=number, year_index=_KIND.year_index)
        for number, name in enumerate(names(count), 1)
    }
    return eggs.changed(spiders)


def kinds(count: int) -> list[Kind]:
    """Return the kinds of so many sample shops."""
    return [replace(_KIND, vendor=name) for name in names(count)]


def shops(count: int, size: int = 60, per_page: int = 12) -> DemoServer:
    """Make the sample shops of so many vendors, to be used with ``with``; ``Farm`` takes them as its server."""
    return DemoServer(size, per_page=per_page, kinds=kinds(count))


def overlaps(shop: Shop) -> list[str]:
    """Tell where two runs read one shop at the same time.

    A run sends one request at a time over one connection. So two requests in flight are two runs, and so is a
    connection that goes on after another has begun.
    """
    wrong = [f"{shop.vendor} had {shop.in_flight_max} requests in flight"] if shop.in_flight_max > 1 else []
    newest = 0
    for hit in shop.requests:
        if hit.connection < newest:
            wrong.append(f"{shop.vendor}: connection {hit.connection} went on after {newest} had begun ({hit.path})")
        newest = max(newest, hit.connection)
    return wrong
