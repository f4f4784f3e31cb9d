from __future__ import annotations

from decimal import Decimal

import pytest

from christmas.errors import NothingReadable
from christmas.items import UNREAD, Availability
from christmas.reading.facts import EntryFacts
from tests.readers import read_listing

BC = "https://www.bells.example/1995-ornaments/"
S4 = "https://www.sleigh.example/1995_c_260.html"


def card(inner: str, attributes: str = "") -> str:
    return (
        f'<article class="card" {attributes}><figure class="card-figure"><a href="/bell/"><img src="x"></a></figure>'
        f'<h4 class="card-title"><a href="/bell/">1995 Bell</a></h4>{inner}</article>'
    )


def item(inner: str, attributes: str = "", href: str = "Bell_p_7.html") -> str:
    return f'<div class="product-item" {attributes}><div class="name"><a href="{href}">1995 Bell</a></div>{inner}</div>'


def now(text: str) -> str:
    return f'<span data-product-price-without-tax class="price price--withoutTax">{text}</span>'


def old_and_new(old: str, new: str) -> tuple[str, str]:
    return f'<i class="regular-price">{old}</i>', f'<i class="sale-price">{new}</i>'


OLD, NEW = old_and_new("$39.95", "$24.95")
LONE, NO_SALE = old_and_new("$24.95", "")


def only(body: str, url: str = BC) -> EntryFacts:
    (entry,) = read_listing(body.encode(), url).entries
    return entry


def amounts(entry: EntryFacts) -> tuple[object, object]:
    price, old = entry.price, entry.list_price
    return (str(price) if price else price, str(old) if old else old)


@pytest.mark.parametrize(
    ("attributes", "inner"),
    [
        ('data-entity-id="9"', ""),
        ("", '<button data-product-id="9">Quick view</button>'),
        ("", '<a class="button" href="https://www.bells.example/cart.php?action=add&amp;product_id=9">Add to Cart</a>'),
        ("", '<img data-src="https://cdn.example/s-1/products/9/images/3/bell.jpg">'),
    ],
)
def test_card_id_of_each_generation(attributes: str, inner: str) -> None:
    assert only(card(inner, attributes)).ids == ("9",)


def test_a_card_without_any_id_has_its_address() -> None:
    assert only(card("")) == EntryFacts(url="https://www.bells.example/bell/", name="1995 Bell")


def test_a_flag_in_the_figure_is_not_the_name() -> None:
    figure = '<figure class="card-figure"><a class="card-figure__link" href="/bell/"><b>On Sale!</b></a></figure>'
    entry = only(f'<article class="card" data-name="1995 Bell">{figure}</article>')
    assert (entry.name, entry.url) == ("1995 Bell", "https://www.bells.example/bell/")


def test_a_card_that_leads_nowhere_is_left_out() -> None:
    lost = '<article class="card"><h4 class="card-title"><a href="javascript:void(0)">x</a></h4></article>'
    assert len(read_listing((lost + card("")).encode(), BC).entries) == 1


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (now("$24.95"), ("24.95", None)),
        ('<span data-product-price-with-tax class="price">$24.95</span>', ("24.95", None)),
        (f'<s data-product-non-sale-price-without-tax class="price">$39.95</s>{now("$24.95")}', ("24.95", "39.95")),
        (f'<s data-product-rrp-price-without-tax class="price">$39.95</s>{now("$24.95")}', ("24.95", "39.95")),
        (f'<s data-product-non-sale-price-without-tax class="price"> </s>{now("$24.95")}', ("24.95", None)),
        (f'<s data-product-non-sale-price-without-tax class="price">$24.95</s>{now("$24.95")}', ("24.95", None)),
        (now("$5.95 - $12.95"), (None, None)),
        (now("Call for price"), (None, None)),
        (now(""), (UNREAD, UNREAD)),
        ("", (UNREAD, UNREAD)),
        (now("$24.9500"), (UNREAD, UNREAD)),
    ],
)
def test_card_prices(inner: str, expected: tuple[object, object]) -> None:
    assert amounts(only(card(inner, 'data-product-price="5.95"'))) == expected


def test_a_card_names_its_currency() -> None:
    assert only(card(now("€ 24,95"))).currency == "EUR"


@pytest.mark.parametrize(
    ("texts", "availability"),
    [
        (["Add to Cart"], Availability.IN_STOCK),
        (["Quick view", "Compare", "Choose Options"], Availability.IN_STOCK),
        (["Out of stock"], Availability.OUT_OF_STOCK),
        (["Sold Out"], Availability.OUT_OF_STOCK),
        (["Add to Cart", "Pre-Order Now"], Availability.PREORDER),
        (["Pre-Order Now", "Add to Cart"], Availability.PREORDER),
        (["Quick view"], UNREAD),
        ([], UNREAD),
    ],
)
def test_card_stock(texts: list[str], availability: object) -> None:
    buttons = "".join(f'<a class="button button--small card-figcaption-button" href="#">{text}</a>' for text in texts)
    assert only(card(buttons)).availability is availability


@pytest.mark.parametrize(
    ("attributes", "href", "ids"),
    [
        ('data-catalogid="31044"', "bell-of-1995.html", ("31044",)),
        ("", "1995-Bell_p_31044.html", ("31044",)),
        ("", "product.asp?itemid=31044", ("31044",)),
        ("", "bell-of-1995.html", ()),
    ],
)
def test_item_id_of_each_form(attributes: str, href: str, ids: tuple[str, ...]) -> None:
    entry = only(item("", attributes, href), S4)
    assert (entry.ids, entry.url) == (ids, f"https://www.sleigh.example/{href}")


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ('<div class="price">$24.95</div>', ("24.95", None)),
        ('<div class="price"><span class="regular-price">$24.95</span></div>', ("24.95", None)),
        (f'<div class="price">{LONE}{NO_SALE}</div>', ("24.95", None)),
        (f'<div class="price">{OLD}{NEW}</div>', ("24.95", "39.95")),
        (f'<div class="price">{NEW}{OLD}</div>', ("24.95", "39.95")),
        ('<div class="price">Retail $39.95, our price $24.95</div>', ("24.95", "39.95")),
        ('<div class="price">Call for price</div>', (None, None)),
        ('<div class="price">$5.95 - $12.95</div>', (None, None)),
        ('<div class="price">$0.00</div>', (None, None)),
        ('<div class="price"></div>', (UNREAD, UNREAD)),
        ("", (UNREAD, UNREAD)),
    ],
)
def test_item_prices(inner: str, expected: tuple[object, object]) -> None:
    assert amounts(only(item(inner), S4)) == expected


@pytest.mark.parametrize(
    ("text", "availability"),
    [
        ("In Stock - Ships Next Business Day", Availability.IN_STOCK),
        ("Out of Stock", Availability.OUT_OF_STOCK),
        ("Pre-Order", Availability.PREORDER),
        ("", UNREAD),
    ],
)
def test_item_stock(text: str, availability: object) -> None:
    inner = f'<div class="status"><span class="availability">{text}</span></div>'
    assert only(item(inner), S4).availability is availability


def test_items_that_lead_nowhere_are_left_out() -> None:
    lost = item("", href="javascript:void(0)") + '<div class="product-item">advertisement</div>'
    assert only(lost + item(""), S4).ids == ("7",)


@pytest.mark.parametrize(
    "around",
    [
        '<aside class="related">{}</aside>',
        '<div id="related-products">{}</div>',
        '<div class="related_items">{}</div>',
    ],
)
def test_related_products_are_not_listed(around: str) -> None:
    other = around.format(item("", href="Other_p_9.html"))
    assert only(other + item(""), S4).ids == ("7",)


def test_products_outside_of_the_category_are_not_listed() -> None:
    featured = f'<div class="home-specials">{item("", href="Other_p_9.html")}</div>'
    assert only(f'{featured}<div class="category-products">{item("")}</div>', S4).ids == ("7",)


@pytest.mark.parametrize(
    "markup",
    [
        '<link rel="next" href="/1995-ornaments/?page=2">',
        '<ul><li class="pagination-item pagination-item--next"><a href="/1995-ornaments/?page=2">Next</a></li></ul>',
        '<link rel="next" href="http://[broken"><li class="pagination-item--next"><a href="?page=2">Next</a></li>',
    ],
)
def test_next_page_of_cards(markup: str) -> None:
    assert read_listing((markup + card("")).encode(), BC).next_url == "https://www.bells.example/1995-ornaments/?page=2"


def test_the_last_page_has_no_next() -> None:
    assert read_listing(card("").encode(), BC + "?page=2").next_url is None


def paging(*hrefs: str) -> str:
    block = '<div class="paging">' + "".join(f'<a href="{href}">x</a>' for href in hrefs) + "</div>"
    return block + item("") + block  # rendered twice, top and bottom


@pytest.mark.parametrize(
    ("url", "hrefs", "following"),
    [
        ("1995_c_260.html", ["1995_c_260.html", "1995_c_260-2-3.html", "1995_c_260-3-3.html"], "1995_c_260-2-3.html"),
        ("1995_c_260-2-3.html", ["1995_c_260.html", "1995_c_260-3-3.html"], "1995_c_260-3-3.html"),
        ("1995_c_260-3-3.html", ["1995_c_260.html", "1995_c_260-2-3.html"], None),
        ("view_category.asp?cat=260", ["view_category.asp?cat=260&amp;page=2"], "view_category.asp?cat=260&page=2"),
        ("view_category.asp?cat=260&page=2", ["view_category.asp?cat=260&amp;page=1"], None),
        ("1995_c_260.html", ["1995_c_260.html?viewall=1&amp;page=2"], None),
        ("1995_c_260.html?viewall=1", ["1995_c_260.html", "1995_c_260-2-3.html"], None),
        ("1995_c_260.html", [], None),
    ],
)
def test_next_page_of_items(url: str, hrefs: list[str], following: str | None) -> None:
    found = read_listing(paging(*hrefs).encode(), f"https://www.sleigh.example/{url}").next_url
    assert found == (f"https://www.sleigh.example/{following}" if following else None)


@pytest.mark.parametrize(
    "link", ['<a class="category-viewall" href="/all.html">View All</a>', '<a href="/all.html?viewall=1">View All</a>']
)
def test_view_all(link: str) -> None:
    found = read_listing((link + item("")).encode(), S4).view_all_url
    assert found is not None
    assert found.startswith("https://www.sleigh.example/all.html")


def test_no_view_all() -> None:
    assert read_listing(item("").encode(), S4).view_all_url is None


@pytest.mark.parametrize(
    "markup",
    [
        '<div class="sub-categories"><a href="A_c_1.html">A</a><a href="B_c_2.html">B</a></div>',
        '<ul class="subcategories"><li><a href="A_c_1.html">A</a></li><li><a href="B_c_2.html">B</a></li></ul>',
        '<a class="subcat" href="A_c_1.html">A</a><a class="subcat" href="B_c_2.html">B</a>' * 2,
    ],
)
def test_a_listing_of_subcategories_only(markup: str) -> None:
    facts = read_listing(markup.encode(), S4)
    assert facts.entries == []
    assert facts.subcategories == ["https://www.sleigh.example/A_c_1.html", "https://www.sleigh.example/B_c_2.html"]


@pytest.mark.parametrize(
    "text", ["There are no products listed under this category.", "No products found", "no products in this category"]
)
def test_a_listing_that_says_it_is_empty(text: str) -> None:
    assert read_listing(f"<p>{text}</p>".encode(), BC).entries == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty"),
        (b" \r\n ", "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "binary"),
        (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3", "lists nothing"),
        (b"<!-- nothing -->", "cannot be parsed"),
        (b"<h1>Welcome</h1>", "looked for article.card, .product-item and an ItemList"),
        (b"not html at all", "lists nothing"),
    ],
)
def test_nothing_readable_says_why(body: bytes, message: str) -> None:
    with pytest.raises(NothingReadable, match=message):
        read_listing(body, BC)


@pytest.mark.parametrize(
    ("written_as", "declared"),
    [
        ("utf-8", "utf-8"),
        ("utf-8", "iso-8859-1"),
        ("utf-8-sig", "utf-8"),
        ("cp1252", "utf-8"),
        ("cp1252", "UTF_8"),
        ("iso-8859-1", "iso-8859-1"),
        ("cp1252", "no-such-charset"),
        ("cp1252", "rot13"),
    ],
)
def test_a_wrong_charset_does_not_spoil_names(written_as: str, declared: str) -> None:
    body = card("").replace("1995 Bell", "Joyeux No\u00ebl").encode(written_as)
    (entry,) = read_listing(body, BC, declared).entries
    assert entry.name == "Joyeux No\u00ebl"


def test_one_broken_letter_does_not_spoil_the_others() -> None:
    body = card("").replace("1995 Bell", "Joyeux No\u00ebl \u00e0 P\u00e8re No\u00ebl").encode() + b"\xc3"
    (entry,) = read_listing(body, BC).entries
    assert entry.name == "Joyeux No\u00ebl \u00e0 P\u00e8re No\u00ebl"


def ld(text: str) -> str:
    return f'<script type="application/ld+json">{text}</script>'


PRODUCT = (
    '{"@type": "Product", "name": "1995 Bell", "url": "/1995-Bell_p_7.html", "offers": {"price": "24.95", '
    '"priceCurrency": "USD", "availability": "https://schema.org/InStock"}}'
)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"@type": "ItemList", "itemListElement": [{{"@type": "ListItem", "position": 1, "item": {PRODUCT}}}]}}',
        f'{{"@type": ["ItemList"], "itemListElement": [{PRODUCT}]}}',
        f'{{"@graph": [{{"@type": "https://schema.org/ItemList", "itemListElement": [{{"item": {PRODUCT},}}]}}]}}',
        f'{{"@type": "CollectionPage", "mainEntity": {{"@type": "ItemList", "itemListElement": [{PRODUCT}]}}}}',
        f'{{"@type": "ItemList", "itemListElement": [{{"item": {PRODUCT}}}, {{"item": {PRODUCT}}}]}} // twice',
    ],
)
def test_an_item_list_with_products(text: str) -> None:
    facts = read_listing(ld(text).encode(), S4)
    assert facts.source == "json-ld"
    assert facts.entries == [
        EntryFacts(
            url="https://www.sleigh.example/1995-Bell_p_7.html",
            ids=("7",),
            name="1995 Bell",
            price=Decimal("24.95"),
            currency="USD",
            availability=Availability.IN_STOCK,
        )
    ]


@pytest.mark.parametrize("address", ['"url": "/bell/"', '"item": "/bell/"', '"item": {"@id": "/bell/"}'])
def test_an_item_list_of_addresses(address: str) -> None:
    text = f'{{"@type": "ItemList", "itemListElement": [{{"@type": "ListItem", "name": "1995 Bell", {address}}}]}}'
    facts = read_listing(ld(text).encode(), BC)
    assert facts.entries == [EntryFacts(url="https://www.bells.example/bell/", name="1995 Bell")]


def test_a_range_in_an_item_list_is_no_price() -> None:
    product = (
        '{"@type": "Product", "url": "/bell/", "offers": {"@type": "AggregateOffer", "lowPrice": 5, "highPrice": 9}}'
    )
    assert only(ld(f'{{"@type": "ItemList", "itemListElement": [{{"item": {product}}}]}}')).price is None


def test_the_markup_comes_before_the_item_list() -> None:
    text = f'{{"@type": "ItemList", "itemListElement": [{PRODUCT}]}}'
    facts = read_listing((card(now("$9.95")) + ld(text)).encode(), BC)
    assert (facts.source, amounts(facts.entries[0])) == ("cards", ("9.95", None))


@pytest.mark.parametrize(
    "text",
    [
        '{"@type": "BreadcrumbList", "itemListElement": [{"@type": "ListItem", "url": "/by-year/", "name": "x"}]}',
        '{"@type": "ItemList", "itemListElement": [{"item": {"@type": "CollectionPage", "url": "/1996/"}}]}',
        '{"@type": "ItemList", "itemListElement": ["text", {"name": "no address"}, {"url": 5}]}',
        '{"@type": "ItemList", "itemListElement": "none"}',
        "{broken",
    ],
)
def test_other_lists_are_no_listing(text: str) -> None:
    with pytest.raises(NothingReadable):
        read_listing(ld(text).encode(), BC)


def test_an_item_list_of_the_subcategories_lists_no_products() -> None:
    text = '{"@type": "ItemList", "itemListElement": [{"url": "https://www.sleigh.example/A_c_1.html", "name": "A"}]}'
    facts = read_listing(f'<a class="subcat" href="A_c_1.html">A</a>{ld(text)}'.encode(), S4)
    assert (facts.entries, len(facts.subcategories)) == ([], 1)
