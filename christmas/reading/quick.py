"""What the fast path asks of a page's bytes: whether its markup may tell what JSON-LD did not, and the old price."""

from __future__ import annotations

import re

from christmas.items import UNREAD
from christmas.reading.facts import ProductFacts
from christmas.reading.identity import read_name

# Plain searches: a pattern of alternatives over the whole page costs a millisecond.
_IN_MARKUP = {
    "sku": (b"data-product-sku", b"product_id"),
    "brand": (b"productView-brand", b"og:brand"),
    "image_url": (b"og:image",),
    "release_year": (b"-info-name", b"releaseDate", b"productionDate"),
}
_IN_META = {
    "sku": (b"retailer_item_id",),
    "brand": (b"product:brand",),
    "gtin": (b"product:upc", b"product:ean", b"product:gtin"),
    "list_price": (b"sale_price:amount", b"original_price:amount"),
}
_GTINS = (b"gtin", b"upc", b'"ean', b"'ean", b"=ean")
_SALES = (b"original-price", b"regular-price", b"standard_amount")
_UPC = re.compile(rb"data-product-upc\b[^<>]{0,500}>\s{0,200}[^<\s]")
_OLD = tuple(
    re.compile(rb"data-product-%b\b[^<>]{0,500}>\s{0,200}([^<]{1,200}?)\s*<" % names)
    for names in (rb"non-sale-price-with(?:out)?-tax", rb"rrp-(?:price-without|with)-tax")
)
_VIEW = re.compile(rb"class=\"(?:[^\"<>]{0,200} )?productView[ \"]")
_CARD = re.compile(rb"class=\"(?:[^\"<>]{0,200} )?card[ \"]")


def markup_may_tell_more(facts: ProductFacts, body: bytes) -> bool:
    """Return whether a page's bytes hold marks of what ``facts`` of its JSON-LD leave open, so that a DOM is needed."""
    fields = ["sku", "brand", "image_url", "gtin", "list_price"]
    unread = [name for name in fields if getattr(facts, name) is UNREAD]
    if facts.release_year is UNREAD and read_name(str(facts.name)).release_year is None:
        unread.append("release_year")
    marks = [mark for name in unread for mark in _IN_MARKUP.get(name, ())]
    if b"product:" in body:
        marks += [mark for name in unread for mark in _IN_META.get(name, ())]
    return (
        any(mark in body for mark in marks)
        or ("gtin" in unread and _UPC.search(body) is not None)
        or ("list_price" in unread and _shows_sale(body))
        or (b"itemprop" in body and _microdata_may_tell(unread, body))
    )


def _shows_sale(body: bytes) -> bool:
    """Return whether an old price may be shown; BigCommerce's, whose mark is on every page, is found without a DOM."""
    return any(mark in body for mark in _SALES) or body.count(b"sale-price") > body.count(b"non-sale-price")


def _microdata_may_tell(unread: list[str], body: bytes) -> bool:
    return (
        bool({"sku", "brand", "image_url"} & set(unread))
        or ("gtin" in unread and any(mark in body for mark in _GTINS))
        or ("list_price" in unread and (b"priceSpecification" in body or b"<del" in body))
    )


def old_price_text(body: bytes) -> str:
    """Return the old price that a BigCommerce page shows beside its own, cards of other products left out; else ''."""
    view = _VIEW.search(body)
    if view is None:
        return ""
    card = _CARD.search(body, view.end())
    end = card.start() if card else len(body)
    texts = (match[1] for pattern in _OLD for match in pattern.finditer(body, view.end(), end))
    return next((text.decode("utf-8", "replace").strip() for text in texts if text.strip()), "")
