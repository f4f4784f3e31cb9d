"""Whole pages, small and hand-written: what must be read, and what must never be."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest

from christmas.errors import BlockedByVendor, NothingReadable, PriceUnreadable, ReadingError
from christmas.items import UNREAD, Availability
from christmas.reading.facts import ProductFacts
from christmas.reading.product import read_product, read_product_fully

URL = "https://shop.example/1998-frosty-friends/"
OFFER = {"@type": "Offer", "price": "24.95", "priceCurrency": "USD", "availability": "https://schema.org/InStock"}
PRODUCT = {"@context": "https://schema.org", "@type": "Product", "name": "1998 Frosty Friends", "sku": "QX6226"}


def ld(*values: Any) -> str:
    return "".join(f'<script type="application/ld+json">{json.dumps(value)}</script>' for value in values)


def html(*parts: str) -> bytes:
    return f"<!DOCTYPE html><html><head><title>Shop</title></head><body>{''.join(parts)}</body></html>".encode()


def read(*parts: str, url: str = URL) -> ProductFacts:
    """Read by both ways; they must agree."""
    body = html(*parts)
    fully, quickly = read_product_fully(body, url), read_product(body, url)
    if not fully.disagreements:  # only the full path compares the sources
        assert quickly == fully
    return fully


def prices(facts: ProductFacts) -> list[str | None]:
    told = (facts.price, facts.price_min, facts.price_max, facts.list_price)
    return [str(value) if value else None for value in told]


def offered(**values: Any) -> dict[str, Any]:
    return PRODUCT | {"brand": "Hallmark", "image": "https://i/1.jpg", "offers": OFFER | values}


def test_json_ld_alone() -> None:
    facts = read(ld(offered()))
    assert facts.name == "1998 Frosty Friends"
    assert (facts.sku, facts.brand, facts.currency) == ("QX6226", "Hallmark", "USD")
    assert prices(facts) == ["24.95", None, None, None]
    assert (facts.availability, facts.release_year, facts.source) == (Availability.IN_STOCK, 1998, "json-ld")
    assert isinstance(facts.price, Decimal)


# A generic page must give nothing, whatever it looks like.
NOTHING = {
    "text only": "<h1>1998 Frosty Friends</h1><p>Price: $24.95</p><p>In stock</p>",
    "text with platform-like names": '<h1>Frosty</h1><input type="hidden" id="product_id" value="7"><p>$24.95</p>',
    "home": ld({"@type": "WebSite", "name": "Shop"}, {"@type": "Organization", "name": "Shop"}) + "<h1>Welcome</h1>",
    "home with product cards": "<h1>Welcome</h1>"
    + ld(*(PRODUCT | {"name": f"Ornament {n}", "url": f"https://shop.example/{n}"} for n in range(3))),
    "home that advertises one product": "<h1>Welcome</h1>"
    + ld(offered() | {"name": "Snow Mouse", "url": "https://shop.example/snow-mouse/"}),
    "category with a list": "<h1>1998</h1>"
    + ld({"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": offered()}]}),
    "category with cards in microdata": "<h1>1998</h1>"
    + "".join(
        f'<li itemscope itemtype="https://schema.org/Product"><a itemprop="url" href="/{n}"><b itemprop="name">{n}</b></a>'
        f'<b itemprop="offers" itemscope itemtype="https://schema.org/Offer"><b itemprop="price">{n}.95</b></b></li>'
        for n in range(3)
    ),
    "BigCommerce category": '<h1 class="page-heading">1998</h1><article class="card"><h4 class="card-title"><a href="/a">A'
    "</a></h4><span data-product-price-without-tax>$5.00</span></article>",
    "Shift4Shop category": '<h1 class="page_headers">1998</h1><div class="product-item"><span class="sale-price">$5</span>'
    '<span class="regular-price">$9</span></div>',
    "search": '<h1>Search results for "frosty"</h1><div class="product-item"><span class="price">$5.00</span></div>',
    "article": '<meta property="og:type" content="article"><meta property="og:title" content="Frosty"><h1>Frosty</h1>'
    + ld({"@type": "BlogPosting", "headline": "Frosty"}),
    "only related products": '<aside itemscope itemtype="https://schema.org/Product"><b itemprop="name">Other</b></aside>'
    '<div class="related-products"><div itemscope itemtype="https://schema.org/Product"><b itemprop="name">Other</b></div>'
    "</div>",
    "product in a comment": f"<!-- {ld(offered())} -->",
    "broken JSON-LD": '<script type="application/ld+json">{"@type": "Product", "name": "Fro</script>',
    "a product without a name": ld({"@type": "Product", "offers": OFFER}),
    "no markup": "",
}


@pytest.mark.parametrize("page", [pytest.param(page, id=name) for name, page in NOTHING.items()])
def test_nothing_readable(page: str) -> None:
    for way in (read_product, read_product_fully):
        with pytest.raises(NothingReadable):
            way(html(page), "https://shop.example/")


@pytest.mark.parametrize(
    "body", [b"", b"  \n", b"\x00\x01\x02" * 100, bytes(range(256)) * 64, b"plain words", b"\x89PNG\r\n"]
)
def test_what_is_no_page(body: bytes) -> None:
    for way in (read_product, read_product_fully):
        with pytest.raises(NothingReadable):
            way(body, URL)


def test_a_challenge_is_no_product() -> None:
    body = b"<title>Just a moment...</title><script>window._cf_chl_opt={}</script>"
    for way in (read_product, read_product_fully):
        with pytest.raises(BlockedByVendor):
            way(body, URL)


# Prices


def test_a_range_has_no_price() -> None:
    facts = read(
        ld(PRODUCT | {"offers": {"@type": "Offer", "minPrice": "5.95", "maxPrice": "12.95", "priceCurrency": "USD"}})
    )
    assert prices(facts) == [None, "5.95", "12.95", None]


def test_the_low_end_of_a_range_in_meta_tags_is_no_price_and_no_disagreement() -> None:
    aggregate = {"@type": "AggregateOffer", "lowPrice": "5.95", "highPrice": "12.95", "priceCurrency": "USD"}
    facts = read('<meta property="og:price:amount" content="5.95">', ld(PRODUCT | {"offers": aggregate}))
    assert prices(facts) == [None, "5.95", "12.95", None]
    assert facts.disagreements == ()


@pytest.mark.parametrize("price", ["", "0", "0.00", 0, None])
def test_call_for_price_is_absent(price: Any) -> None:
    facts = read(ld(offered(price=price)))
    assert (facts.price, facts.list_price) == (None, None)
    assert facts.availability is Availability.IN_STOCK


def test_a_product_without_offers_is_sold_on_request() -> None:
    assert read(ld(PRODUCT)).price is None


def test_a_page_that_does_not_tell_the_price_leaves_it_unread() -> None:
    facts = read('<div class="productView"><h1 class="productView-title">Frosty</h1></div>')
    assert (facts.price, facts.list_price, facts.availability) == (UNREAD, UNREAD, UNREAD)


def test_call_for_pricing_on_bigcommerce_is_absent() -> None:
    view = '<div class="productView"><h1 class="productView-title">Frosty</h1><div class="productView-price">{}</div></div>'
    assert read(view.format("<a>Call for Pricing</a>")).price is None


def test_no_price_gives_way_to_one_that_is_shown_and_both_are_named() -> None:
    facts = read('<meta property="product:price:amount" content="24.95">', ld(offered(price="")))
    assert prices(facts)[0] == "24.95"
    assert facts.disagreements == ("The sources disagree on the price: json-ld says no price, meta says 24.95.",)


def test_sources_that_disagree_are_named_and_the_first_is_taken() -> None:
    facts = read('<meta property="product:price:amount" content="19.95">', ld(offered()))
    assert prices(facts)[0] == "24.95"
    assert facts.disagreements == ("The sources disagree on the price: json-ld says 24.95, meta says 19.95.",)


def test_a_range_disagrees_with_a_price_outside_its_ends() -> None:
    aggregate = {"@type": "AggregateOffer", "lowPrice": "5.95", "highPrice": "12.95"}
    meta = '<meta property="og:price:amount" content="{}">'
    assert read(meta.format("12.95"), ld(PRODUCT | {"offers": aggregate})).disagreements == ()
    data = '<script>var _3d_item = {"catalogid": 7, "price": 99.00};</script>'
    facts = read(meta.format("98.00"), data, ld(PRODUCT | {"offers": aggregate}))
    assert "json-ld says 5.95 to 12.95, meta says 98.00, _3d_item says 99.00" in facts.disagreements[0]
    assert prices(facts) == [None, "5.95", "12.95", None]


def test_the_same_price_written_differently_is_no_disagreement() -> None:
    assert read('<meta property="product:price:amount" content="24.950">', ld(offered())).disagreements == ()


def test_one_product_in_two_blocks_that_disagree() -> None:
    facts = read(ld(offered(), offered(price="19.95")))
    assert (prices(facts)[0], facts.source) == ("24.95", "json-ld")
    assert "json-ld says 24.95, json-ld says 19.95" in facts.disagreements[0]


def test_a_price_that_cannot_be_read_is_an_error_that_names_it() -> None:
    with pytest.raises(PriceUnreadable, match="twelve apples"):
        read(ld(offered(price="twelve apples")))


def test_a_price_that_cannot_be_read_is_named_where_another_source_has_one() -> None:
    facts = read('<meta property="product:price:amount" content="24.95">', ld(offered(price="twelve apples")))
    assert prices(facts)[0] == "24.95"
    assert "twelve apples" in facts.disagreements[0]


# Sales

WAS = '<span data-product-non-sale-price-without-tax class="price price--non-sale">{}</span>'
RETAIL = '<span data-product-rrp-price-without-tax class="price price--rrp">{}</span>'
NOW = "<span data-product-price-without-tax>{}</span>"


def view(*parts: str) -> str:
    return f'<div class="productView"><h1 class="productView-title">1998 Frosty Friends</h1>{"".join(parts)}</div>'


@pytest.mark.parametrize(
    ("parts", "list_price"),
    [
        ((WAS.format("$39.95"), NOW.format("$24.95")), "39.95"),
        ((WAS.format("\n  $1,039.95\n"), NOW.format("$24.95")), "1039.95"),
        ((WAS.format(""), NOW.format("$24.95")), None),
        ((WAS.format("$24.95"), NOW.format("$24.95")), None),
        ((WAS.format("$9.95"), NOW.format("$24.95")), None),
        ((RETAIL.format("$49.95"), WAS.format(""), NOW.format("$24.95")), "49.95"),
        ((RETAIL.format("$49.95"), WAS.format("$39.95"), NOW.format("$24.95")), "39.95"),
    ],
)
def test_a_sale_on_bigcommerce(parts: tuple[str, ...], list_price: str | None) -> None:
    for data in ("", ld(offered())):
        assert prices(read(view(*parts), data)) == ["24.95", None, None, list_price]


def test_a_sale_of_another_products_card_is_not_this_ones() -> None:
    card = f'<article class="card" data-entity-id="9">{WAS.format("$99.00")}{NOW.format("$77.00")}</article>'
    for page in (view(WAS.format(""), NOW.format("$24.95")) + card, view(WAS.format(""), NOW.format("$24.95"), card)):
        assert prices(read(page, ld(offered()))) == ["24.95", None, None, None]
        assert prices(read(page)) == ["24.95", None, None, None]


def test_an_old_price_that_cannot_be_read_does_not_spoil_the_page() -> None:
    page = view(WAS.format("was $ 1.2.3.4"), NOW.format("$24.95"))
    assert prices(read_product(html(page, ld(offered())), URL)) == ["24.95", None, None, None]
    assert prices(read_product_fully(html(page, ld(offered())), URL)) == ["24.95", None, None, None]


def test_an_old_price_in_a_foreign_charset() -> None:
    body = html(view(WAS.format("@39.95"), NOW.format("$24.95")), ld(offered())).replace(b"@", b"\xa3")
    assert prices(read_product(body, URL)) == prices(read_product_fully(body, URL)) == ["24.95", None, None, "39.95"]


def test_a_sale_on_shift4shop() -> None:
    page = (
        '<h1 itemprop="name">1998 Frosty Friends</h1><span id="product_id">QX6226</span>'
        '<del class="original-price">$39.95</del><span id="price" class="sale-price">$24.95</span>'
        '<div class="related"><div class="product-item"><span class="sale-price">$1.00</span></div></div>'
    )
    assert prices(read(page)) == ["24.95", None, None, "39.95"]
    assert prices(read(page, ld(offered()))) == ["24.95", None, None, "39.95"]


def test_a_sale_in_meta_tags() -> None:
    meta = (
        '<meta property="og:type" content="product"><meta property="product:price:amount" content="39.95">'
        '<meta property="product:sale_price:amount" content="24.95"><meta property="og:title" content="Frosty">'
    )
    assert prices(read(meta)) == ["24.95", None, None, "39.95"]


def test_a_sale_in_json_ld() -> None:
    old = {"@type": "UnitPriceSpecification", "price": "39.95", "priceType": "https://schema.org/StrikethroughPrice"}
    assert prices(read(ld(offered(priceSpecification=old)))) == ["24.95", None, None, "39.95"]


# Several products on a page


def test_related_products_are_never_read() -> None:
    related = [
        PRODUCT | {"name": f"Other {n}", "sku": f"X{n}", "url": f"/other-{n}/", "offers": OFFER | {"price": "1"}}
        for n in range(3)
    ]
    own = offered() | {"url": URL}
    assert prices(read(ld(*related[:1], own, *related[1:])))[0] == "24.95"
    assert prices(read(ld(own | {"isRelatedTo": related, "isSimilarTo": related[0]})))[0] == "24.95"
    microdata = (
        '<div class="related-products"><div itemscope itemtype="https://schema.org/Product"><b itemprop="name">Other</b>'
        '<b itemprop="sku">X1</b><b itemprop="gtin13">0123456789012</b></div></div>'
    )
    facts = read(ld(own), microdata)
    assert (facts.gtin, facts.source) == (UNREAD, "json-ld")


def test_the_canonical_address_names_the_page() -> None:
    others = (offered() | {"name": "A", "url": "/a/"}, offered() | {"name": "B", "url": "/b/", "sku": "B1"})
    link = '<link rel="canonical" href="https://shop.example/b/">'
    assert read(link, ld(*others), url="file:///saved/page.html").sku == "B1"


def test_the_heading_names_the_product_where_no_address_does() -> None:
    others = (offered() | {"name": "A", "sku": "A1"}, offered() | {"name": "B", "sku": "B1"})
    assert read("<h1>B</h1>", ld(*others)).sku == "B1"


def test_where_json_ld_is_only_of_others_the_next_source_is_read() -> None:
    others = (offered() | {"name": "A", "url": "/a/"}, offered() | {"name": "B", "url": "/b/"})
    facts = read(ld(*others), view("<b data-product-sku>QX6226</b>", NOW.format("$24.95")))
    assert (facts.sku, facts.source) == ("QX6226", "selectors")


@pytest.mark.parametrize("link", ["http://[bad", "//[", "http://a]b/", "https://\u2100.example/", "javascript:void(0)"])
def test_a_link_that_is_none_spoils_nothing(link: str) -> None:
    own = offered() | {"url": link, "offers": OFFER | {"url": link}}
    canonical = f'<link rel="canonical" href="{link}">'
    assert prices(read(canonical, "<h1>1998 Frosty Friends</h1>", ld(own)))[0] == "24.95"
    assert (
        read(canonical, ld(own | {"url": "/other/", "name": "A"}, own, offered() | {"url": URL, "name": "B"})).name
        == "B"
    )
    assert prices(read(ld(own), url=URL + "?variant=1"))[0] == "24.95"


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
        started = time.perf_counter()
        assert way(body, URL).price == Decimal("24.95")
        assert time.perf_counter() - started < seconds


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
        started = time.perf_counter()
        try:
            way(body, URL)
        except ReadingError:
            pass
        assert time.perf_counter() - started < 3
