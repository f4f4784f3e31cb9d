# ruff: noqa: E501  # markup is easier to read unbroken
"""Whole pages, small and hand-written: what must be read, and what must never be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from christmas.errors import BlockedByVendor, NothingReadable, PriceUnreadable
from christmas.items import UNREAD, Availability
from tests.product_pages import NOW, OFFER, PRODUCT, RETAIL, URL, WAS, html, ld, offered, prices, read, view
from tests.readers import read_product, read_product_fully


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
