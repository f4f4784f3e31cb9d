"""Product pages: every source in its order, and a fast path for pages whose JSON-LD says it all."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from lxml import html

from christmas.errors import NothingReadable, PriceUnreadable
from christmas.items import UNREAD
from christmas.reading import json_ld, microdata, schema_org
from christmas.reading.challenge import raise_if_challenge
from christmas.reading.facts import ProductFacts
from christmas.reading.identity import box_of_sku, key_in_url, read_name
from christmas.reading.markup import decode, parse
from christmas.reading.meta import read_meta
from christmas.reading.money import read_price_text
from christmas.reading.scripts import catalogid, read_scripts
from christmas.reading.selectors import heading, read_selectors

_FIELDS = tuple(one.name for one in fields(ProductFacts) if one.name not in {"ids", "source", "disagreements"})
_PRICES = ("price", "price_min", "price_max")
# The platforms' numbers of a page, in the markup's bytes; the first that is there is the key.
_IDS = (
    re.compile(rb"class=\"productView\"[^>]*?\bdata-entity-id=\"(\d+)\""),
    re.compile(rb"<input[^>]*?\bname=\"product_id\"[^>]*?\bvalue=\"(\d+)\""),
    re.compile(rb"<input[^>]*?\bname=\"item_id\"[^>]*?\bvalue=\"(\d+)\""),
)
_BC_OLD = re.compile(rb"data-product-(?:non-sale|rrp)-price-without-tax\b[^>]*>\s*([^<]*?)\s*<")
_UPC = re.compile(rb"data-product-upc\b[^>]*>\s*[^<\s]")
# Where the markup may tell what JSON-LD did not, the DOM has to be asked.
_MARKS = {
    "sku": (b"data-product-sku", b'id="product_id"', b'itemprop="sku"', b'itemprop="mpn"', b"retailer_item_id"),
    "brand": (b"productView-brand", b'itemprop="brand"', b'itemprop="manufacturer"', b"product:brand", b"og:brand"),
    "image_url": (b"og:image", b'itemprop="image"'),
    "gtin": (b'itemprop="gtin', b"product:upc", b"product:ean"),
}
# Plain searches: a pattern of alternatives over the whole page costs a millisecond.
_SALE_MARKS = (
    b"original-price", b"regular-price", b'"sale-price', b" sale-price", b"'sale-price", b"sale_price:amount",
    b"original_price:amount",
)  # fmt: skip


def read_product(body: bytes, url: str, encoding: str = "utf-8") -> ProductFacts:
    """Read a product page; raise NothingReadable, PriceUnreadable or BlockedByVendor where it gives no product.

    Where JSON-LD tells name, price and stock, the rest is found in the bytes and no DOM is built; the other sources
    are then not compared (``read_product_fully`` does).
    """
    raise_if_challenge(body, url)
    return _read_quickly(body, url) or read_product_fully(body, url, encoding)


def read_product_fully(body: bytes, url: str, encoding: str = "utf-8") -> ProductFacts:
    """Read a product page from all its sources, as ``read_product``, and name those that disagree on the price."""
    raise_if_challenge(body, url)
    document = parse(body, encoding)
    text = decode(body, encoding).encode("utf-8")
    title = heading(document)
    found: list[ProductFacts] = []
    on_request = False
    for source, nodes in (
        ("json-ld", json_ld.nodes(json_ld.blocks(text))),
        ("microdata", microdata.nodes(document)),
    ):
        node = schema_org.main_product(schema_org.products(nodes), url, title)
        if node:
            found.append(schema_org.facts_of(node, url, source))
            on_request |= not schema_org.has_offers(node)
    meta = read_meta(document)
    found += [meta] if meta else []
    found += read_scripts(text)
    selected = read_selectors(document)
    found += [selected] if selected else []
    return _finish(_merged(found, url, on_request), text, url)


def _read_quickly(body: bytes, url: str) -> ProductFacts | None:
    try:
        nodes = json_ld.nodes(json_ld.blocks(body, "utf-8"))
        found = schema_org.products(nodes)
        if len(found) != 1:
            return None
        facts = schema_org.facts_of(found[0], url, "json-ld")
        scripts = read_scripts(body)
    except UnicodeDecodeError:
        return None
    told = facts.name and facts.price is not UNREAD and facts.currency and facts.availability
    if not told or "\ufffd" in str(facts.name) or _markup_may_tell_more(facts, body):
        return None
    merged = _merged([facts, *scripts], url, on_request=False)
    if merged.price and merged.list_price is UNREAD:
        old = next((text for text in _BC_OLD.findall(body) if text), b"")
        former = read_price_text(html.fromstring(f"<b>{old.decode()}</b>").text_content()).price if old else None
        if former and former > merged.price:
            merged.list_price = former
            merged.source += "+selectors"
    return _finish(merged, body, url)


def _markup_may_tell_more(facts: ProductFacts, body: bytes) -> bool:
    for name, marks in _MARKS.items():
        if getattr(facts, name) is UNREAD and any(mark in body for mark in marks):
            return True
    if facts.gtin is UNREAD and _UPC.search(body):
        return True
    if read_name(str(facts.name)).release_year is None and facts.release_year is UNREAD and b"-info-name" in body:
        return True
    return any(mark in body for mark in _SALE_MARKS)


def _merged(found: list[ProductFacts], url: str, on_request: bool) -> ProductFacts:
    """Take each field from the first source that tells it; a title of OpenGraph is the last to be believed."""
    merged = ProductFacts()
    used: list[str] = []
    for name in _FIELDS:
        order = sorted(found, key=lambda one: one.source == "meta") if name == "name" else found
        if name == "release_year" and merged.name and read_name(merged.name).release_year:
            continue  # the name's year is set at the end, whatever others say
        for one in order:
            value: Any = getattr(one, name)
            if value is not UNREAD and not (name in _PRICES and _price_is_settled(merged, one, found)):
                setattr(merged, name, value)
                used.append(one.source)
                break
    if not merged.name:
        raise NothingReadable(
            f"{url} has no product that can be read: neither structured data nor known markup of one."
        )
    unreadable = [sentence for one in found for sentence in one.disagreements]
    if merged.price is UNREAD and unreadable:
        raise PriceUnreadable("; ".join(unreadable))
    if merged.price is UNREAD and on_request:
        merged.price = merged.price_min = merged.price_max = None
    merged.source = "+".join(one.source for one in found if one.source in used)
    merged.disagreements = (*unreadable, *_disagreements(found))
    return merged


def _price_is_settled(merged: ProductFacts, one: ProductFacts, found: list[ProductFacts]) -> bool:
    """Tell whether an earlier source told the price in some form, so that a later one's range is not mixed in."""
    first = next((source for source in found if source.price is not UNREAD), None)
    return first is not None and one is not first


def _disagreements(found: list[ProductFacts]) -> list[str]:
    told = [one for one in found if one.price is not UNREAD]
    if len({one.price for one in told}) <= 1:
        return []
    values = ", ".join(f"{one.source} says {one.price if one.price is not None else 'no price'}" for one in told)
    return [f"The sources disagree on the price: {values}."]


def _finish(facts: ProductFacts, body: bytes, url: str) -> ProductFacts:
    """Add what follows from name, SKU and the platform's numbers."""
    if facts.price is not UNREAD and facts.list_price is UNREAD:
        facts.list_price = None  # the page shows its price and no other
    if facts.list_price is not None and facts.list_price and facts.price and facts.list_price <= facts.price:
        facts.list_price = None
    told = read_name(str(facts.name))
    facts.release_year = told.release_year or facts.release_year
    facts.series = told.series or facts.series
    facts.series_number = told.series_number or facts.series_number
    facts.box = told.box or (box_of_sku(facts.sku) if facts.sku else None)
    numbers = (key_in_url(url), catalogid(body), *(m[1].decode() for pattern in _IDS if (m := pattern.search(body))))
    facts.ids = tuple(dict.fromkeys(number for number in numbers if number))
    return facts
