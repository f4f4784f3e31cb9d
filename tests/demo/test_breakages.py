"""Each breakage of a sample shop shows what it says, and leaves everything else as it was."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import pytest

from christmas.demo.faults import CHALLENGE
from christmas.demo.server import DemoServer, page
from christmas.demo.shops import Shop
from christmas.errors import NothingReadable
from christmas.items import UNREAD, Availability
from christmas.reading.facts import EntryFacts, ProductFacts
from christmas.reading.money import to_minor
from tests.breakages import BREAKAGES, EQUAL_PRICE_MINOR, RANGE_MINOR
from tests.readers import read_listing, read_product, read_product_fully, read_year_index

HALLMARK = ("hallmark_ornaments_com", "2026")
ORNAMENT = ("ornament_shop_com", "json-ld")
OLDER = [("hookedonhallmark_com", "2015"), ("hallmark_ornaments_com", "2018"), ("ornament_shop_com", "microdata")]
EVERY_PLATFORM = [HALLMARK, ORNAMENT, *OLDER]
ENTRY_FIELDS = ("url", "ids", "name", "price", "list_price", "currency", "availability")
PRODUCT_FIELDS = ("ids", "name", "sku", "release_year", "price", "price_min", "price_max", "list_price", "currency",
                  "availability", "image_url")  # fmt: skip


@dataclass
class Pages:
    """The healthy targets of a shop: a year's listings are followed page by page."""

    shop: Shop
    index: str
    listings: list[str]
    products: list[str]

    def text(self, target: str) -> str:
        text = page(self.shop, target)
        assert text is not None, target
        return text

    def address(self, target: str) -> str:
        return f"{self.shop.base_url}{target}"

    def years(self) -> list[int]:
        return [one.year for one in read_year_index(self.text(self.index).encode(), self.address(self.index))]

    def next_of(self, target: str) -> str | None:
        found = read_listing(self.text(target).encode(), self.address(target)).next_url
        return found.removeprefix(self.shop.base_url) if found else None

    def entries(self, target: str) -> list[EntryFacts]:
        return read_listing(self.text(target).encode(), self.address(target)).entries

    def product(self, target: str) -> ProductFacts:
        return read_product(self.text(target).encode(), self.address(target))

    def everything(self) -> list[str]:
        return ["/", "/robots.txt", "/sitemap.xml", self.index, *self.listings, *self.products]


def pages_of(vendor: str, generation: str) -> Pages:
    shop = DemoServer(size=60, per_page=12).shops[vendor]
    shop.base_url = "https://shop.example"
    shop.set_generation(generation)
    index = shop.kind.year_index
    pages = Pages(shop, index, [], [offer.path for offer in shop.truth().values()])
    for year in read_year_index(pages.text(index).encode(), pages.address(index)):
        target: str | None = year.url.removeprefix(shop.base_url)
        while target:
            pages.listings.append(target)
            target = pages.next_of(target)
    return pages


@cache
def healthy(vendor: str, generation: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[str]]:
    """Return what listings and product pages tell, and the text of every page."""
    pages = pages_of(vendor, generation)
    return entries_of(pages), products_of(pages), [pages.text(one) for one in pages.everything()]


def entries_of(pages: Pages) -> list[dict[str, Any]]:
    found = [entry for target in pages.listings for entry in pages.entries(target)]
    return [{name: getattr(entry, name) for name in ENTRY_FIELDS} for entry in found]


def products_of(pages: Pages) -> list[dict[str, Any]]:
    return [{name: getattr(facts, name) for name in PRODUCT_FIELDS} for facts in map(pages.product, pages.products)]


def changed(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> set[str]:
    return {name for old, new in zip(before, after, strict=True) for name in old if old[name] != new[name]}


# what, shop, fields that listings show otherwise, fields that product pages show otherwise
READ_OTHERWISE: list[tuple[str, tuple[str, str], set[str], set[str]]] = [
    ("json_ld_dropped", HALLMARK, set(), {"image_url"}),
    ("json_ld_dropped", ORNAMENT, set(), {"currency", "availability", "image_url"}),
    ("json_ld_price_removed", HALLMARK, set(), set()),
    ("json_ld_price_removed", ORNAMENT, set(), set()),
    ("price_range", ORNAMENT, {"price", "list_price", "currency"}, {"price", "price_min", "price_max", "list_price"}),
    ("first_page_only", HALLMARK, set(), set()),
    ("first_page_only", ORNAMENT, set(), set()),
    ("paging_loops", ORNAMENT, set(), set()),
    ("half_index", HALLMARK, set(), set()),
    *(("currency_changed", shop, {"currency"}, {"currency"}) for shop in (HALLMARK, ORNAMENT, OLDER[2])),
    *(("prices_times_100", s, {"price", "list_price"}, {"price", "list_price"}) for s in EVERY_PLATFORM),
    *(("prices_all_equal", s, {"price", "list_price"}, {"price", "list_price"}) for s in EVERY_PLATFORM),
    *(("names_swapped", shop, {"name"}, set()) for shop in EVERY_PLATFORM),
    *(("skus_gone", shop, set(), {"sku"}) for shop in EVERY_PLATFORM),
    *(("all_out_of_stock", shop, {"availability"}, {"availability"}) for shop in EVERY_PLATFORM[:3]),
]


@pytest.mark.parametrize(("name", "shop", "of_entries", "of_products"), READ_OTHERWISE)
def test_what_is_read_otherwise(name: str, shop: tuple[str, str], of_entries: set[str], of_products: set[str]) -> None:
    pages = pages_of(*shop)
    entries, products, texts = healthy(*shop)
    pages.shop.breakage = BREAKAGES[name]
    assert [pages.text(one) for one in pages.everything()] != texts
    assert changed(entries, entries_of(pages)) == of_entries
    assert changed(products, products_of(pages)) == of_products
    pages.shop.breakage = None
    assert [pages.text(one) for one in pages.everything()] == texts


@pytest.mark.parametrize("shop", EVERY_PLATFORM)
def test_renamed_classes_leave_listings_that_cannot_be_read(shop: tuple[str, str]) -> None:
    pages = pages_of(*shop)
    products = products_of(pages)
    pages.shop.breakage = BREAKAGES["class_renamed"]
    for target in pages.listings:
        with pytest.raises(NothingReadable):
            pages.entries(target)
    assert products_of(pages) == products
    assert pages.years() == [2025, 2026]


def test_dropped_json_ld_leaves_other_sources() -> None:
    for shop, before, after in ((HALLMARK, "json-ld", "microdata"), (ORNAMENT, "json-ld", "selectors")):
        pages = pages_of(*shop)
        assert pages.product(pages.products[0]).source.startswith(before)
        pages.shop.breakage = BREAKAGES["json_ld_dropped"]
        assert pages.product(pages.products[0]).source.startswith(after)


def test_json_ld_without_a_price_still_names_the_product() -> None:
    pages = pages_of(*ORNAMENT)
    pages.shop.breakage = BREAKAGES["json_ld_price_removed"]
    target = next(offer.path for offer in pages.shop.truth().values() if offer.price_minor)
    text = pages.text(target)
    assert '"price": ' not in text
    assert pages.product(target).source == "json-ld+selectors"


def test_prices() -> None:
    pages = pages_of(*ORNAMENT)
    offer = next(offer for offer in pages.shop.truth().values() if offer.price_minor)
    price = offer.price_minor or 0

    def shown(name: str) -> tuple[Any, ...]:
        pages.shop.breakage = BREAKAGES[name]
        facts = pages.product(offer.path)
        amounts = (facts.price, facts.price_min, facts.price_max)
        return *(to_minor(one, "USD") if one else None for one in amounts), facts.currency

    assert shown("prices_times_100") == (price * 100, None, None, "USD")
    assert shown("prices_all_equal") == (EQUAL_PRICE_MINOR, None, None, "USD")
    assert shown("price_range") == (None, price, price + RANGE_MINOR, "USD")
    assert shown("currency_changed") == (price, None, None, "EUR")
    assert pages.shop.truth()[offer.key] == offer  # the shop sells what it sold


def test_stock_and_skus() -> None:
    pages = pages_of(*HALLMARK)
    pages.shop.breakage = BREAKAGES["all_out_of_stock"]
    assert {one["availability"] for one in (*entries_of(pages), *products_of(pages))} == {Availability.OUT_OF_STOCK}
    pages.shop.breakage = BREAKAGES["skus_gone"]
    assert {one["sku"] for one in products_of(pages)} == {UNREAD}


@pytest.mark.parametrize("shop", EVERY_PLATFORM)
def test_each_card_has_the_name_of_the_next(shop: tuple[str, str]) -> None:
    pages = pages_of(*shop)
    names = [entry.name for entry in pages.entries(pages.listings[0])]
    pages.shop.breakage = BREAKAGES["names_swapped"]
    assert [entry.name for entry in pages.entries(pages.listings[0])] == [*names[1:], names[0]]


@pytest.mark.parametrize("shop", EVERY_PLATFORM)
def test_paging(shop: tuple[str, str]) -> None:
    pages = pages_of(*shop)
    first, second, third = pages.listings[:3]
    last = [entry.url for entry in pages.entries(third)]
    pages.shop.breakage = BREAKAGES["first_page_only"]
    assert pages.next_of(first) is None
    assert "viewall" not in pages.text(first)
    pages.shop.breakage = BREAKAGES["paging_loops"]
    assert pages.next_of(first) == second
    again = pages.next_of(second)
    assert again
    assert pages.entries(again) == pages.entries(first)
    pages.shop.breakage = BREAKAGES["paging_never_ends"]
    visited = [first]
    for _ in range(6):
        following = pages.next_of(visited[-1])
        assert following
        visited.append(following)
    assert visited[:3] == [first, second, third]
    assert len(set(visited)) == 7
    assert [[entry.url for entry in pages.entries(target)] for target in visited[3:]] == [last] * 4


@pytest.mark.parametrize("shop", EVERY_PLATFORM)
def test_the_index(shop: tuple[str, str]) -> None:
    pages = pages_of(*shop)
    pages.shop.breakage = BREAKAGES["half_index"]
    assert pages.years() == [2026]
    pages.shop.breakage = BREAKAGES["index_empty"]
    with pytest.raises(NothingReadable):
        pages.years()


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer(size=60) as server:
        yield server


@pytest.fixture
def shop(server: DemoServer) -> Iterator[Shop]:
    shop = server.shops["ornament_shop_com"]
    yield shop
    shop.breakage = None


def ask(shop: Shop, target: str) -> tuple[int, bytes, str | None]:
    """Return status, body and Location, without following it."""
    connection = http.client.HTTPConnection(shop.base_url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers.get("Location")
    finally:
        connection.close()


def places(shop: Shop) -> tuple[str, str, str]:
    """Return the targets of the index, of a listing, and of a product."""
    return shop.kind.year_index, "/2026-hallmark-ornaments/", next(iter(shop.truth().values())).path


def test_products_that_redirect_lead_to_a_page_without_a_product(shop: Shop) -> None:
    index, listing, product = places(shop)
    shop.breakage = BREAKAGES["products_redirect"]
    assert ask(shop, product)[::2] == (302, "/")
    assert [ask(shop, target)[0] for target in (index, listing, "/")] == [200, 200, 200]
    for read in (read_product, read_product_fully):
        with pytest.raises(NothingReadable):
            read(ask(shop, "/")[1], shop.base_url)


def test_a_challenge_stands_before_products_only(shop: Shop) -> None:
    index, listing, product = places(shop)
    shop.breakage = BREAKAGES["challenge_on_products"]
    assert ask(shop, product)[:2] == (403, CHALLENGE)
    assert [ask(shop, target)[0] for target in (index, listing, "/", "/robots.txt")] == [200] * 4


def test_404_for_everything_but_robots_txt(shop: Shop) -> None:
    shop.breakage = BREAKAGES["all_404"]
    assert [ask(shop, target)[0] for target in (*places(shop), "/", "/sitemap.xml")] == [404] * 5
    assert ask(shop, "/robots.txt")[0] == 200


def test_every_third_request_fails(shop: Shop) -> None:
    shop.breakage = BREAKAGES["third_500"]
    shop.asked = 0
    assert [ask(shop, target)[0] for target in (*places(shop), *places(shop))] == [200, 200, 500] * 2


def test_answers_take_ten_times_as_long(shop: Shop) -> None:
    shop.breakage = BREAKAGES["ten_times_slower"]
    shop.delay_seconds = 0.01
    try:
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(shop.base_url + "/robots.txt", timeout=0.05)
        with urllib.request.urlopen(shop.base_url + "/robots.txt", timeout=90) as answer:
            assert answer.status == 200
    finally:
        shop.delay_seconds = 0.0


def test_bodies_end_early(shop: Shop) -> None:
    shop.breakage = BREAKAGES["bodies_cut"]
    for target in places(shop):
        with pytest.raises(http.client.IncompleteRead):
            ask(shop, target)
    assert ask(shop, "/robots.txt")[0] == 200


@pytest.mark.parametrize("vendor", ["hallmark_ornaments_com", "ornament_shop_com"])
class TestEvents:
    """What happens to a healthy shop."""

    def test_a_sale(self, vendor: str) -> None:
        shop = DemoServer(size=60).shops[vendor]
        before = shop.truth()
        shop.sale(30)
        for key, offer in shop.truth().items():
            old = before[key].price_minor
            if old is not None:
                assert (offer.price_minor, offer.list_price_minor) == (old * 70 // 100, old)
            assert (offer.name, offer.availability) == (before[key].name, before[key].availability)
        shop.sale(0)
        assert shop.truth() == before
        with pytest.raises(ValueError, match="use 0 to 99"):
            shop.sale(100)

    def test_a_new_year(self, vendor: str) -> None:
        pages = pages_of(vendor, "2026" if vendor == "hallmark_ornaments_com" else "json-ld")
        shop, before = pages.shop, pages.shop.truth()
        shop.add_year(2027, 400)
        truth = shop.truth()
        new = [offer for key, offer in truth.items() if key not in before]
        assert truth == before | {offer.key: offer for offer in new}
        assert len(new) == len(shop.numbers(2027)) == 400
        assert pages.years() == [2025, 2026, 2027]
        target: str | None = read_year_index(pages.text(pages.index).encode(), shop.base_url)[-1].url.removeprefix(
            shop.base_url
        )
        found: set[str] = set()
        while target:
            found |= {entry.url.removeprefix(shop.base_url) for entry in pages.entries(target)}
            target = pages.next_of(target)
        assert found == {offer.path for offer in new}
        facts = pages.product(new[0].path)
        assert (facts.ids[0], facts.release_year, facts.sku) == (new[0].key, 2027, new[0].sku)
        with pytest.raises(ValueError, match="the newest is 2027"):
            shop.add_year(2027, 1)
        shop.add_year(2028, 5)
        assert len(shop.truth()) == 465

    def test_a_sold_out_year(self, vendor: str) -> None:
        shop = DemoServer(size=60).shops[vendor]
        before = shop.truth()
        shop.sell_out_year(2025)
        for key, offer in shop.truth().items():
            assert offer.release_year != 2025 or offer.availability is Availability.OUT_OF_STOCK
            assert offer.release_year == 2025 or offer == before[key]

    def test_pieces_that_are_delisted(self, vendor: str) -> None:
        pages = pages_of(vendor, "2026" if vendor == "hallmark_ornaments_com" else "json-ld")
        before = pages.shop.truth()
        keys = pages.shop.delist(0.2, Random(1))
        assert len(set(keys)) == 12
        assert pages.shop.truth() == {key: offer for key, offer in before.items() if key not in keys}
        assert all(page(pages.shop, before[key].path) is None for key in keys)
