# ruff: noqa: E501, RUF001  # markup is easier to read unbroken
"""Pages as platforms write them, what the fast path leaves to the full one, and pages that attack the reader."""

from __future__ import annotations

import contextlib
import json
import time
from decimal import Decimal
from typing import Any

import pytest

from christmas.errors import ReadingError
from christmas.items import UNREAD, Availability
from tests.product_pages import NOW, OFFER, PRODUCT, URL, WAS, html, ld, offered, prices, read, view
from tests.readers import read_product, read_product_fully

# Platforms


def test_woocommerce_offers_list() -> None:
    offer = {
        "@type": "Offer", "availability": "http://schema.org/InStock", "url": URL, "priceValidUntil": "2027-12-31",
        "priceSpecification": [
            {"@type": "UnitPriceSpecification", "price": "20.00", "priceCurrency": "USD", "validThrough": "2027-12-31"},
            {"@type": "UnitPriceSpecification", "price": "30.00", "priceCurrency": "USD",
             "priceType": "https://schema.org/ListPrice"},
        ],
        "seller": {"@type": "Organization", "name": "Shop", "url": "https://shop.example"},
    }  # fmt: skip
    graph = {"@context": "https://schema.org/", "@graph": [{"@type": "BreadcrumbList"}, PRODUCT | {"offers": [offer]}]}
    dom = '<p class="price"><del><span class="amount">$30.00</span></del><ins><span class="amount">$20.00</span></ins></p>'
    assert prices(read(ld(graph), dom)) == ["20.00", None, None, "30.00"]


def test_woocommerce_variable_product() -> None:
    offers = [
        {"@type": "AggregateOffer", "lowPrice": "5.00", "highPrice": "7.00", "offerCount": 2, "priceCurrency": "USD"}
    ]
    assert prices(read(ld(PRODUCT | {"offers": offers}))) == [None, "5.00", "7.00", None]


@pytest.mark.parametrize(
    ("mark", "sku"),
    [
        ('<body class="single-product woocommerce postid-1234">', UNREAD),
        ('<div class="woocommerce"><button name="add-to-cart" value="1234">', UNREAD),
        ('<body class="woocommerce postid-1234"><span class="sku">1234</span>', "1234"),
        ('<body class="woocommerce postid-12345">', "1234"),
        ("<body>", "1234"),
    ],
)
def test_woocommerces_post_number_is_no_sku(mark: str, sku: Any) -> None:
    assert read(mark, ld(offered() | {"sku": 1234})).sku == sku


def test_yoast_graph() -> None:
    graph = {
        "@graph": [
            {"@type": "WebPage", "@id": URL, "name": "Shop - Frosty"},
            {"@type": "Organization", "@id": "https://shop.example/#organization", "name": "The Shop"},
            PRODUCT | {
                "@id": URL + "#product", "mainEntityOfPage": {"@id": URL}, "offers": [{"@id": URL + "#offer"}],
                "manufacturer": {"@id": "https://shop.example/#organization"},
            },
            OFFER | {"@id": URL + "#offer"},
        ]
    }  # fmt: skip
    facts = read(ld(graph))
    assert (prices(facts)[0], facts.brand) == ("24.95", UNREAD)


def test_shopify_product_group() -> None:
    variants = [
        {
            "@type": "Product", "@id": f"/products/frosty?variant={n}#variant", "name": f"Frosty - {n}", "sku": f"QX{n}",
            "offers": OFFER | {"price": price, "url": f"https://shop.example/products/frosty?variant={n}"},
        }
        for n, price in ((1, "5.00"), (12, "7.00"))
    ]  # fmt: skip
    group = {"@type": "ProductGroup", "name": "Frosty", "productGroupID": "99", "hasVariant": variants}
    group["url"] = "https://shop.example/products/frosty"
    meta = '<meta property="og:type" content="product"><meta property="og:price:amount" content="5.00">'
    url = "https://shop.example/collections/all/products/frosty"
    facts = read(meta, ld(group), url=url)
    assert (prices(facts), facts.sku, facts.disagreements) == ([None, "5.00", "7.00", None], UNREAD, ())
    assert prices(read(ld(group), url=url + "?variant=12"))[0] == "7.00"
    assert prices(read(ld(group), url=url + "?variant=2")) == [None, "5.00", "7.00", None]


def test_magento_microdata() -> None:
    page = (
        '<div class="product-info-main" itemscope itemtype="http://schema.org/Product"><h1><span itemprop="name">1998 Frosty'
        '</span></h1><div itemprop="sku">QX6226</div><div itemprop="offers" itemscope itemtype="http://schema.org/Offer">'
        '<span class="special-price"><meta itemprop="price" content="24.95"></span><meta itemprop="priceCurrency" '
        'content="USD"><link itemprop="availability" href="http://schema.org/InStock"></div></div>'
        '<div class="block upsell"><div itemscope itemtype="http://schema.org/Product"><b itemprop="name">Other</b></div></div>'
    )
    facts = read(page)
    assert (prices(facts)[0], facts.sku, facts.name) == ("24.95", "QX6226", "1998 Frosty")


def test_bigcommerce_platform_data() -> None:
    data = (
        '<script>var BCData = {"product_attributes":{"sku":"QX6226","upc":"763795123456","instock":false,"price":'
        '{"without_tax":{"formatted":"$24.95","value":24.95,"currency":"USD"},"non_sale_price_without_tax":{"value":39.95}}}};'
        "</script>"
    )
    facts = read(view(), data)
    assert prices(facts) == ["24.95", None, None, "39.95"]
    assert (facts.sku, facts.gtin, facts.availability) == ("QX6226", "763795123456", Availability.OUT_OF_STOCK)
    assert facts.source == "BCData+selectors"


# What the fast path must leave to the full one


@pytest.mark.parametrize(
    ("missing", "markup", "field", "value"),
    [
        ("sku", "<div class=productView><b data-product-sku>QX1</b></div>", "sku", "QX1"),
        ("sku", "<div itemscope itemtype=https://schema.org/Product><b itemprop=sku>QX1</b></div>", "sku", "QX1"),
        ("sku", '<meta property=product:retailer_item_id content=QX1><meta property="og:type" content="product">', "sku", "QX1"),
        ("brand", '<div class=productView><b class="productView-brand">Acme</b></div>', "brand", "Acme"),
        ("brand", '<meta property="og:brand" content="Acme"><meta property="og:type" content="product">', "brand", "Acme"),
        ("image", '<meta property="og:image" content="/x.jpg"><meta property="og:type" content="product">', "image_url", "/x.jpg"),
        ("", "<div class=productView><b data-product-upc>763795123456</b></div>", "gtin", "763795123456"),
        ("", "<div itemscope itemtype=https://schema.org/Product><b itemprop=upc>763795123456</b></div>", "gtin", "763795123456"),
        ("", '<meta property="product:ean" content="763795123456"><meta property="og:type" content="product">', "gtin", "763795123456"),
        ("", '<h1 id="product_id">x</h1><s class="original-price">$39.95</s><b class=sale-price>$24.95</b>', "list_price", Decimal("39.95")),
        ("", '<meta property="og:price:amount" content="24.95"><meta property="og:price:standard_amount" content="30">', "list_price", 30),
        ("", "<div itemscope itemtype=https://schema.org/Product><del><b itemprop=price>30</b></del><b itemprop=price>24.95</b></div>", "list_price", 30),
    ],
)  # fmt: skip
def test_what_json_ld_leaves_open_is_found_in_the_markup(missing: str, markup: str, field: str, value: Any) -> None:
    product = {name: told for name, told in offered().items() if name != missing}
    assert getattr(read(markup, ld(product)), field) == value


def test_a_year_that_only_the_markup_tells() -> None:
    info = '<dl><dt class="productView-info-name">Year:</dt><dd>1998</dd></dl>'
    assert read(view(info), ld(offered() | {"name": "Frosty Friends"})).release_year == 1998
    assert read(ld(offered() | {"name": "Frosty Friends", "releaseDate": "1997-06-01"})).release_year == 1997


def test_an_alias_address_is_left_to_the_full_path() -> None:
    data = offered() | {"url": "https://shop.example/another-name/"}
    assert prices(read("<h1>1998 Frosty Friends</h1>", ld(data)))[0] == "24.95"


def test_what_follows_from_name_and_sku() -> None:
    facts = read(ld(offered() | {"name": "1980 Frosty Friends #1 NB", "sku": "QX1371NB"}))
    assert (facts.release_year, facts.series, facts.series_number, facts.box) == (1980, "Frosty Friends", 1, "NB")
    assert read(ld(offered() | {"sku": "QX1371SDB"})).box == "SDB"
    assert read(ld(offered())).box is None


def test_the_platforms_numbers() -> None:
    url = "https://shop.example/Frosty_p_77.html"
    page = '<script>var _3d_item = {"catalogid":77,"id":"QX1"};</script><input type="hidden" name="item_id" value="78">'
    assert read(page, ld(offered()), url=url).ids == ("77", "78")
    page = '<div class="productView" data-entity-id="9"><input type="hidden" name="product_id" value="9"></div>'
    assert read(page, ld(offered())).ids == ("9",)


# Charsets, size and attacks


@pytest.mark.parametrize(
    ("charset", "declared"), [("utf-8", "utf-8"), ("utf-8", "latin-1"), ("utf-8", "no-such"), ("cp1252", "utf-8"), ("cp1252", "cp1252"), ("cp1252", "no-such"), ("utf-8-sig", "utf-8")]
)  # fmt: skip
def test_charsets(charset: str, declared: str) -> None:
    name = "2007 Joyeux Noël Café – “Bell”"
    data = offered() | {"name": name, "brand": "Café"}
    block = f'<script type="application/ld+json">{json.dumps(data, ensure_ascii=False)}</script>'
    body = html(block).decode().encode(charset)
    for way in (read_product, read_product_fully):
        facts = way(body, URL, declared)
        assert (facts.name, facts.brand) == (name, "Café")


def test_a_page_cut_short_gives_what_it_has_or_nothing() -> None:
    body = html(ld(offered()), view("<b data-product-sku>QX6226</b>", NOW.format("$24.95")), WAS.format("$39.95"))
    for end in range(0, len(body), 7):
        for way in (read_product, read_product_fully):
            try:
                facts = way(body[:end], URL)
            except ReadingError:
                continue
            assert facts.price in (UNREAD, Decimal("24.95"), None, Decimal(24), Decimal("2"), Decimal("24.9"))


def test_a_large_page_takes_little_time() -> None:
    body = html(ld(offered()), view(), "<div><p class='a'>words and more words</p></div>\n" * 170_000)
    assert len(body) > 8_000_000
    for way, seconds in ((read_product, 1), (read_product_fully, 5)):
        started = time.process_time()
        assert way(body, URL).price == Decimal("24.95")
        assert time.process_time() - started < seconds


ATTACKS = {
    "inputs": "<input " * 100_000 + 'product_id" item_id"',
    "one long tag": "<input " + 'name="product_id" ' * 50_000 + " item_id",
    "views": 'class="productView" ' * 50_000 + "data-entity-id",
    "old prices": '<b class="productView">' + "data-product-non-sale-price-without-tax " * 20_000,
    "old prices without end": '<b class="productView">' + "<b data-product-rrp-with-tax>" * 20_000 + " " * 100_000,
    "items": "_3d_item = {" * 20_000,
    "item and spaces": "_3d_item" + " " * 500_000 + "BCData" + " " * 500_000,
    "data": "BCData = {'" * 20_000,
    "upc": "data-product-upc " * 50_000,
    "tags in a name": ld(offered() | {"name": "<" * 500_000}),
    "entities in a name": ld(offered() | {"name": "&amp;" * 100_000}),
    "a long price": ld(offered(price="$" * 500_000)),
    "a long number": ld(offered(price="9" * 4_000)),
    "years": ld(offered() | {"name": "1998 " * 100_000}),
    "series": ld(offered() | {"name": "1st in " * 50_000}),
    "hashes": ld(offered() | {"name": "# " * 50_000}),
    "deep markup": "<div>" * 50_000,
    "deep microdata": '<div itemscope itemtype="https://schema.org/Product" itemprop="offers">' * 2_000,
    "many properties": '<div itemscope itemtype="https://schema.org/Product">' + '<i itemprop="a">x</i>' * 50_000,
    "many products": ld(*([offered() | {"name": f"A{n}", "url": f"/{n}"} for n in range(3_000)])),
    "many metas": '<meta property="og:x" content="y">' * 50_000,
    "many headings": "<h1>x</h1>" * 50_000,
    "asides": '<div class="related" id="price"><b itemscope>' * 3_000,
}  # fmt: skip


@pytest.mark.parametrize("page", [pytest.param(page, id=name) for name, page in ATTACKS.items()])
def test_an_attack_ends_soon(page: str) -> None:
    body = html(page)
    for way in (read_product, read_product_fully):
        started = time.process_time()
        with contextlib.suppress(ReadingError):
            way(body, URL)
        assert time.process_time() - started < 3
