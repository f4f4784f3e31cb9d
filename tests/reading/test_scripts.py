from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from christmas.items import UNREAD, Availability
from christmas.reading.facts import ProductFacts
from tests.readers import read_product_fully, read_scripts


def item(value: str) -> ProductFacts:
    (facts,) = read_scripts(f"<html><script>var _3d_item = {value};\nvar x = {{}};</script></html>".encode())
    return facts


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("a; b } c { d", "a; b } c { d"),
        ('Angel with 3" Bell', 'Angel with 3" Bell'),
        ("Mary's Angels", "Mary's Angels"),
        ("Tom &amp; Jerry&#39;s &quot;Sled&quot;", 'Tom & Jerry\'s "Sled"'),
        ("</b>};</", "};</"),
        ("back\\slash", "back\\slash"),
        ("Café Lumière™", "Café Lumière™"),
    ],
)
def test_names(name: str, read: str) -> None:
    value = {"catalogid": 7, "id": "QX1", "name": name, "price": 24.95, "availability": "1"}
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        facts = item(text)
        assert (facts.name, facts.sku, facts.price) == (read, "QX1", Decimal("24.95"))
        assert facts.availability is Availability.IN_STOCK


@pytest.mark.parametrize(
    "text",
    [
        "{catalogid: 7, id: 'QX1', name: 'Mary\\'s; } Angel', price: 24.95, availability: '0'}",
        '{"catalogid":7,"id":"QX1","name":"Mary\\\'s; } Angel","price":24.95,"availability":"0",}',
        '{"catalogid":"7",\n"id":"QX1", // SKU\n"name":"Mary\'s; } Angel","price":"24.95","availability":0}',
    ],
)
def test_as_scripts_have_it(text: str) -> None:
    facts = item(text)
    assert (facts.name, facts.price) == ("Mary's; } Angel", Decimal("24.95"))
    assert facts.availability is Availability.OUT_OF_STOCK


@pytest.mark.parametrize(
    ("price", "read"), [("0", None), ('""', None), ("null", None), ('"$1,249.50"', Decimal("1249.50"))]
)
def test_prices(price: str, read: Any) -> None:
    assert item(f'{{"name": "A", "price": {price}}}').price == read


def test_no_price_is_unread_and_a_strange_one_is_named() -> None:
    assert item('{"name": "A"}').price is UNREAD
    facts = item('{"name": "A", "price": "lots"}')
    assert (facts.price, facts.disagreements) == (
        UNREAD,
        ("_3d_item: 'lots' stands where a price should and is none.",),
    )


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<script>use(_3d_item)</script>",
        "<script>var _3d_item = null;</script>",
        "<script>var _3d_item = {broken",
        "<script>var _3d_item = {};</script>",
        "<script>var BCData = {};</script>",
        '<script>var BCData = {"product_attributes": []};</script>',
        '<script>var BCData = {"csrf_token": "x"};</script>',
    ],
)
def test_nothing_to_read(page: str) -> None:
    assert read_scripts(page.encode()) == []


def test_the_assignment_counts_wherever_the_name_stood_before() -> None:
    page = b'<script>if (window._3d_item) {}</script><script>_3d_item={"id":"QX1"}</script>'
    assert read_scripts(page)[0].sku == "QX1"


@pytest.mark.parametrize(
    ("page", "number"),
    [
        (b'_3d_item = {"catalogid":31044,"id":"1"}', "31044"),
        (b"_3d_item={catalogid:'31044'}", "31044"),
        (b'_3d_item = {"id":"1"}', None),
        (b'{"catalogid":31044}', None),
    ],
)
def test_catalogid(page: bytes, number: str | None) -> None:
    body = b"<h1 itemprop='name'>Bell</h1><span id='price'>$5.00</span><script>" + page + b"</script>"
    assert read_product_fully(body, "https://www.sleigh.example/bell.html").ids == ((number,) if number else ())


def bc(**attributes: Any) -> ProductFacts:
    value = json.dumps({"product_attributes": attributes})
    (facts,) = read_scripts(f"<script>var BCData = {value};</script>".encode())
    return facts


def test_bigcommerce_attributes() -> None:
    facts = bc(sku="A&amp;B", upc=None, gtin="763795123456", instock=True)
    assert (facts.sku, facts.gtin, facts.availability) == ("A&B", "763795123456", Availability.IN_STOCK)
    assert (facts.price, facts.currency, facts.source) == (UNREAD, UNREAD, "BCData")
    assert bc(instock=False).availability is Availability.OUT_OF_STOCK
    assert bc(instock=None).availability is UNREAD


TAXED = {"formatted": "$24.95", "value": 24.95, "currency": "USD"}


@pytest.mark.parametrize(
    ("price", "read", "list_price"),
    [
        ({"without_tax": TAXED}, "24.95", None),
        ({"with_tax": TAXED}, "24.95", None),
        ({"without_tax": TAXED, "non_sale_price_without_tax": {"value": 39.95}}, "24.95", "39.95"),
        ({"with_tax": TAXED, "non_sale_price_with_tax": {"value": 39.95}}, "24.95", "39.95"),
        ({"without_tax": TAXED, "rrp_without_tax": {"value": 20}}, "24.95", None),
        ({"without_tax": TAXED, "price_range": {"min": {}, "max": {}}}, None, None),
        ({"without_tax": "24.95"}, None, None),
        ({}, None, None),
    ],
)
def test_bigcommerce_prices(price: Any, read: str | None, list_price: str | None) -> None:
    facts = bc(price=price)
    assert facts.price == (Decimal(read) if read else UNREAD)
    assert facts.list_price == (Decimal(list_price) if list_price else UNREAD)
