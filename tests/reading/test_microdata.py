from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from christmas.items import Availability
from christmas.reading import microdata, schema_org
from christmas.reading.facts import ProductFacts
from christmas.reading.markup import parse

SCOPE = '<div itemscope itemtype="https://schema.org/Product">{}</div>'


def nodes(page: str) -> list[dict[str, Any]]:
    return microdata.nodes(parse(page.encode()))


def facts(inside: str) -> ProductFacts:
    (node,) = nodes(SCOPE.format(f'<b itemprop="name">Frosty</b>{inside}'))
    return schema_org.facts_of(node, "https://shop.example/", "microdata")


@pytest.mark.parametrize(
    ("markup", "value"),
    [
        ('<b itemprop="x"> two\n <i>words</i> </b>', "two words"),
        ('<b itemprop="x" content=" 5 ">five</b>', "5"),
        ('<b itemprop="x" content="">five</b>', "five"),
        ('<meta itemprop="x" content="5">', "5"),
        ('<meta itemprop="x" href="5">', "5"),
        ('<meta itemprop="x">', ""),
        ('<link itemprop="x" href="/a">', "/a"),
        ('<img itemprop="x" src="/a.jpg">', "/a.jpg"),
        ('<a itemprop="x" href="/a">words</a>', "words"),
        ('<data itemprop="x" value="5">five</data>', "5"),
        ('<time itemprop="x" datetime="1998">then</time>', "1998"),
        ('<input itemprop="x" value="5">', "5"),
        ('<b itemprop="x">1</b><b itemprop="x">2</b>', ["1", "2"]),
        ('<b itemprop="x">1</b><b itemprop="x"></b>', "1"),
        ('<b itemprop="x y">1</b>', "1"),
        ('<p><span><b itemprop="x">deep</b></span></p>', "deep"),
        ('<b itemprop="x">A<script>no()</script></b>', "A"),
    ],
)
def test_values(markup: str, value: Any) -> None:
    (node,) = nodes(SCOPE.format(markup))
    assert node["x"] == value


@pytest.mark.parametrize("name", ["url", "availability", "image"])
def test_links(name: str) -> None:
    assert nodes(SCOPE.format(f'<a itemprop="{name}" href="/a">words</a>'))[0][name] == "/a"


def test_scopes_nest() -> None:
    (node,) = nodes(
        SCOPE.format('<p itemprop="offers" itemscope itemtype="http://schema.org/Offer"><i itemprop="price">5</i></p>')
    )
    assert node == {
        "@type": ["https://schema.org/Product"],
        "offers": {"@type": ["http://schema.org/Offer"], "price": "5"},
    }


def test_a_scope_without_a_property_is_an_item_of_its_own() -> None:
    inner = '<div itemscope itemtype="https://schema.org/Product"><b itemprop="name">Other</b></div>'
    outer, other = nodes(SCOPE.format(f'<b itemprop="name">Frosty</b>{inner}'))
    assert (outer["name"], other["name"]) == ("Frosty", "Other")


@pytest.mark.parametrize(
    "block",
    [
        "<aside>{}</aside>",
        '<div class="related-products">{}</div>',
        '<div id="related">{}</div>',
        '<section class="product-recommendations">{}</section>',
        '<div class="block upsell">{}</div>',
        '<div class="recently-viewed">{}</div>',
    ],
)
def test_blocks_of_other_products_are_left_out(block: str) -> None:
    assert nodes(block.format(SCOPE.format('<b itemprop="name">Other</b>'))) == []


@pytest.mark.parametrize("block", ['<body class="has-related">{}</body>', '<div class="page related-below">{}</div>'])
def test_what_holds_the_heading_is_the_page_itself(block: str) -> None:
    assert len(nodes(block.format(SCOPE.format('<h1 itemprop="name">Frosty</h1>')))) == 1


def test_what_is_nested_too_deep_is_left_alone() -> None:
    (node,) = nodes(SCOPE.format("<i>" * 230 + '<b itemprop="x">1</b>'))
    assert "x" not in node


OFFER = '<div itemprop="offers" itemscope itemtype="http://schema.org/Offer">{}</div>'


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        ('<b id="price" itemprop="price">$1,249.50</b>', ("1249.50", None, None, None)),
        ('<meta itemprop="price" content="24.95">', ("24.95", None, None, None)),
        ('<b itemprop="price">$5.95 - $12.95</b>', (None, "5.95", "12.95", None)),
        ('<del><b itemprop="price">$30.00</b></del><b itemprop="price">$20.00</b>', ("20.00", None, None, "30.00")),
        ('<b itemprop="price">$20.00</b><s itemprop="price">$30.00</s>', ("20.00", None, None, "30.00")),
        ('<b itemprop="price">$20.00</b><b itemprop="price">$30.00</b>', (None, "20.00", "30.00", None)),
        ('<b itemprop="lowPrice">$5.95</b><b itemprop="highPrice">$12.95</b>', (None, "5.95", "12.95", None)),
        (
            '<div itemprop="priceSpecification" itemscope><meta itemprop="price" content="24.95"></div>',
            ("24.95", None, None, None),
        ),
        ('<b itemprop="price"></b>', (None, None, None, None)),
        ('<b itemprop="price">Call for price</b>', (None, None, None, None)),
    ],
)
def test_prices(offer: str, expected: tuple[str | None, ...]) -> None:
    found = facts(OFFER.format(offer))
    told = [found.price, found.price_min, found.price_max, found.list_price]
    assert [value or None for value in told] == [text and Decimal(text) for text in expected]


@pytest.mark.parametrize(
    "markup",
    [
        '<link itemprop="availability" href="http://schema.org/OutOfStock">',
        '<meta itemprop="availability" href="https://schema.org/OutOfStock">',
        '<meta itemprop="availability" content="OutOfStock">',
        '<span itemprop="availability" content="https://schema.org/OutOfStock">Gone</span>',
        '<span itemprop="availability">Sold out</span>',
    ],
)
def test_availability(markup: str) -> None:
    assert facts(OFFER.format(markup)).availability is Availability.OUT_OF_STOCK


def test_brand_as_text_or_thing() -> None:
    assert facts('<meta itemprop="brand" content="Hallmark">').brand == "Hallmark"
    assert facts('<p itemprop="brand" itemscope><meta itemprop="name" content="Hallmark"></p>').brand == "Hallmark"
