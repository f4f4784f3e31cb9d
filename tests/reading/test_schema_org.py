from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from christmas.items import UNREAD, Availability
from christmas.reading import json_ld, schema_org
from christmas.reading.facts import ProductFacts
from tests.readers import MARKS

URL = "https://shop.example/1998-frosty-friends/"


def product(**values: Any) -> dict[str, Any]:
    return {"@type": "Product", "name": "1998 Frosty Friends", **values}


def facts(url: str = URL, **values: Any) -> ProductFacts:
    return schema_org.facts_of(product(**values), url, "json-ld")


def offer(price: Any = "24.95", **values: Any) -> dict[str, Any]:
    return {"@type": "Offer", "price": price, "priceCurrency": "USD", **values}


PRICES: list[tuple[str, Any, str | None, str | None, str | None, str | None]] = [
    # what, offers, price, low end, high end, list price
    ("a string", offer("149"), "149", None, None, None),
    ("a number", offer(9.5), "9.5", None, None, None),
    ("with its sign", offer("$1,249.50"), "1249.50", None, None, None),
    ("a list of one offer", [offer()], "24.95", None, None, None),
    ("a price in a list", offer(["24.95", "24.95"]), "24.95", None, None, None),
    ("two prices in a list", offer(["24.95", "39.95"]), None, "24.95", "39.95", None),
    ("a typed value", offer({"@value": "24.95"}), "24.95", None, None, None),
    ("empty", offer(""), None, None, None, None),
    ("zero", offer("0.00"), None, None, None, None),
    ("the number zero", offer(0), None, None, None, None),
    ("null", offer(None), None, None, None, None),
    ("an empty list", offer([]), None, None, None, None),
    ("call for price", offer("Call for price"), None, None, None, None),
    ("from", offer("From $5.95"), None, None, None, None),
    ("a range as text", offer("$5.95 - $12.95"), None, "5.95", "12.95", None),
    ("a sale as text", offer("Was $30.00 Now $20.00"), "20.00", None, None, "30.00"),
    ("minPrice and maxPrice", {"@type": "Offer", "minPrice": "5.95", "maxPrice": "12.95"}, None, "5.95", "12.95", None),
    ("equal ends", {"@type": "Offer", "minPrice": "5.95", "maxPrice": "5.95"}, "5.95", None, None, None),
    ("swapped ends", {"@type": "Offer", "minPrice": "9", "maxPrice": "5"}, None, "5", "9", None),
    ("only a low end", {"@type": "Offer", "minPrice": "5.95"}, None, "5.95", None, None),
    ("only a high end", {"@type": "Offer", "maxPrice": "5.95"}, None, None, "5.95", None),
    ("aggregate", {"@type": "AggregateOffer", "lowPrice": "5.95", "highPrice": "12.95"}, None, "5.95", "12.95", None),
    ("aggregate of one price", {"@type": "AggregateOffer", "lowPrice": 5, "highPrice": 5}, "5", None, None, None),
    ("aggregate without an end", {"@type": "AggregateOffer", "lowPrice": "5.95"}, None, "5.95", None, None),
    (
        "aggregate of one offer",
        {"@type": "AggregateOffer", "lowPrice": "5.95", "offerCount": "1"},
        *("5.95", None, None, None),
    ),
    (
        "aggregate whose price is its low end",
        {"@type": "AggregateOffer", "price": "5.95", "lowPrice": "5.95", "offerCount": 3},
        *(None, "5.95", None, None),
    ),
    (
        "aggregate with a price and ends",
        {"@type": "AggregateOffer", "price": "5.95", "lowPrice": "5.95", "highPrice": "7"},
        *(None, "5.95", "7", None),
    ),
    (
        "aggregate of offers alone",
        {"@type": "AggregateOffer", "offers": [offer("5"), offer("7")]},
        *(None, "5", "7", None),
    ),
    ("several offers of one price", [offer("5"), offer("5.00")], "5", None, None, None),
    ("several prices", [offer("5"), offer("7")], None, "5", "7", None),
    ("one of several has no price", [offer("5"), offer("")], "5", None, None, None),
    ("another currency", [offer("5"), offer("9", priceCurrency="CAD")], "5", None, None, None),
    ("specification", {"priceSpecification": {"price": "24.95"}}, "24.95", None, None, None),
    ("a specification's ends", {"priceSpecification": {"minPrice": "5", "maxPrice": "7"}}, None, "5", "7", None),
    (
        "a sale",
        offer("20", priceSpecification={"price": "30", "priceType": "https://schema.org/ListPrice"}),
        *("20", None, None, "30"),
    ),
    (
        "a sale in two specifications",
        {
            "priceSpecification": [
                {"@type": "UnitPriceSpecification", "price": "20"},
                {
                    "@type": "UnitPriceSpecification",
                    "price": "30",
                    "priceType": "https://schema.org/StrikethroughPrice",
                },
            ]
        },
        *("20", None, None, "30"),
    ),
    (
        "a list price that is no higher",
        offer("20", priceSpecification={"price": "20", "priceType": "ListPrice"}),
        *("20", None, None, None),
    ),
    (
        "delivery is no price",
        {"priceSpecification": [{"@type": "DeliveryChargeSpecification", "price": "4.99"}]},
        *(None, None, None, None),
    ),
    (
        "a member's price",
        {"priceSpecification": [{"price": "15", "validForMemberTier": {"@id": "#gold"}}, {"price": "20"}]},
        *("20", None, None, None),
    ),
    (
        "old prices that differ",
        [offer("5", strikethroughPrice="8"), offer("5", strikethroughPrice="9")],
        "5",
        *[None] * 3,
    ),
]


@pytest.mark.parametrize(("offers", "expected"), [pytest.param(one[1], one[2:], id=one[0]) for one in PRICES])
def test_prices(offers: Any, expected: tuple[str | None, ...]) -> None:
    found = facts(offers=copy.deepcopy(offers))
    assert found.disagreements == ()
    wanted = [None if text is None else Decimal(text) for text in expected]
    told = [found.price, found.price_min, found.price_max, found.list_price]
    assert [value or None for value in told] == wanted


@pytest.mark.parametrize("price", ["", "0", 0, None, "Call for price"])
def test_an_offer_without_a_price_says_that_there_is_none(price: Any) -> None:
    assert facts(offers=offer(price)).price is None


@pytest.mark.parametrize("offers", [None, [], {}, "24.95", {"@type": "Offer", "availability": "InStock"}])
def test_an_offer_that_does_not_speak_of_a_price_leaves_it_unread(offers: Any) -> None:
    found = facts(offers=offers)
    assert (found.price, found.price_min, found.list_price) == (UNREAD, UNREAD, UNREAD)


@pytest.mark.parametrize("price", ["lots", "12 apples", "undefined", "99999999999", "NaN", "$"])
def test_a_price_that_cannot_be_read_is_named(price: str) -> None:
    found = facts(offers=offer(price))
    assert found.price is UNREAD
    assert price in found.disagreements[0]


def test_a_price_without_an_offer() -> None:
    assert facts(price="12.00", priceCurrency="usd").price == Decimal("12.00")
    assert facts(price="12.00", priceCurrency="usd").currency == "USD"


@pytest.mark.parametrize(
    ("words", "availability"),
    [
        ("https://schema.org/InStock", Availability.IN_STOCK),
        ("http://schema.org/OutOfStock", Availability.OUT_OF_STOCK),
        (["", "PreOrder"], Availability.PREORDER),
        ({"@id": "https://schema.org/LimitedAvailability"}, Availability.LOW_STOCK),
        ("", UNREAD),
        ("https://schema.org/Whatever", UNREAD),
        (7, UNREAD),
    ],
)
def test_availability(words: Any, availability: Availability) -> None:
    assert facts(offers=offer(availability=words)).availability is availability


def test_availability_of_variants_is_the_best_of_them() -> None:
    stocks = [offer(availability=word) for word in ("OutOfStock", "LimitedAvailability")]
    assert facts(offers=stocks).availability is Availability.LOW_STOCK
    whole = {
        "@type": "AggregateOffer",
        "lowPrice": 5,
        "highPrice": 5,
        "offers": [*stocks, offer(availability="InStock")],
    }
    assert facts(offers=whole).availability is Availability.IN_STOCK
    assert facts(offers={"lowPrice": 5, "highPrice": 5, "offers": stocks[1]}).availability is Availability.LOW_STOCK


@pytest.mark.parametrize("currency", ["", "$", "US dollars", None, 840])
def test_what_is_no_currency_is_unread(currency: Any) -> None:
    assert facts(offers=offer(priceCurrency=currency)).currency is UNREAD


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("1998 Frosty Friends", "1998 Frosty Friends"),
        ("Tom &amp; Jerry&#39;s", "Tom & Jerry's"),
        ("Tom &amp;amp; Jerry", "Tom & Jerry"),
        ("<b>Frosty</b>\n  <i>Friends</i>", "Frosty Friends"),
        ("I <3 Christmas", "I <3 Christmas"),
        ("Half \ud83c an emoji\x00", "Half an emoji"),
        ({"@value": "Frosty", "@language": "en"}, "Frosty"),
        (["", "Frosty"], "Frosty"),
        (1998, "1998"),
        (None, UNREAD),
        ("", UNREAD),
        (True, UNREAD),
    ],
)
def test_names(name: Any, read: Any) -> None:
    assert facts(name=name).name == read


@pytest.mark.parametrize(
    ("values", "brand"),
    [
        ({"brand": "Hallmark"}, "Hallmark"),
        ({"brand": {"@type": "Brand", "name": "Hallmark"}}, "Hallmark"),
        ({"brand": [{"name": ""}, {"name": "Hallmark"}]}, "Hallmark"),
        ({"brand": {"@id": "https://shop.example/#brand"}}, UNREAD),
        ({"brand": "", "manufacturer": {"name": "Hallmark"}}, "Hallmark"),
        ({"manufacturer": {"@id": "https://shop.example/#organization", "name": "The Shop"}}, UNREAD),
        ({}, UNREAD),
    ],
)
def test_brand(values: dict[str, Any], brand: Any) -> None:
    assert facts(**values).brand == brand


@pytest.mark.parametrize(
    ("values", "sku", "gtin"),
    [
        ({"sku": "QX1", "gtin13": "0123456789012"}, "QX1", "0123456789012"),
        ({"sku": "A&amp;B"}, "A&B", UNREAD),
        ({"sku": 4711}, "4711", UNREAD),
        ({"mpn": "QX1"}, "QX1", UNREAD),
        ({"sku": "", "mpn": "QX1"}, UNREAD, UNREAD),
        ({"gtin": "763795 123456"}, UNREAD, "763795123456"),
        ({"gtin": "does not apply", "upc": "763795123456"}, UNREAD, "763795123456"),
        ({"offers": offer(sku="QX1", gtin12="763795123456")}, "QX1", "763795123456"),
        ({"offers": [offer(sku="QX1"), offer(sku="QX2")]}, UNREAD, UNREAD),
        ({"hasVariant": [product(sku="QX1", offers=offer())]}, "QX1", UNREAD),
        ({"hasVariant": [product(sku="QX1"), product(sku="QX2")]}, UNREAD, UNREAD),
    ],
)
def test_numbers(values: dict[str, Any], sku: Any, gtin: Any) -> None:
    found = facts(**values)
    assert (found.sku, found.gtin) == (sku, gtin)


@pytest.mark.parametrize(
    ("image", "url"),
    [
        ("https://i/1.jpg", "https://i/1.jpg"),
        (["", "//i/1.jpg"], "//i/1.jpg"),
        ({"@type": "ImageObject", "url": "https://i/1.jpg"}, "https://i/1.jpg"),
        ([{"contentUrl": "https://i/1.jpg"}], "https://i/1.jpg"),
        ("no link", UNREAD),
        (None, UNREAD),
    ],
)
def test_image(image: Any, url: Any) -> None:
    assert facts(image=image).image_url == url


@pytest.mark.parametrize(
    ("values", "year"),
    [({"releaseDate": "1998-07-01"}, 1998), ({"productionDate": 1998}, 1998), ({"releaseDate": "soon"}, UNREAD)],
)
def test_release_year(values: dict[str, Any], year: Any) -> None:
    assert facts(**values).release_year == year


def variants(*prices: str) -> list[dict[str, Any]]:
    return [
        product(
            **{"@id": f"/products/frosty?variant={n}#variant"}, sku=f"QX{n}", name=f"Frosty - {n}",
            offers=offer(price, url=f"https://shop.example/products/frosty?variant={n}"),
        )
        for n, price in enumerate(prices, 12)
    ]  # fmt: skip


def test_a_product_groups_ends() -> None:
    found = facts(**{"@type": "ProductGroup"}, hasVariant=variants("5", "7"))
    assert (found.price, found.price_min, found.price_max, found.sku) == (None, 5, 7, UNREAD)


def test_a_product_group_of_one_price() -> None:
    assert facts(hasVariant=variants("5", "5.00")).price == 5


@pytest.mark.parametrize(("number", "price", "sku"), [(12, 5, "QX12"), (13, 7, "QX13"), (1, None, UNREAD)])
def test_the_variant_that_the_address_asks_for(number: int, price: Any, sku: Any) -> None:
    url = f"https://shop.example/products/frosty?variant={number}"
    found = facts(url, hasVariant=variants("5", "7"))
    assert (found.price, found.sku) == (price, sku)


def test_the_offer_that_the_address_asks_for() -> None:
    offers = [one["offers"] for one in variants("5", "7")]
    url = "https://shop.example/products/frosty?variant=13"
    assert facts(url, offers=offers).price == 7
    assert facts(url, offers={"@type": "AggregateOffer", "lowPrice": 5, "highPrice": 7, "offers": offers}).price == 7
    assert facts("https://shop.example/products/frosty?variant=1", offers=offers).price is None


def main(*found: dict[str, Any], url: str = URL, heading: str = "") -> list[dict[str, Any]]:
    return schema_org.main_products(schema_org.products(json_ld.nodes(list(found))), [url], heading)


def test_products_are_found_by_type() -> None:
    nodes = [{"@type": kind} for kind in ("Product", "http://schema.org/Product", ["Thing", "schema:ProductGroup"])]
    assert schema_org.products([*nodes, {"@type": "Organization"}, {"@type": []}, {}]) == nodes


def test_what_a_page_is_about_is_found() -> None:
    item = product(sku="QX1")
    assert main({"@type": "ItemPage", "mainEntity": item}) == [item]
    assert main({"@type": "ItemPage", "mainEntity": {"@type": "ItemList"}}) == []


@pytest.mark.parametrize(
    "own",
    [
        {"url": URL},
        {"url": "/1998-frosty-friends/"},
        {"url": URL + "?utm_source=x"},
        {"@id": URL + "#product"},
        {"offers": {"url": URL, "price": "5"}},
        {"name": "The Heading"},
    ],
)
def test_of_several_the_pages_own_is_taken(own: dict[str, Any]) -> None:
    others = [product(name="Another", url="https://shop.example/another/"), product(name="A third", sku="QX3")]
    chosen = main(others[0], product(**own), others[1], heading="The Heading")
    assert [one["name"] for one in chosen] == [own.get("name", "1998 Frosty Friends")]


def test_none_of_many_is_none() -> None:
    assert main(product(name="A", url="/a"), product(name="B", url="/b"), heading="Ornaments of 1998") == []
    assert main() == []


def test_the_same_product_twice_is_read_twice() -> None:
    assert len(main(product(offers=offer("5")), product(offers=offer("6")))) == 2


def test_variants_that_stand_side_by_side_are_one_group() -> None:
    (group,) = main(*(one | {"url": URL} for one in variants("5", "7")))
    found = schema_org.facts_of(group, URL, "json-ld")
    assert (found.price, found.price_min, found.price_max, found.sku) == (None, 5, 7, UNREAD)


def test_variants_that_refer_to_their_group_belong_to_it() -> None:
    group = {"@type": "ProductGroup", "@id": "#g", "name": "Frosty", "hasVariant": [{"@id": "#v"}]}
    named, referring = variants("5", "7")
    nodes = (group, named | {"@id": "#v"}, referring | {"isVariantOf": {"@id": "#g"}})
    (found,) = main(*nodes)
    assert found["name"] == "Frosty"
    assert schema_org.facts_of(found, URL, "json-ld").price_max == 7


@pytest.mark.parametrize(
    ("link", "heading", "kept"),
    [
        ("https://shop.example/another/", "Ornaments of 1998", False),
        ("https://shop.example/another/", "1998 FROSTY FRIENDS", True),
        ("https://shop.example/another/", "1998 Frosty Friends, boxed", True),
        ("https://shop.example/another/", "", True),
        ("https://shop.example/sale/1998-frosty-friends/", "Sale", True),
        ("", "Ornaments of 1998", True),
    ],
)
def test_a_single_product_of_another_page_is_not_this_pages(link: str, heading: str, kept: bool) -> None:
    assert bool(main(product(url=link), heading=heading)) is kept


def test_a_file_has_no_address_to_compare() -> None:
    assert main(product(url="https://shop.example/a/"), url="file:///pages/1.html", heading="Ornaments")


def test_the_number_in_an_address_names_the_page() -> None:
    node = product(url="https://shop.example/Frosty-Friends_p_77.html")
    assert schema_org.main_products([node], ["https://shop.example/product.asp?itemid=77"], "Sale!", MARKS)
    assert schema_org.is_page_of(node, "https://shop.example/product.asp?itemid=77", MARKS)
    assert not schema_org.is_page_of(node, "https://shop.example/product.asp?itemid=78", MARKS)


def test_circles_are_no_trap() -> None:
    node = product(brand={"@id": "#c"})
    circle = {"@type": "Brand", "@id": "#c", "name": {"@id": "#c"}, "x": 1}
    (found, _) = json_ld.nodes([node, circle])
    assert schema_org.facts_of(found, URL, "json-ld").brand is UNREAD
