"""Product pages: every source in its order, and a fast path for pages whose JSON-LD says it all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from lxml import etree, html

from christmas.errors import NothingReadable, PriceUnreadable
from christmas.items import UNREAD
from christmas.reading import json_ld, microdata, schema_org
from christmas.reading.challenge import raise_if_challenge
from christmas.reading.facts import ProductFacts
from christmas.reading.identity import box_of_sku, read_name
from christmas.reading.marks import Marks
from christmas.reading.markup import absolute, decode, parse
from christmas.reading.meta import read_meta
from christmas.reading.quick import markup_may_tell_more
from christmas.reading.scripts import read_scripts
from christmas.reading.selectors import heading, read_selectors, set_prices
from christmas.reading.urls import key_in_url

_ABOUT = {"ids", "source", "disagreements", "price_source", "prices"}
_FIELDS = tuple(one.name for one in fields(ProductFacts) if one.name not in _ABOUT)
_PRICES = ("price", "price_min", "price_max")
_CANONICAL = etree.XPath("//link[@rel='canonical']/@href | //meta[@property='og:url']/@content")


def read_product(body: bytes, url: str, encoding: str = "utf-8", marks: Sequence[Marks] = ()) -> ProductFacts:
    """Read a product page; raise NothingReadable, PriceUnreadable or BlockedByVendor where it gives no product.

    Where JSON-LD tells name, price and stock, the rest is found in the bytes and no DOM is built; the other sources
    are then not compared (``read_product_fully`` does).
    """
    raise_if_challenge(body, url, marks)
    return _read_quickly(body, url, marks) or read_product_fully(body, url, encoding, marks)


def read_product_fully(body: bytes, url: str, encoding: str = "utf-8", marks: Sequence[Marks] = ()) -> ProductFacts:
    """Read a product page from all its sources, as ``read_product``, and name those that disagree on the price."""
    raise_if_challenge(body, url, marks)
    document = parse(body, encoding)
    text = decode(body, encoding).encode("utf-8")
    title = heading(document, marks)
    urls = [url, *(link for href in _CANONICAL(document) if (link := absolute(url, href)))]
    found: list[ProductFacts] = []
    others = 0
    for source, nodes in (("json-ld", json_ld.nodes(json_ld.blocks(text))), ("microdata", microdata.nodes(document))):
        products = schema_org.products(nodes)
        mine = schema_org.main_products(products, urls, title, marks)
        found += [schema_org.facts_of(node, url, source) for node in mine]
        others += 0 if mine else len(products)
    described = bool(found)
    others_found = (read_meta(document, title), *read_scripts(text, marks), read_selectors(document, marks))
    found += [one for one in others_found if one]
    merged = _merged(found)
    if not merged.name:
        raise NothingReadable(_nothing(url, others))
    if merged.price is UNREAD and described:  # a product without a price is sold on request
        merged.price = merged.price_min = merged.price_max = None
    return _finish(merged, text, url, marks)


def _nothing(url: str, others: int) -> str:
    if others:
        return f"{url} describes other products ({others}) and is the page of none of them."
    return f"{url} has no product that can be read: neither structured data nor known markup of one."


def _read_quickly(body: bytes, url: str, marks: Sequence[Marks]) -> ProductFacts | None:
    """Read a page by its JSON-LD alone; None where the other sources have to be asked."""
    try:
        found = schema_org.products(json_ld.nodes(json_ld.blocks(body)))
    except UnicodeDecodeError:
        return None
    if len(found) != 1 or not schema_org.is_page_of(found[0], url, marks):
        return None
    facts = schema_org.facts_of(found[0], url, "json-ld")
    priced = facts.price or (facts.price is None and (facts.price_min or facts.price_max))
    if not (facts.name and priced and facts.currency and facts.availability) or markup_may_tell_more(
        facts, body, marks
    ):
        return None
    sources = [facts, *read_scripts(body, marks)]
    if facts.price and (old := next(filter(None, (one.quick.old_price(body) for one in marks)), "")):
        selected = ProductFacts(source="selectors")
        set_prices(selected, f"${facts.price}", html.fromstring(f"<b>{old}</b>").text_content())
        sources.append(ProductFacts(source="selectors", list_price=selected.list_price))
    return _finish(_merged(sources), body, url, marks)


def _merged(found: list[ProductFacts]) -> ProductFacts:
    """Take each field from the first source that tells it; a title of OpenGraph is the last to be believed."""
    merged = ProductFacts()
    used: set[str] = set()
    for name in _FIELDS:
        order = sorted(found, key=lambda one: one.source == "meta") if name == "name" else found
        if name in _PRICES:
            order = _priced(found)
        if name == "release_year" and merged.name and read_name(merged.name).release_year:
            continue  # the name's year is set at the end, whatever others say
        for one in order:
            value: Any = getattr(one, name)
            if value is not UNREAD:
                setattr(merged, name, value)
                used.add(one.source)
                if name == "price":
                    merged.price_source = one.source
                break
    unreadable = [sentence for one in found for sentence in one.disagreements]
    if merged.name and merged.price is UNREAD and unreadable:
        raise PriceUnreadable("; ".join(unreadable))
    merged.source = "+".join(dict.fromkeys(one.source for one in found if one.source in used))
    merged.disagreements = (*unreadable, *_disagreements(found))
    merged.prices = tuple((one.source, one.price) for one in found if one.price is not UNREAD)
    return merged


def _priced(found: list[ProductFacts]) -> list[ProductFacts]:
    """Return the one source of all prices, so that no two are mixed: the first with one, else the first without."""
    told = [one for one in found if one.price is not UNREAD]
    return ([one for one in told if one.price or one.price_min or one.price_max] or told)[:1]


def _disagreements(found: list[ProductFacts]) -> list[str]:
    told = [one for one in found if one.price is not UNREAD]
    # Meta tags name a range's low end as the price; that is no contradiction.
    ends = {end for one in told for end in (one.price_min, one.price_max) if end}
    told = [one for one in told if one.price not in ends]
    if len({one.price for one in told}) <= 1:
        return []
    values = ", ".join(f"{one.source} says {_said(one)}" for one in told)
    return [f"The sources disagree on the price: {values}."]


def _said(facts: ProductFacts) -> str:
    if facts.price_min or facts.price_max:
        return f"{facts.price_min or '?'} to {facts.price_max or '?'}"
    return str(facts.price or "no price")


def _finish(facts: ProductFacts, body: bytes, url: str, marks: Sequence[Marks]) -> ProductFacts:
    """Add what follows from name, SKU and the platform's numbers."""
    if facts.price is not UNREAD and facts.list_price is UNREAD:
        facts.list_price = None  # the page shows its price and no other
    if facts.list_price and facts.price and facts.list_price <= facts.price:
        facts.list_price = None
    if facts.sku and _is_post_number(facts.sku, body):
        facts.sku = UNREAD
    told = read_name(str(facts.name))
    facts.release_year = told.release_year or facts.release_year
    facts.series = told.series or facts.series
    facts.series_number = told.series_number or facts.series_number
    facts.box = told.box or (box_of_sku(facts.sku) if facts.sku else None)
    marked = (pattern.search(body) for one in marks for mark, pattern in one.ids if mark in body)
    numbers = (key_in_url(url, marks), *(match[1].decode() for match in marked if match))
    facts.ids = tuple(dict.fromkeys(number for number in numbers if number))
    return facts


def _is_post_number(sku: str, body: bytes) -> bool:
    """Return whether a SKU is only WordPress's number of the page, which WooCommerce writes where there is no SKU."""
    number = sku.encode("utf-8", "replace")
    if (
        not number.isdigit()
        or b"woocommerce" not in body
        or re.search(rb"class=\"sku\"[^<>]{0,200}>\s*" + number, body)
    ):
        return False
    return (
        re.search(rb"\bpostid-%b\b|[?&;]p=%b\b|name=\"add-to-cart\" value=\"%b\"" % (number, number, number), body)
        is not None
    )
