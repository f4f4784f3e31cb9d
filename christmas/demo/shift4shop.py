"""Pages of a Shift4Shop shop, in the generations of its templates from 2015 to 2026."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

from christmas.demo.page_furniture import footer, head, navigation
from christmas.demo.shops import money, plain
from christmas.items import Availability

if TYPE_CHECKING:
    from christmas.demo.shops import Offer, Shop

_STOCK = {
    Availability.IN_STOCK: ("InStock", "In Stock - Ships Next Business Day"),
    Availability.LOW_STOCK: ("LimitedAvailability", "Only 2 left"),
    Availability.OUT_OF_STOCK: ("OutOfStock", "Sold Out"),
    Availability.PREORDER: ("PreOrder", "Pre-Order"),
    Availability.DISCONTINUED: ("Discontinued", "Discontinued"),
}


def category(year: int) -> int:
    """Return the number of a year's listing; it follows no rule that a reader could use."""
    return year * 37 % 1009


def year_path(year: int) -> str:
    """Return the first page of a year's listing."""
    return f"/{year}_c_{category(year)}.html"


def _page_path(shop: Shop, year: int, page: int) -> str:
    if shop.generation == "2015":
        return f"/view_category.asp?cat={category(year)}&page={page}"
    return f"/{year}_c_{category(year)}-{page}-3.html"


def home(shop: Shop) -> str:
    """Render the home page, which sells nothing by itself."""
    return f"{head('Ornaments')}<body>{_nav(shop)}<main><h1>Welcome</h1></main>{footer()}"


def year_index(shop: Shop) -> str:
    """Render the index of years, each shop in its own form."""
    years = shop.release_years()
    if shop.kind.marks_boxes:
        links = "".join(
            f'<li><a href="{year_path(y)}"><img src="/thumb/years/{y}.svg" alt="{y} Keepsake Ornaments"></a></li>'
            for y in years
        )
        body = f'<ul class="columns-5">{links}</ul>'
    else:
        body = "".join(f'<a class="subcat" href="{year_path(y)}">{y} Hallmark Ornaments</a>\n' for y in years)
    return f"{head('Ornaments by year')}<body>{_nav(shop)}<main>{body}</main>{footer()}"


def listing(shop: Shop, year: int, page: int, view_all: bool) -> str | None:
    """Render one page of a year; None past its end."""
    numbers = shop.numbers(year)
    pages = max(-(-len(numbers) // shop.per_page), 1)
    if page > pages:
        return None
    shown = numbers if view_all else numbers[(page - 1) * shop.per_page : page * shop.per_page]
    items = "".join(_item(shop, shop.shown(number)) for number in shown)
    paging = viewall = ""
    if pages > 1 and not view_all:
        others = [n for n in range(1, pages + 1) if n != page]
        links = "".join(f'<a href="{escape(_page_path(shop, year, n))}">{n}</a> ' for n in others)
        paging = f'<div class="paging">{links}</div>'
        viewall = f'<a class="category-viewall" href="{year_path(year)}?viewall=1">View All</a>'
    nothing = "" if items else "<p>There are no products in this category.</p>"
    return (
        f"{head(f'{year} Hallmark Ornaments')}<body>{_nav(shop)}<main>{viewall}{paging}"
        f'<div class="category-products">{items}{nothing}</div>{paging}</main>{_related()}{footer()}'
    )


def product(shop: Shop, offer: Offer) -> str:
    """Render one product's page in the shop's generation."""
    render = {"2015": _product_2015, "2018": _product_2018}.get(shop.generation, _product_2023)
    extra = ""
    if shop.generation in {"2023", "2026"}:
        item = {
            "catalogid": int(offer.key), "id": offer.sku, "name": escape(offer.name),
            "price": (offer.price_minor or 0) / 100,
            "availability": "0" if offer.availability is Availability.OUT_OF_STOCK else "1",
        }  # fmt: skip
        extra = f"<script>var _3d_item = {json.dumps(item)};</script>"
    if shop.generation == "2026":
        extra += _json_ld(shop, offer)
    body = render(offer)
    return f"{head(offer.name, extra)}<body>{_nav(shop)}{body}{_related()}{footer()}"


def _nav(shop: Shop) -> str:
    return navigation([(year, year_path(year)) for year in shop.release_years()])


def _item(shop: Shop, offer: Offer) -> str:
    number = f' data-catalogid="{offer.key}"' if shop.generation in {"2023", "2026"} else ""
    price = money(offer.price_minor) if offer.price_minor is not None else "Call for price"
    if offer.list_price_minor:
        price = (
            f'<span class="regular-price">{money(offer.list_price_minor)}</span> '
            f'<span class="sale-price">{money(offer.price_minor or 0)}</span>'
        )
    return (
        f'<div class="product-item"{number}><div class="img"><a href="{offer.path}"><img src="/thumb/{offer.key}.svg">'
        f'</a></div><div class="name"><a href="{offer.path}">{escape(offer.name)}</a></div>'
        f'<div class="price">{price}</div><div class="status"><div class="availability">'
        f"{_STOCK[offer.availability][1]}</div></div></div>\n"
    )


def _related() -> str:
    return (
        '<aside class="related"><h3>You may also like</h3><div class="product-item"><div class="name">'
        '<a href="/Another-Piece_p_9.html">1999 Another Piece</a></div><div class="price">$7.77</div></div></aside>'
    )


def _shown_price(offer: Offer, price_attributes: str = "") -> str:
    if offer.price_minor is None:
        return '<span class="call">Call for pricing</span>'
    price = money(offer.price_minor)
    if offer.list_price_minor:
        return (
            f'<del class="original-price">{money(offer.list_price_minor)}</del> '
            f'<span {price_attributes}id="price" class="sale-price">{price}</span>'
        )
    return f'<span {price_attributes}id="price" class="price">{price}</span>'


def _offers(offer: Offer, scheme: str, inside: str, without_price: str) -> str:
    """Return an offer's markup; without a price the text that the page shows instead."""
    if offer.price_minor is None:
        return without_price
    return f'<div itemprop="offers" itemscope itemtype="{scheme}://schema.org/Offer">{inside}</div>'


def _product_2015(offer: Offer) -> str:
    word, sentence = _STOCK[offer.availability]
    price = _shown_price(offer, 'itemprop="price" ')
    stock = f'<div id="availability">{sentence}</div>'
    offers = _offers(
        offer, "http", f'{price}<link itemprop="availability" href="http://schema.org/{word}">{stock}', price + stock
    )
    return (
        f'<div itemscope itemtype="http://schema.org/Product"><form id="add" action="/add_cart.asp">'
        f'<input type="hidden" name="item_id" value="{offer.key}"><h1 itemprop="name">{escape(offer.name)}</h1>'
        f'<div>Part Number: <span id="product_id">{escape(offer.sku)}</span></div>{offers}</form></div>'
    )


def _product_2018(offer: Offer) -> str:
    word, sentence = _STOCK[offer.availability]
    shown = f'{_shown_price(offer)}<span id="availability">{sentence}</span>'
    metas = (
        '<meta itemprop="priceCurrency" content="USD">'
        f'<meta itemprop="price" content="{plain(offer.price_minor or 0)}">'
        f'<meta itemprop="availability" href="https://schema.org/{word}">'
    )
    return (
        f'<div itemscope itemtype="https://schema.org/Product"><form id="add">'
        f'<input type="hidden" id="availability" name="av" value="">'
        f'<input type="hidden" name="item_id" value="{offer.key}">'
        f'<h1 itemprop="name" class="page_headers">{escape(offer.name)}</h1>'
        f'<span id="product_id">{escape(offer.sku)}</span>{_offers(offer, "https", metas + shown, shown)}</form></div>'
    )


def _product_2023(offer: Offer) -> str:
    word, sentence = _STOCK[offer.availability]
    shown = f'{_shown_price(offer)}<span id="availability">{sentence}</span>'
    metas = (
        f'<meta itemprop="url" content="{offer.path}"><meta itemprop="priceCurrency" content="USD">'
        f'<meta itemprop="price" content="{plain(offer.price_minor or 0)}">'
        f'<meta itemprop="priceValidUntil" content="2050-12-31"><meta itemprop="availability" content="{word}">'
    )
    return (
        f'<div itemscope itemtype="https://schema.org/Product"><h1 itemprop="name">{escape(offer.name)}</h1>'
        f'<input type="hidden" name="item_id" value="{offer.key}">'
        f'<meta itemprop="sku" content="{escape(offer.sku)}"><meta itemprop="mpn" content="{escape(offer.sku)}">'
        f'<meta itemprop="brand" content="Hallmark">{_offers(offer, "https", metas + shown, shown)}</div>'
    )


def _json_ld(shop: Shop, offer: Offer) -> str:
    data: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": escape(offer.name),
        "sku": offer.sku,
        "brand": {"@type": "Brand", "name": "Hallmark"},
        "image": f"{shop.base_url}/images/{offer.key}.svg",
        "url": shop.base_url + offer.path,
    }
    if offer.price_minor is not None:
        data["offers"] = {
            "@type": "Offer",
            "priceCurrency": "USD",
            "price": plain(offer.price_minor),
            "availability": f"https://schema.org/{_STOCK[offer.availability][0]}",
        }
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'
