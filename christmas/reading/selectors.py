"""The last source: hand-written selectors of the two platforms' product pages; they never guess on other pages."""

from __future__ import annotations

import re

from lxml import etree, html

from christmas.errors import PriceUnreadable
from christmas.items import UNREAD, Availability
from christmas.reading.facts import ProductFacts
from christmas.reading.markup import has_class, text_of
from christmas.reading.money import read_price_text
from christmas.reading.stock import availability_of

_ASIDE = "[not(ancestor::aside)][not(ancestor::*[contains(@class, 'related') or contains(@id, 'related')])]"
_HEADING = etree.XPath(f"//h1[@itemprop='name' or {has_class('productView-title')} or {has_class('page_headers')}]")
_ANY_HEADING = etree.XPath("//h1")

_BC = etree.XPath(f"//*[{has_class('productView')}]")
_BC_SKU = etree.XPath(".//*[@data-product-sku]")
_BC_UPC = etree.XPath(".//*[@data-product-upc]")
_BC_BRAND = etree.XPath(f".//*[{has_class('productView-brand')}]")
_BC_PRICE = etree.XPath(".//*[@data-product-price-without-tax] | .//*[@data-product-price-with-tax]")
_BC_OLD = etree.XPath(
    ".//*[@data-product-non-sale-price-without-tax or @data-product-non-sale-price-with-tax]"
    " | .//*[@data-product-rrp-price-without-tax or @data-product-rrp-with-tax]"
)
_BC_CART = etree.XPath(".//*[@id='form-action-addToCart']")
_BC_MESSAGE = etree.XPath(f".//*[{has_class('productView-options')}]//*[{has_class('alertBox-message')}]")
_BC_INFO = etree.XPath(f".//dt[{has_class('productView-info-name')}]")
_BC_CALL = etree.XPath(f".//*[{has_class('productView-price')}]")

_S4_SKU = etree.XPath(f"//*[@id='product_id']{_ASIDE}")
_S4_PRICE = etree.XPath(f"//*[@id='price']{_ASIDE}")
_S4_SALE = etree.XPath(f"//*[{has_class('sale-price')}]{_ASIDE}[not(ancestor::*[{has_class('product-item')}])]")
_S4_OLD = etree.XPath(
    f"//*[{has_class('original-price')} or {has_class('regular-price')}]{_ASIDE}"
    f"[not(ancestor::*[{has_class('product-item')}])]"
)
_S4_STOCK = etree.XPath(f"//*[@id='availability']{_ASIDE}")
_CALL_FOR_PRICE = re.compile(r"\bcall for pric", re.IGNORECASE)


def heading(document: html.HtmlElement) -> str:
    """Give the text of the product's heading: the platforms' own, else the page's only h1; '' where there is none."""
    marked = _HEADING(document) or (found if len(found := _ANY_HEADING(document)) == 1 else [])
    return text_of(marked[0]) if marked else ""


def read_selectors(document: html.HtmlElement) -> ProductFacts | None:
    """Read a product page of a known platform; None on any other page."""
    views = _BC(document)
    if views:
        return _bigcommerce(document, views[0])
    if _S4_SKU(document) or (_S4_PRICE(document) and _HEADING(document)):
        return _shift4shop(document)
    return None


def _bigcommerce(document: html.HtmlElement, view: html.HtmlElement) -> ProductFacts:
    facts = ProductFacts(source="selectors", name=heading(document) or UNREAD)
    facts.sku = _first_text(_BC_SKU(view)) or UNREAD
    facts.gtin = _first_text(_BC_UPC(view)) or UNREAD
    facts.brand = _first_text(_BC_BRAND(view)) or UNREAD
    _prices(facts, _first_text(_BC_PRICE(view)), _first_text(_BC_OLD(view)))
    if facts.price is UNREAD and _CALL_FOR_PRICE.search(_first_text(_BC_CALL(view))):
        facts.price = None
    for button in _BC_CART(view) or _BC_CART(document):
        stock = availability_of(button.get("value") or text_of(button))
        facts.availability = Availability.OUT_OF_STOCK if button.get("disabled") is not None else stock
    if facts.availability is UNREAD:
        facts.availability = availability_of(_first_text(_BC_MESSAGE(view)))
    for term in _BC_INFO(view):
        value = term.getnext()
        if text_of(term).rstrip(":").lower() == "year" and value is not None:
            found = re.fullmatch(r"(?:19|20)\d\d", text_of(value))
            facts.release_year = int(found[0]) if found else UNREAD
    return facts


def _shift4shop(document: html.HtmlElement) -> ProductFacts:
    facts = ProductFacts(source="selectors", name=heading(document) or UNREAD)
    facts.sku = _first_text(_S4_SKU(document)) or UNREAD
    sale, price = _first_text(_S4_SALE(document)), _first_text(_S4_PRICE(document))
    old = _first_text(_S4_OLD(document))
    _prices(facts, sale or price or old, old if sale else "")
    stocks = [stock for element in _S4_STOCK(document) if (stock := availability_of(text_of(element)))]
    facts.availability = next(iter(stocks), UNREAD)
    return facts


def _prices(facts: ProductFacts, now: str, old: str) -> None:
    if not now:
        return
    try:
        found, former = read_price_text(now), read_price_text(old).price if old else None
    except PriceUnreadable as error:
        facts.disagreements = (f"selectors: {error}",)
        return
    facts.price, facts.price_min, facts.price_max = found.price, found.price_min, found.price_max
    former = former or found.list_price
    if former and found.price and former > found.price:
        facts.list_price = former


def _first_text(elements: list[html.HtmlElement]) -> str:
    return next((text for element in elements if (text := text_of(element))), "")
