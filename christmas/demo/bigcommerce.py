"""Pages of a BigCommerce shop: a newer theme with JSON-LD and entity ids, an older one with microdata only."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

from christmas.demo.page_furniture import footer, head, navigation
from christmas.demo.shops import money, plain
from christmas.items import Availability

if TYPE_CHECKING:
    from christmas.demo.shops import Offer, Shop

_WORDS = {
    Availability.IN_STOCK: "InStock",
    Availability.LOW_STOCK: "LimitedAvailability",
    Availability.OUT_OF_STOCK: "OutOfStock",
    Availability.PREORDER: "PreOrder",
    Availability.DISCONTINUED: "Discontinued",
}


def year_path(year: int) -> str:
    """Return a year's listing."""
    return f"/{year}-hallmark-ornaments/"


def home(shop: Shop) -> str:
    """Render the home page, which sells nothing by itself."""
    return f"{head('Ornaments')}<body>{_nav(shop)}<main><h1>Welcome</h1></main>{footer()}"


def year_index(shop: Shop) -> str:
    """Render the index of years."""
    links = "".join(
        f'<li class="navList-item"><a class="navList-action" href="{year_path(y)}">{y} Hallmark Ornaments</a></li>\n'
        for y in shop.release_years()
    )
    return f'{head("Ornaments by year")}<body>{_nav(shop)}<ul class="navList">{links}</ul>{footer()}'


def listing(shop: Shop, year: int, page: int) -> str | None:
    """Render one page of a year; None past its end."""
    numbers = shop.numbers(year)
    pages = max(-(-len(numbers) // shop.per_page), 1)
    if page > pages:
        return None
    cards = "".join(
        f'<li class="product">{_card(shop, shop.shown(number))}</li>\n'
        for number in numbers[(page - 1) * shop.per_page : page * shop.per_page]
    )
    link = following = ""
    if page < pages:
        target = f"{year_path(year)}?page={page + 1}"
        link = f'<link rel="next" href="{target}">'
        anchor = f'<a class="pagination-link" href="{target}">Next</a>'
        following = f'<li class="pagination-item pagination-item--next">{anchor}</li>'
    nothing = "" if cards else "<p>There are no products listed under this category.</p>"
    return (
        f"{head(f'{year} Hallmark Ornaments', link)}<body>{_nav(shop)}<main>"
        f'<ul class="productGrid">{cards}</ul>{nothing}'
        f'<ul class="pagination-list">{following}</ul></main>{footer()}'
    )


def product(shop: Shop, offer: Offer) -> str:
    """Render one product's page in the shop's generation."""
    if shop.generation == "microdata":
        return f"{head(offer.name)}<body>{_nav(shop)}{_microdata(offer)}{footer()}"
    view = _view(offer, f' data-event-type="product" data-entity-id="{offer.key}"', "")
    return f"{head(offer.name)}<body>{_nav(shop)}{view}{_json_ld(shop, offer)}{footer()}"


def _nav(shop: Shop) -> str:
    return navigation([(year, year_path(year)) for year in shop.release_years()])


def _price_text(offer: Offer) -> str:
    if offer.price_min_minor is not None and offer.price_max_minor is not None:
        return f"{money(offer.price_min_minor)} - {money(offer.price_max_minor)}"
    return money(offer.price_minor) if offer.price_minor is not None else ""


def _prices(offer: Offer) -> str:
    old = money(offer.list_price_minor) if offer.list_price_minor else ""
    hidden = "" if old else ' style="display: none;"'
    return (
        '<div class="price-section price-section--withTax" style="display: none;">'
        '<span data-product-price-with-tax class="price"></span></div>'
        f'<div class="price-section price-section--withoutTax non-sale-price--withoutTax"{hidden}><span>Was:</span>'
        f'<span data-product-non-sale-price-without-tax class="price price--non-sale">{old}</span></div>'
        '<div class="price-section price-section--withoutTax"><span class="price-label"></span>'
        f'<span data-product-price-without-tax class="price">{_price_text(offer)}</span></div>'
    )


def _card(shop: Shop, offer: Offer) -> str:
    newer = shop.generation == "json-ld"
    low = offer.price_minor or offer.price_min_minor
    ids = f' data-entity-id="{offer.key}" data-name="{escape(offer.name)}"' if newer else ""
    if newer and low:
        ids += f' data-product-price="{plain(low)}"'
    # On a sold out card of the older theme no number is left: a reader has only its path.
    cart = f"/cart.php?action=add&amp;product_id={offer.key}"
    button = {
        Availability.OUT_OF_STOCK: '<span class="button button--small card-figcaption-button">Sold Out</span>',
        Availability.PREORDER: f'<a href="{cart}" class="button card-figcaption-button">Add to Cart</a>'
        f'<a href="{cart}" class="button card-figcaption-button">Pre-Order Now</a>',
    }.get(offer.availability, f'<a href="{cart}" class="button card-figcaption-button">Add to Cart</a>')
    prices = _prices(offer) if low else ""
    return (
        f'<article class="card"{ids}><figure class="card-figure"><a class="card-figure__link" href="{offer.path}">'
        f'<img class="card-image" src="/thumb/{offer.key}.svg" alt=""></a></figure><div class="card-body">'
        f'<h4 class="card-title"><a href="{offer.path}">{escape(offer.name)}</a></h4>'
        f'<div class="card-text" data-test-info-type="price">{prices}</div>{button}</div></article>'
    )


def _view(offer: Offer, attributes: str, inside: str) -> str:
    price = _prices(offer) if offer.price_minor or offer.price_min_minor else "<span>Call for pricing</span>"
    cart = (
        ""
        if offer.availability is Availability.OUT_OF_STOCK
        else '<input id="form-action-addToCart" class="button button--primary" type="submit" '
        f'value="{"Pre-Order Now" if offer.availability is Availability.PREORDER else "Add to Cart"}">'
    )
    return (
        f'<div class="productView"{attributes}><section class="productView-details">'
        f'<h1 class="productView-title">{escape(offer.name)}</h1><h2 class="productView-brand"><a href="/hallmark/">'
        f'<span>Hallmark</span></a></h2><div class="productView-price">{price}</div>{inside}'
        f'<form><input type="hidden" name="product_id" value="{offer.key}">{cart}</form><dl class="productView-info">'
        f'<dt class="productView-info-name sku-label">SKU:</dt><dd class="productView-info-value" data-product-sku>'
        f'{escape(offer.sku)}</dd><dt class="productView-info-name">Year:</dt><dd class="productView-info-value">'
        f"{offer.release_year}</dd></dl></section></div>\n"
    )


def _microdata(offer: Offer) -> str:
    specification = ""
    if offer.price_minor is not None:
        specification = (
            '<div itemprop="priceSpecification" itemscope itemtype="http://schema.org/PriceSpecification">'
            f'<meta itemprop="price" content="{plain(offer.price_minor)}">'
            '<meta itemprop="priceCurrency" content="USD"></div>'
        )
    elif offer.price_min_minor is not None and offer.price_max_minor is not None:
        specification = (
            '<div itemprop="priceSpecification" itemscope itemtype="http://schema.org/PriceSpecification">'
            f'<meta itemprop="minPrice" content="{plain(offer.price_min_minor)}">'
            f'<meta itemprop="maxPrice" content="{plain(offer.price_max_minor)}">'
            '<meta itemprop="priceCurrency" content="USD"></div>'
        )
    inside = (
        '<div itemprop="offers" itemscope itemtype="http://schema.org/Offer">'
        f'<link itemprop="availability" href="http://schema.org/{_WORDS[offer.availability]}">{specification}</div>'
        f'<meta itemprop="name" content="{escape(offer.name)}"><meta itemprop="sku" content="{escape(offer.sku)}">'
        '<div itemprop="brand" itemscope itemtype="http://schema.org/Brand">'
        '<meta itemprop="name" content="Hallmark"></div>'
    )
    return _view(offer, ' itemscope itemtype="http://schema.org/Product"', inside)


def _json_ld(shop: Shop, offer: Offer) -> str:
    url = shop.base_url + offer.path
    prices: dict[str, str] = {"price": plain(offer.price_minor) if offer.price_minor else ""}
    if offer.price_min_minor is not None and offer.price_max_minor is not None:
        prices = {"minPrice": plain(offer.price_min_minor), "maxPrice": plain(offer.price_max_minor)}
    crumbs = {"@context": "https://schema.org", "@type": "BreadcrumbList", "itemListElement": []}
    data = {
        "@context": "https://schema.org/",
        "@type": "Product",
        "name": offer.name,
        "sku": escape(offer.sku),
        "url": url,
        "brand": {"@type": "Brand", "name": "Hallmark"},
        "image": f"{shop.base_url}/images/{offer.key}.svg",
        "offers": {
            "@type": "Offer",
            "priceCurrency": "USD",
            **prices,
            "availability": f"https://schema.org/{_WORDS[offer.availability]}",
            "url": url,
        },
    }
    script = '<script type="application/ld+json">{}</script>\n'
    return script.format(json.dumps(crumbs)) + script.format(json.dumps(data, indent=4))
