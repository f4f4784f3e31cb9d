"""A platform that the project does not know: its marks and its base spider are one file, and all stages read it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, ClassVar

import pytest
from lxml import etree
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import HtmlResponse
from scrapy.statscollectors import MemoryStatsCollector
from scrapy.utils.project import get_project_settings

from christmas.config import Config
from christmas.items import UNREAD, Availability, ListingEntry, ListingReading, PageUnread, Product
from christmas.platforms.integration import Integration
from christmas.platforms.listing_progress import Listing
from christmas.platforms.stages.links import Links
from christmas.platforms.stages.products import Products
from christmas.reading.facts import ProductFacts
from christmas.reading.marks import Cards, Marks, Paging, Price, ProductPage, Quick, Script
from christmas.reading.year_index import read_year_index


def read_sleigh(value: dict[str, Any]) -> ProductFacts:
    return ProductFacts(source="SleighData", sku=value.get("code") or UNREAD)


MARKS = Marks(
    name="Sleigh",
    looked_for="li.toy",
    number_in_path=re.compile(r"/toy-(\d+)$"),
    page_parameters=frozenset({"shelf"}),
    shop=(b"sleigh-shop",),
    year_links=etree.XPath("//nav[@id='years']//a[@href]"),
    cards=Cards(
        cards=etree.XPath("//li[@class='toy']"),
        links=etree.XPath(".//a[@class='toy-name']"),
        prices=(Price(etree.XPath(".//b[@class='now']"), (etree.XPath(".//i[@class='before']"),)),),
        stock=etree.XPath(".//em"),
        ids=((etree.XPath("@id"), re.compile(r"toy(\d+)")),),
    ),
    paging=Paging(next=etree.XPath("//a[@class='onward']/@href")),
    product=ProductPage(
        view=etree.XPath("//main[@class='toy-page']"),
        heading=etree.XPath("//h2[@class='toy-title']"),
        brand=etree.XPath(".//*[@class='maker']"),
        prices=(Price(etree.XPath(".//b[@class='now']"), (etree.XPath(".//i[@class='before']"),)),),
        stock=etree.XPath(".//em"),
        buttons=etree.XPath(".//button[@name='buy']"),
    ),
    ids=((b"toy-number", re.compile(rb"toy-number=\"(\d+)\"")),),
    scripts=(Script("SleighData", read_sleigh),),
    quick=Quick(more={"brand": (b'class="maker"',)}),
)


class Sleigh(Integration):
    """A vendor on Sleigh."""

    marks: ClassVar[tuple[Marks, ...]] = (MARKS,)


class BellsExampleSpider(Sleigh):
    """Bells."""

    name = "bells_example"
    base_url = "https://www.bells.example"
    year_index = "/years"


@pytest.fixture
def spider() -> BellsExampleSpider:
    crawler = Crawler(BellsExampleSpider, get_project_settings())
    crawler.stats = MemoryStatsCollector(crawler)
    found = BellsExampleSpider(Config(contact_url="https://example.org/"))
    found.crawler = crawler
    return found


def answer(path: str, body: str) -> HtmlResponse:
    url = BellsExampleSpider.base_url + path
    return HtmlResponse(url, body=f"<html>{body}</html>".encode(), encoding="utf-8", request=Request(url))


def counts(spider: Integration) -> dict[str, Any]:
    assert spider.crawler.stats
    return spider.crawler.stats.get_stats()


def toy(number: int, rest: str = "") -> str:
    return f'<li class="toy" id="toy{number}"><a class="toy-name" href="/toy-{number}">Bell {number}</a>{rest}</li>'


def read_page(spider: Integration, path: str, body: str, listing: Listing) -> list[Any]:
    return list(Links(spider).parse_listing(answer(path, body), listing))


def of_kind(kind: type[Any], found: Iterable[Any]) -> list[Any]:
    return [one for one in found if isinstance(one, kind)]


def test_its_listing_is_read_with_prices_and_stock_page_after_page(spider: BellsExampleSpider) -> None:
    listing = spider.progress.begin("/years/1998?shelf=2", 1998, spider.now())
    listing.visit(spider.base_url + "/years/1998?shelf=2")
    sale = toy(1, '<i class="before">$20.00</i><b class="now">$15.50</b><em>Pre-order</em>')
    first = read_page(
        spider, "/years/1998?shelf=2", sale + '<a class="onward" href="?shelf=2&amp;page=2">x</a>', listing
    )
    (entry,) = of_kind(ListingEntry, first)
    assert (entry.key, entry.name, entry.url) == ("1", "Bell 1", "https://www.bells.example/toy-1")
    assert (entry.price_minor, entry.list_price_minor, entry.release_year) == (1550, 2000, 1998)
    assert entry.availability is Availability.PREORDER
    (following,) = of_kind(Request, first)
    assert following.url == "https://www.bells.example/years/1998?shelf=2&page=2"
    assert of_kind(ListingReading, first) == []

    last = list(following.callback(answer("/years/1998?shelf=2&page=2", toy(2)), **following.cb_kwargs))
    (reading,) = of_kind(ListingReading, last)
    assert (reading.entries, reading.pages, reading.complete) == (2, 2, True)
    assert counts(spider)["pages/listings"] == 2


def test_a_page_without_its_cards_says_what_was_looked_for(
    spider: BellsExampleSpider, caplog: pytest.LogCaptureFixture
) -> None:
    listing = spider.progress.begin("/years/1998", 1998, spider.now())
    listing.visit(spider.base_url + "/years/1998")
    (_, reading) = read_page(spider, "/years/1998", '<article class="card">Bell</article>', listing)
    assert not reading.complete
    assert "looked for li.toy and an ItemList" in caplog.text


PAGE = (
    '<main class="toy-page" toy-number="7"><h2 class="toy-title">1998 Bell</h2><p class="maker">Bellmaker</p>'
    '<i class="before">$20.00</i><b class="now">$15.50</b>{}</main><script>var SleighData = {{"code": "QX1"}};</script>'
)


@pytest.mark.parametrize(
    ("stock", "expected"),
    [
        ('<button name="buy">Add to Cart</button>', Availability.IN_STOCK),
        ('<button name="buy" disabled>Add to Cart</button>', Availability.OUT_OF_STOCK),
        ("<em>Only 2 left</em>", Availability.LOW_STOCK),
        ("", UNREAD),
    ],
)
def test_its_product_page_is_read(spider: BellsExampleSpider, stock: str, expected: object) -> None:
    (product,) = Products(spider).parse_product(answer("/toy-7", PAGE.format(stock)), "7")
    assert isinstance(product, Product)
    assert (product.name, product.sku, product.brand) == ("1998 Bell", "QX1", "Bellmaker")
    assert (product.price_minor, product.list_price_minor, product.availability) == (1550, 2000, expected)
    assert (product.key, product.source) == ("7", "SleighData+selectors")
    assert counts(spider)["pages/read"] == 1


def test_the_page_of_another_product_is_unread(spider: BellsExampleSpider) -> None:
    (_, unread) = Products(spider).parse_product(answer("/toy-8", PAGE.format("")), "9")
    assert isinstance(unread, PageUnread)
    assert counts(spider)["pages/products_unreadable"] == 1


def test_the_fast_path_looks_for_its_marks(spider: BellsExampleSpider) -> None:
    data = {
        "@type": "Product", "name": "1998 Bell", "sku": "QX1", "image": "https://i.example/1.jpg",
        "offers": {"price": "15.50", "priceCurrency": "USD", "availability": "InStock"},
    }  # fmt: skip
    script = f'<script type="application/ld+json">{json.dumps(data)}</script>'
    sources = []
    for page in (script, script + PAGE.format("")):
        (product,) = Products(spider).parse_product(answer("/toy-7", page), "7")
        assert isinstance(product, Product)
        sources.append((product.brand, product.source))
    assert sources == [(UNREAD, "json-ld"), ("Bellmaker", "json-ld+selectors")]


def test_its_year_index_and_its_numbers(spider: BellsExampleSpider) -> None:
    body = (
        b"<nav id='years'><a href='/y/1998?shelf=3&amp;sort=price'>1998</a></nav><a class='subcat' href='/x'>1999</a>"
    )
    (found,) = read_year_index(body, spider.base_url, marks=spider.marks)
    assert (found.year, spider.path(found.url)) == (1998, "/y/1998?shelf=3")
