"""BigCommerce (Stencil themes): entity ids on cards and product pages, paging by link[rel=next], ``BCData``."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from lxml import etree

from christmas.items import UNREAD, Availability
from christmas.platforms.integration import Integration
from christmas.reading.facts import ProductFacts
from christmas.reading.marks import Cards, Marks, Paging, Price, ProductPage, Quick, Script
from christmas.reading.markup import has_class
from christmas.reading.scripts import set_price
from christmas.reading.values import text

# Cards of other products may stand within a product's view, with the same attributes.
_NO_CARD = f"[not(ancestor::*[{has_class('card')}])]"
_NOW = ".//*[@data-product-price-without-tax or @data-product-price-with-tax]"
_NON_SALE = "@data-product-non-sale-price-without-tax or @data-product-non-sale-price-with-tax"
_RETAIL = "@data-product-rrp-price-without-tax or @data-product-rrp-with-tax"
_NUMBER = re.compile(r"^(\d+)$")

CARDS = Cards(
    cards=etree.XPath(f"//article[{has_class('card')}]"),
    links=etree.XPath(f".//*[{has_class('card-title')}]//a[@href]"),
    more_links=etree.XPath(f".//*[{has_class('card-figure')}]//a[@href][not({has_class('button')})]"),
    names=etree.XPath("@data-name"),
    prices=(Price(etree.XPath(_NOW), (etree.XPath(f".//*[{_NON_SALE} or {_RETAIL}]"),)),),
    stock=etree.XPath(f".//*[{has_class('button')} or {has_class('card-figcaption-button')}]"),
    ids=(
        (etree.XPath("@data-entity-id"), _NUMBER),
        (etree.XPath(".//@data-product-id"), _NUMBER),
        (etree.XPath(".//a/@href"), re.compile(r"[?&]product_id=(\d+)")),
        (etree.XPath(".//img/@*"), re.compile(r"/products/(\d+)/")),
    ),
)

PRODUCT = ProductPage(
    view=etree.XPath(f"//*[{has_class('productView')}]"),
    heading=etree.XPath(f"//h1[{has_class('productView-title')}]"),
    sku=etree.XPath(f".//*[@data-product-sku]{_NO_CARD}"),
    gtin=etree.XPath(f".//*[@data-product-upc]{_NO_CARD}"),
    brand=etree.XPath(f".//*[{has_class('productView-brand')}]"),
    prices=(
        Price(
            etree.XPath(f"{_NOW}{_NO_CARD}"),
            (etree.XPath(f".//*[{_NON_SALE}]{_NO_CARD}"), etree.XPath(f".//*[{_RETAIL}]{_NO_CARD}")),
        ),
    ),
    call_for_price=etree.XPath(f".//*[{has_class('productView-price')}]"),
    buttons=etree.XPath(".//*[@id='form-action-addToCart']"),
    stock=etree.XPath(f".//*[{has_class('productView-options')}]//*[{has_class('alertBox-message')}]"),
    year=etree.XPath(
        f".//dt[{has_class('productView-info-name')}]"
        "[normalize-space(translate(., 'YEAR:', 'year')) = 'year']/following-sibling::*[1]"
    ),
)

_VIEW = re.compile(rb"class=\"(?:[^\"<>]{0,200} )?productView[ \"]")
_CARD = re.compile(rb"class=\"(?:[^\"<>]{0,200} )?card[ \"]")
_OLD = tuple(
    re.compile(rb"data-product-%b\b[^<>]{0,500}>\s{0,200}([^<]{1,200}?)\s*<" % names)
    for names in (rb"non-sale-price-with(?:out)?-tax", rb"rrp-(?:price-without|with)-tax")
)


def old_price_text(body: bytes) -> str:
    """Return the old price that a page shows beside its own, cards of other products left out; else ''."""
    view = _VIEW.search(body)
    if view is None:
        return ""
    card = _CARD.search(body, view.end())
    end = card.start() if card else len(body)
    texts = (match[1] for pattern in _OLD for match in pattern.finditer(body, view.end(), end))
    return next((text.decode("utf-8", "replace").strip() for text in texts if text.strip()), "")


def read_bc_data(value: dict[str, Any]) -> ProductFacts | None:
    """Read ``BCData``; None where it tells nothing of a product."""
    attributes = value.get("product_attributes")
    if not isinstance(attributes, dict):
        return None
    facts = ProductFacts(source="BCData")
    facts.sku = text(attributes.get("sku")) or UNREAD
    facts.gtin = text(attributes.get("upc")) or text(attributes.get("gtin")) or UNREAD
    if isinstance(attributes.get("instock"), bool):
        facts.availability = Availability.IN_STOCK if attributes["instock"] else Availability.OUT_OF_STOCK
    price = attributes.get("price")
    if isinstance(price, dict) and "price_range" not in price:
        now = _first_mapping(price, "without_tax", "with_tax")
        old = _first_mapping(
            price, "non_sale_price_without_tax", "non_sale_price_with_tax", "rrp_without_tax", "rrp_with_tax"
        )
        if now:
            set_price(facts, now.get("value"), old.get("value"))
            facts.currency = text(now.get("currency")) or UNREAD
    return facts


def _first_mapping(price: dict[str, Any], *names: str) -> dict[str, Any]:
    return next((one for name in names if isinstance(one := price.get(name), dict)), {})


MARKS = Marks(
    name="BigCommerce",
    looked_for="article.card",
    number_parameters=("product_id",),
    page_parameters=frozenset({"product_id"}),
    shop=(b"productView", b'class="card'),
    year_links=etree.XPath(f"//a[@href][ancestor-or-self::*[{has_class('navList-item')}]]"),
    cards=CARDS,
    paging=Paging(next=etree.XPath(f"//*[{has_class('pagination-item--next')}]//a/@href")),
    product=PRODUCT,
    ids=(
        (b"data-entity-id", re.compile(rb"class=\"productView\"[^<>]{0,1000}?\bdata-entity-id=\"(\d+)\"")),
        (b"product_id", re.compile(rb"<input[^<>]{0,500}?\bname=\"product_id\"[^<>]{0,500}?\bvalue=\"(\d+)\"")),
    ),
    scripts=(Script("BCData", read_bc_data),),
    quick=Quick(
        more={
            "sku": (b"data-product-sku",),
            "brand": (b"productView-brand",),
            "gtin": (re.compile(rb"data-product-upc\b[^<>]{0,500}>\s{0,200}[^<\s]"),),
            "release_year": (b"-info-name",),
        },
        old_price=old_price_text,  # its mark is on every page, so it must not need a DOM
    ),
)


class BigCommerce(Integration):
    """A vendor on BigCommerce; see Integration for what to set."""

    marks: ClassVar[tuple[Marks, ...]] = (MARKS,)
