"""OpenGraph and product meta to facts."""

from __future__ import annotations

from lxml import etree, html

from christmas.errors import PriceUnreadable
from christmas.items import UNREAD
from christmas.reading.facts import ProductFacts
from christmas.reading.money import amount
from christmas.reading.stock import availability_of

_METAS = etree.XPath("//meta[@content][@property or @name]")


def read_meta(document: html.HtmlElement) -> ProductFacts | None:
    """Read the meta tags; None where they do not say that the page is a product's."""
    values: dict[str, str] = {}
    for element in _METAS(document):
        name = (element.get("property") or element.get("name")).lower()
        text = " ".join(element.get("content").split())
        if text:
            values.setdefault(name, text)
    price = values.get("product:price:amount") or values.get("og:price:amount")
    if price is None and values.get("og:type", "").lower() not in {"product", "og:product", "product.item"}:
        return None
    facts = ProductFacts(source="meta")
    facts.name = values.get("og:title", UNREAD)
    facts.brand = values.get("product:brand") or values.get("og:brand") or UNREAD
    facts.sku = values.get("product:retailer_item_id", UNREAD)
    facts.gtin = values.get("product:upc") or values.get("product:ean") or UNREAD
    facts.image_url = values.get("og:image", UNREAD)
    facts.availability = availability_of(values.get("product:availability") or values.get("og:availability") or "")
    currency = values.get("product:price:currency") or values.get("og:price:currency") or ""
    facts.currency = currency.upper() if len(currency) == 3 else UNREAD
    try:
        regular, sale = amount(price), amount(values.get("product:sale_price:amount"))
        old = amount(values.get("product:original_price:amount"))
    except PriceUnreadable as error:
        facts.disagreements = (f"meta: {error}",)
        return facts
    facts.price = (sale or regular) if price is not None else UNREAD
    former = regular if sale else old
    if former and facts.price and former > facts.price:
        facts.list_price = former
    return facts
