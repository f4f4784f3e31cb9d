"""OpenGraph and product meta to facts."""

from __future__ import annotations

from lxml import etree, html

from christmas.errors import PriceUnreadable
from christmas.items import UNREAD
from christmas.reading.facts import ProductFacts
from christmas.reading.money import amount
from christmas.reading.stock import availability_of
from christmas.reading.values import name_of

_METAS = etree.XPath("//meta[@content][@property or @name]")
_TYPES = {"product", "og:product", "product.item"}
_PRICES = ("product:price:amount", "og:price:amount")
_OLD_PRICES = ("product:original_price:amount", "og:price:standard_amount")
_GTINS = ("product:upc", "product:ean", "product:gtin")


def read_meta(document: html.HtmlElement, heading: str = "") -> ProductFacts | None:
    """Read the meta tags; None where they do not say that the page is a product's."""
    values = _values(document)
    told = [name for name in _PRICES if name in values]
    if not told and values.get("og:type", "").lower() not in _TYPES:
        return None
    facts = ProductFacts(source="meta")
    title = name_of(values.get("og:title"))
    # Plug-ins add the shop's name to the title: "1998 Frosty Friends - Sample Shop".
    facts.name = (heading if heading and title.startswith(heading) else title) or UNREAD
    facts.brand = _first(values, "product:brand", "og:brand") or UNREAD
    facts.sku = values.get("product:retailer_item_id", UNREAD)
    facts.gtin = _first(values, *_GTINS) or UNREAD
    facts.image_url = values.get("og:image", UNREAD)
    facts.availability = availability_of(_first(values, "product:availability", "og:availability"))
    currency = _first(values, "product:price:currency", "og:price:currency")
    facts.currency = currency.upper() if len(currency) == 3 and currency.isalpha() else UNREAD
    try:
        _read_prices(facts, values)
    except PriceUnreadable as error:
        facts.disagreements = (f"meta: {error}",)
    return facts


def _values(document: html.HtmlElement) -> dict[str, str]:
    values: dict[str, str] = {}
    for element in _METAS(document):
        name = (element.get("property") or element.get("name")).lower()
        text = " ".join(element.get("content").split())
        if text or name in _PRICES:
            values.setdefault(name, text)
    return values


def _read_prices(facts: ProductFacts, values: dict[str, str]) -> None:
    regular, sale = amount(_first(values, *_PRICES)), amount(values.get("product:sale_price:amount"))
    former = regular if sale else amount(_first(values, *_OLD_PRICES))
    if any(name in values for name in _PRICES):
        facts.price = sale or regular
    if former and facts.price and former > facts.price:
        facts.list_price = former


def _first(values: dict[str, str], *names: str) -> str:
    return next((values[name] for name in names if values.get(name)), "")
