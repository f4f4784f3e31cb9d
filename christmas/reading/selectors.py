"""The last source: hand-written selectors of the two platforms' product pages; they never guess on other pages."""

from __future__ import annotations

import re

from lxml import etree, html

from christmas.errors import PriceUnreadable
from christmas.items import UNREAD, Availability
from christmas.reading.facts import ProductFacts
from christmas.reading.markup import has_class, text_of
from christmas.reading.microdata import ASIDE
from christmas.reading.money import read_price_text
from christmas.reading.stock import availability_of
from christmas.reading.values import name_of

_NOT_ASIDE = f"[not({ASIDE})]"
_NOT_OTHERS = f"{_NOT_ASIDE}[not(ancestor::*[{has_class('product-item')}][not(.//h1)])]"
_HEADING = etree.XPath(f"//h1[@itemprop='name' or {has_class('productView-title')} or {has_class('page_headers')}]")
_ANY_HEADING = etree.XPath("//h1")

_BC = etree.XPath(f"//*[{has_class('productView')}]")
# Cards of other products may stand within the view, with the same attributes.
_NO_CARD = f"[not(ancestor::*[{has_class('card')}])]"
_BC_SKU = etree.XPath(f".//*[@data-product-sku]{_NO_CARD}")
_BC_UPC = etree.XPath(f".//*[@data-product-upc]{_NO_CARD}")
_BC_BRAND = etree.XPath(f".//*[{has_class('productView-brand')}]")
_BC_PRICE = etree.XPath(f".//*[@data-product-price-without-tax or @data-product-price-with-tax]{_NO_CARD}")
_BC_OLD = etree.XPath(
    f".//*[@data-product-non-sale-price-without-tax or @data-product-non-sale-price-with-tax]{_NO_CARD}"
)
_BC_RETAIL = etree.XPath(f".//*[@data-product-rrp-price-without-tax or @data-product-rrp-with-tax]{_NO_CARD}")
_BC_CART = etree.XPath(".//*[@id='form-action-addToCart']")
_BC_MESSAGE = etree.XPath(f".//*[{has_class('productView-options')}]//*[{has_class('alertBox-message')}]")
_BC_INFO = etree.XPath(f".//dt[{has_class('productView-info-name')}]")
_BC_CALL = etree.XPath(f".//*[{has_class('productView-price')}]")

_S4_SKU = etree.XPath(f"//*[@id='product_id']{_NOT_ASIDE}")
_S4_PRICE = etree.XPath(f"//*[@id='price']{_NOT_ASIDE}")
_S4_SALE = etree.XPath(f"//*[{has_class('sale-price')}]{_NOT_OTHERS}")
_S4_OLD = etree.XPath(f"//*[{has_class('original-price')} or {has_class('regular-price')}]{_NOT_OTHERS}")
_S4_STOCK = etree.XPath(f"//*[@id='availability']{_NOT_ASIDE}")
_CALL_FOR_PRICE = re.compile(r"\bcall for pric", re.IGNORECASE)


def heading(document: html.HtmlElement) -> str:
    """Return the text of the product's heading: the platforms' own, else the page's only h1; '' where there is none."""
    marked = _HEADING(document) or (found if len(found := _ANY_HEADING(document)) == 1 else [])
    return name_of(text_of(marked[0])) if marked else ""


def read_selectors(document: html.HtmlElement) -> ProductFacts | None:
    """Read a product page of a known platform; None on any other page."""
    views = _BC(document)
    if views:
        return _bigcommerce(document, views[0])
    if _first_text(_S4_SKU(document)) or (_S4_PRICE(document) and _HEADING(document)):
        return _shift4shop(document)
    return None


def _bigcommerce(document: html.HtmlElement, view: html.HtmlElement) -> ProductFacts:
    facts = ProductFacts(source="selectors", name=heading(document) or UNREAD)
    facts.sku = _first_text(_BC_SKU(view)) or UNREAD
    facts.gtin = _first_text(_BC_UPC(view)) or UNREAD
    facts.brand = _first_text(_BC_BRAND(view)) or UNREAD
    set_prices(facts, _first_text(_BC_PRICE(view)), _first_text(_BC_OLD(view)) or _first_text(_BC_RETAIL(view)))
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
    set_prices(facts, sale or price or old, old if sale else "")
    stocks = [stock for element in _S4_STOCK(document) if (stock := availability_of(text_of(element)))]
    facts.availability = next(iter(stocks), UNREAD)
    return facts


def set_prices(facts: ProductFacts, now: str, old: str) -> None:
    """Set the prices from the texts of the current and the old one; an unreadable one is named."""
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
