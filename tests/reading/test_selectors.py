from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from christmas.items import UNREAD, Availability
from christmas.reading.facts import ProductFacts
from christmas.reading.markup import parse
from tests.readers import heading, read_selectors


def read(page: str) -> ProductFacts:
    facts = read_selectors(parse(page.encode()))
    assert facts is not None
    return facts


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ('<h1>Shop</h1><h1 class="productView-title">Frosty</h1>', "Frosty"),
        ('<h1>Shop</h1><h1 itemprop="name">Frosty</h1>', "Frosty"),
        ("<h1> Frosty\n <i>Friends</i></h1>", "Frosty Friends"),
        ("<h1>A</h1><h1>B</h1>", ""),
        ("<h2>A</h2>", ""),
    ],
)
def test_heading(page: str, text: str) -> None:
    assert heading(parse(page.encode())) == text


@pytest.mark.parametrize(
    "page",
    [
        "<h1>Frosty</h1><span id='price'>$5.00</span>",
        "<p class='price'>$5.00</p>",
        "<input id='product_id' value='7'><h1>Frosty</h1>",
        "<div class='productViews'>$5.00</div>",
        "<div class='related'><b id='product_id'>X1</b></div>",
    ],
)
def test_other_pages_are_not_guessed_at(page: str) -> None:
    assert read_selectors(parse(page.encode())) is None


def bigcommerce(inside: str, after: str = "") -> ProductFacts:
    return read(f'<div class="productView"><h1 class="productView-title">Frosty</h1>{inside}</div>{after}')


def test_bigcommerce() -> None:
    facts = bigcommerce(
        '<h2 class="productView-brand"><a>Hallmark</a></h2><dl class="productView-info">'
        '<dt class="productView-info-name">Year:</dt><dd>1998</dd><dt class="productView-info-name">SKU:</dt>'
        "<dd data-product-sku>QX6226</dd><dt>UPC</dt><dd data-product-upc>763795123456</dd></dl>"
        "<span data-product-price-with-tax></span><span data-product-price-without-tax>$24.95</span>"
    )
    assert (facts.name, facts.sku, facts.gtin, facts.brand) == ("Frosty", "QX6226", "763795123456", "Hallmark")
    assert (facts.price, facts.release_year) == (Decimal("24.95"), 1998)


def test_a_year_that_is_none() -> None:
    assert bigcommerce('<dl><dt class="productView-info-name">Year</dt><dd>many</dd></dl>').release_year is UNREAD
    assert bigcommerce('<dl><dt class="productView-info-name">Year</dt></dl>').release_year is UNREAD


CART = '<input id="form-action-addToCart" value="{}"{}>'


@pytest.mark.parametrize(
    ("markup", "availability"),
    [
        (CART.format("Add to Cart", ""), Availability.IN_STOCK),
        (CART.format("Pre-Order Now", ""), Availability.PREORDER),
        (CART.format("Out of stock", " disabled"), Availability.OUT_OF_STOCK),
        (CART.format("Add to Cart", " disabled"), Availability.OUT_OF_STOCK),
        ('<button id="form-action-addToCart">Add to Cart</button>', Availability.IN_STOCK),
        ('<p class="productView-options"><b class="alertBox-message">Sold out</b></p>', Availability.OUT_OF_STOCK),
        ("", UNREAD),
    ],
)
def test_stock_on_bigcommerce(markup: str, availability: Any) -> None:
    assert bigcommerce(markup).availability is availability


def test_a_range_on_bigcommerce() -> None:
    facts = bigcommerce("<span data-product-price-without-tax>$5.95 - $12.95</span>")
    assert (facts.price, facts.price_min, facts.price_max) == (None, Decimal("5.95"), Decimal("12.95"))


def test_a_price_that_cannot_be_read_is_named() -> None:
    facts = bigcommerce("<span data-product-price-without-tax>$1.2.3.4</span>")
    assert facts.price is UNREAD
    assert "$1.2.3.4" in facts.disagreements[0]


def shift4shop(inside: str) -> ProductFacts:
    return read(f'<h1 class="page_headers">Frosty</h1><b id="product_id">QX6226</b>{inside}')


@pytest.mark.parametrize(
    ("markup", "price", "list_price"),
    [
        ('<b id="price">$1,249.50</b>', "1249.50", None),
        ('<b id="price" class="sale-price">$20.00</b><del class="original-price">$30.00</del>', "20.00", "30.00"),
        ('<b class="regular-price">$30.00</b><b class="sale-price">$20.00</b>', "20.00", "30.00"),
        ('<b class="regular-price">$30.00</b>', "30.00", None),
        ('<b class="sale-price"></b><b id="price">$30.00</b>', "30.00", None),
        ('<div class="product-item"><b class="sale-price">$1</b></div><b id="price">$30.00</b>', "30.00", None),
        ('<aside><b class="sale-price">$1</b></aside><b id="price">$30.00</b>', "30.00", None),
        ("<b>Call for pricing</b>", None, None),
    ],
)
def test_prices_on_shift4shop(markup: str, price: str | None, list_price: str | None) -> None:
    facts = shift4shop(markup)
    assert facts.price == (Decimal(price) if price else UNREAD)
    assert facts.list_price == (Decimal(list_price) if list_price else UNREAD)


@pytest.mark.parametrize(
    ("markup", "availability"),
    [
        ('<b id="availability">In Stock - Ships Next Business Day</b>', Availability.IN_STOCK),
        (
            '<input type="hidden" id="availability" value="x"><b id="availability">Sold Out</b>',
            Availability.OUT_OF_STOCK,
        ),
        ('<b id="availability">Ask us</b>', UNREAD),
        ("", UNREAD),
    ],
)
def test_stock_on_shift4shop(markup: str, availability: Any) -> None:
    assert shift4shop(markup).availability is availability
