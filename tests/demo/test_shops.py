"""The sample shops show what they say they sell, in every generation, and do wrong what they are told to."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree

from christmas.demo.faults import CHALLENGE, Fault
from christmas.demo.server import DemoServer, page
from christmas.demo.shops import KINDS, Offer, Shop
from christmas.items import UNREAD
from christmas.reading.facts import EntryFacts
from christmas.reading.money import to_minor
from tests.readers import read_listing, read_product, read_product_fully, read_year_index

GENERATIONS = [(kind.vendor, generation) for kind in KINDS for generation in kind.generations]


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer(size=90) as server:
        yield server


@pytest.fixture
def shop(server: DemoServer) -> Iterator[Shop]:
    shop = server.shops["ornament_shop_com"]
    shop.clear()
    yield shop
    shop.clear()


def cents(value: Any) -> int | None:
    return to_minor(value, "USD") if value else None


def body_of(shop: Shop, path: str) -> bytes:
    text = page(shop, path)
    assert text is not None, path
    return text.encode()


def entries_of(shop: Shop) -> dict[str, EntryFacts]:
    """Read every listing, page by page; gives path -> entry."""
    index = shop.kind.year_index
    found: dict[str, EntryFacts] = {}
    for year in read_year_index(body_of(shop, index), shop.base_url + index):
        url: str | None = year.url
        while url:
            facts = read_listing(body_of(shop, url.removeprefix(shop.base_url)), url)
            found |= {entry.url.removeprefix(shop.base_url): entry for entry in facts.entries}
            url = facts.next_url
    return found


@pytest.mark.parametrize(("vendor", "generation"), GENERATIONS)
def test_listings_show_what_is_sold(vendor: str, generation: str, server: DemoServer) -> None:
    shop = server.shops[vendor]
    shop.set_generation(generation)
    entries, truth = entries_of(shop), shop.truth()
    assert set(entries) == {offer.path for offer in truth.values()}
    for key, offer in truth.items():
        entry = entries[offer.path]
        assert entry.ids[:1] in {(), (key,)}
        assert (entry.name, cents(entry.price), entry.availability) == (
            offer.name,
            offer.price_minor,
            offer.availability,
        )
        if offer.price_minor:
            assert cents(entry.list_price) == offer.list_price_minor


def told(offer: Offer) -> tuple[Any, ...]:
    return (
        offer.key, offer.name, offer.sku, offer.release_year, offer.price_minor, offer.price_min_minor,
        offer.price_max_minor, offer.list_price_minor, offer.availability,
    )  # fmt: skip


@pytest.mark.parametrize(("vendor", "generation"), GENERATIONS)
def test_product_pages_show_what_is_sold_by_both_ways_of_reading(
    vendor: str, generation: str, server: DemoServer
) -> None:
    shop = server.shops[vendor]
    shop.set_generation(generation)
    for offer in shop.truth().values():
        body, url = body_of(shop, offer.path), shop.base_url + offer.path
        facts = read_product(body, url)
        assert facts == read_product_fully(body, url)
        assert facts.disagreements == ()
        assert 45_000 < len(body) < 60_000
        amounts = [cents(value) for value in (facts.price, facts.price_min, facts.price_max, facts.list_price)]
        assert (facts.ids[0], facts.name, facts.sku, facts.release_year, *amounts, facts.availability) == told(offer)


def test_a_change_shows_at_once(shop: Shop) -> None:
    offer = next(offer for offer in shop.truth().values() if offer.price_minor and not offer.list_price_minor)
    shop.change(offer.key, price_minor=4321)
    with urllib.request.urlopen(shop.base_url + offer.path) as response:
        facts = read_product(response.read(), response.url)
    assert cents(facts.price) == shop.truth()[offer.key].price_minor == 4321
    assert shop.requests[-1].path == offer.path


def test_what_was_removed_is_nowhere(shop: Shop) -> None:
    key, offer = list(shop.truth().items())[-1]
    shop.remove(key)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(shop.base_url + offer.path)
    assert caught.value.code == 404
    caught.value.close()
    assert offer.path not in entries_of(shop)
    with pytest.raises(KeyError):
        shop.change(key, price_minor=1)


@pytest.mark.parametrize(
    ("fault", "status", "start"),
    [
        (Fault("status", status=429, headers={"Retry-After": "7"}), 429, b"<html>"),
        (Fault("status"), 500, b"<html>"),
        (Fault("challenge"), 403, CHALLENGE[:20]),
        (Fault("empty"), 200, b""),
        (Fault("binary"), 200, b"\x00\x01"),
        (Fault("slow", seconds=0.05), 200, b"<!DOCTYPE html>"),
        (Fault("slow_body", seconds=0.05), 200, b"<!DOCTYPE html>"),
        (Fault("elsewhere"), 302, b""),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
def test_faults(fault: Fault, status: int, start: bytes, shop: Shop) -> None:
    shop.fault(fault)
    connection = http.client.HTTPConnection(shop.base_url.removeprefix("http://"), timeout=10)
    for turn in range(2):
        connection.request("GET", shop.kind.year_index)
        response = connection.getresponse()
        body = response.read()
        if turn == 0:
            assert response.status == status
            assert body.startswith(start)
            assert response.headers.get("Retry-After") == fault.headers.get("Retry-After")
        else:  # it happens once, and the connection lives
            assert response.status == 200
            assert read_year_index(body, shop.base_url)
    connection.close()


def test_a_truncated_page_ends_early(shop: Shop) -> None:
    shop.fault(Fault("truncated"))
    address = shop.base_url + shop.kind.year_index
    with urllib.request.urlopen(address) as response, pytest.raises(http.client.IncompleteRead):
        response.read()


def test_robots_and_sitemap(shop: Shop) -> None:
    assert body_of(shop, "/robots.txt").startswith(b"User-agent: *")
    sitemap = body_of(shop, "/sitemap.xml").decode()
    assert all(f"<loc>{shop.base_url}{offer.path}</loc>" in sitemap for offer in shop.truth().values())


@pytest.mark.integration
def test_every_photo_is_a_drawing_of_its_own_ornament() -> None:
    drawn: dict[int, bytes] = {}
    with DemoServer(size=300) as server:
        for shop in server.shops.values():
            for generation in shop.kind.generations:
                shop.set_generation(generation)
                offer = shop.offer(shop.first)
                pages = [body_of(shop, path).decode() for path in (shop.kind.year_index, offer.path, *_listings(shop))]
                for photo in set(re.findall(r"/(?:images|thumb)/[^\"]+", "".join(pages))):
                    assert body_of(shop, photo).startswith(b"<svg"), photo
            for number in shop.numbers():
                drawing = body_of(shop, f"/images/{shop.offer(number).key}.svg")
                assert drawn.setdefault(number, drawing) == drawing  # the same in every shop
    assert len(set(drawn.values())) == len(drawn) >= 399
    assert max(map(len, drawn.values())) < 2_000
    assert all(etree.fromstring(drawing).tag == "{http://www.w3.org/2000/svg}svg" for drawing in drawn.values())


def test_photos_are_sent_as_svg(shop: Shop) -> None:
    with urllib.request.urlopen(f"{shop.base_url}/images/{shop.offer(shop.first).key}.svg") as response:
        assert response.headers["Content-Type"] == "image/svg+xml"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{shop.base_url}/images/1.svg")
    assert caught.value.code == 404
    caught.value.close()


def _listings(shop: Shop) -> list[str]:
    index = shop.kind.year_index
    return [
        year.url.removeprefix(shop.base_url) for year in read_year_index(body_of(shop, index), shop.base_url + index)
    ]


def test_an_unknown_generation_is_refused(shop: Shop) -> None:
    with pytest.raises(ValueError, match="use one of json-ld, microdata"):
        shop.set_generation("1999")


def test_a_shop_of_a_million_is_not_held_in_memory() -> None:
    shop = DemoServer(size=1_000_000).shops["hallmark_ornaments_com"]
    offer = shop.offer(shop.first + 999_999)
    facts = read_product(body_of(shop, offer.path), shop.base_url + offer.path)
    assert facts.price is not UNREAD
    assert cents(facts.price) == offer.price_minor


@pytest.mark.integration
def test_alone_it_prints_its_addresses_and_ends_with_its_input() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "christmas.demo", "--size", "30"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    addresses = json.loads(process.stdout.readline())
    with urllib.request.urlopen(addresses["ornament_shop_com"] + "/robots.txt") as response:
        assert response.status == 200
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()
