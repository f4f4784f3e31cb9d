from __future__ import annotations

from decimal import Decimal

import pytest

from christmas.items import UNREAD, Availability
from christmas.reading.facts import ProductFacts
from christmas.reading.markup import parse
from christmas.reading.meta import read_meta


def read(heading: str = "", **values: str) -> ProductFacts | None:
    tags = "".join(f'<meta property="{name.replace("__", ":")}" content="{text}">' for name, text in values.items())
    return read_meta(parse(f"<html><head>{tags}</head></html>".encode()), heading)


def product(heading: str = "", **values: str) -> ProductFacts:
    found = read(heading, og__type="product", **values)
    assert found is not None
    return found


def test_all_of_it() -> None:
    facts = product(
        og__title="1998 Frosty Friends", og__image="https://i/1.jpg", og__availability="instock",
        product__price__amount="1,249.50", product__price__currency="usd", product__brand="Hallmark",
        product__retailer_item_id="QX6226", product__upc="763795123456",
    )  # fmt: skip
    assert (facts.name, facts.sku, facts.gtin, facts.brand) == (
        "1998 Frosty Friends",
        "QX6226",
        "763795123456",
        "Hallmark",
    )
    assert (facts.price, facts.currency, facts.availability) == (Decimal("1249.50"), "USD", Availability.IN_STOCK)
    assert (facts.image_url, facts.list_price, facts.source) == ("https://i/1.jpg", UNREAD, "meta")


@pytest.mark.parametrize("kind", ["article", "website", "product.group", ""])
def test_what_is_no_product(kind: str) -> None:
    assert read(og__type=kind, og__title="Frosty") is None


def test_a_price_makes_it_a_product() -> None:
    assert read(og__price__amount="5.00") is not None
    assert read(og__type="og:product") is not None


@pytest.mark.parametrize(
    ("values", "price", "list_price"),
    [
        ({"product__price__amount": "24.95"}, "24.95", None),
        ({"og__price__amount": "24,95"}, "24.95", None),
        ({"product__price__amount": "30", "product__sale_price__amount": "20"}, "20", "30"),
        ({"product__price__amount": "30", "product__sale_price__amount": "30"}, "30", None),
        ({"product__price__amount": "30", "product__sale_price__amount": "0"}, "30", None),
        ({"product__price__amount": "20", "product__original_price__amount": "30"}, "20", "30"),
        ({"product__price__amount": "20", "product__original_price__amount": "10"}, "20", None),
        ({"og__price__amount": "20", "og__price__standard_amount": "30"}, "20", "30"),
    ],
)
def test_prices(values: dict[str, str], price: str, list_price: str | None) -> None:
    facts = product(**values)
    assert facts.price == Decimal(price)
    assert facts.list_price == (Decimal(list_price) if list_price else UNREAD)


@pytest.mark.parametrize("price", ["", "0", "0.00"])
def test_no_price_is_absent(price: str) -> None:
    assert product(product__price__amount=price).price is None


def test_no_tag_is_unread() -> None:
    assert product().price is UNREAD


def test_a_price_that_cannot_be_read_is_named() -> None:
    facts = product(product__price__amount="lots")
    assert facts.price is UNREAD
    assert "'lots'" in facts.disagreements[0]


@pytest.mark.parametrize("currency", ["", "$", "dollars", "12A"])
def test_what_is_no_currency_is_unread(currency: str) -> None:
    assert product(product__price__currency=currency).currency is UNREAD


def test_the_shops_name_behind_the_title() -> None:
    title = "1998 Frosty Friends - Sample Shop"
    assert product("1998 Frosty Friends", og__title=title).name == "1998 Frosty Friends"
    assert product("Welcome", og__title=title).name == title
    assert product(og__title=title).name == title
    assert product().name is UNREAD


def test_the_first_tag_counts_and_names_may_be_in_name() -> None:
    page = (
        b'<meta name="og:type" content="product"><meta name="og:title" content="A"><meta name="OG:TITLE" content="B">'
    )
    facts = read_meta(parse(page))
    assert facts is not None
    assert facts.name == "A"
