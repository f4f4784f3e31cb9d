"""The platforms' own data in script variables: Shift4Shop's ``_3d_item``, BigCommerce's ``BCData``."""

from __future__ import annotations

import html
import json
import re
from decimal import Decimal
from typing import Any

from christmas.errors import PriceUnreadable
from christmas.items import UNREAD, Availability
from christmas.reading import json_ld
from christmas.reading.facts import ProductFacts
from christmas.reading.money import amount
from christmas.reading.stock import availability_of

_3D_ITEM = re.compile(r"\b_3d_item\s*=\s*(?=\{)")
_BC_DATA = re.compile(r"\bBCData\s*=\s*(?=\{)")
_DECODER = json.JSONDecoder(strict=False, parse_float=Decimal)
# A variable's value is looked for in so much text behind its name; BCData of a page of many options has some 20 KB.
VALUE_MAX_CHARACTERS = 200_000


def read_scripts(body: bytes, encoding: str = "utf-8") -> list[ProductFacts]:
    """Read the platform's variables from the page's bytes; [] where there are none."""
    found = []
    for mark, pattern, read in ((b"_3d_item", _3D_ITEM, _item), (b"BCData", _BC_DATA, _bc_data)):
        if mark in body:
            value = _value(body[body.index(mark) :].decode(encoding, "replace"), pattern)
            facts = read(value) if value else None
            if facts:
                found.append(facts)
    return found


def catalogid(body: bytes) -> str | None:
    """Give the number in ``_3d_item``; None where the page has none."""
    match = re.search(rb"_3d_item\s*=\s*\{\s*[\"']?catalogid[\"']?\s*:\s*[\"']?(\d+)", body)
    return match[1].decode() if match else None


def _value(text: str, pattern: re.Pattern[str]) -> dict[str, Any] | None:
    match = pattern.search(text)
    if not match:
        return None
    rest = text[match.end() : match.end() + VALUE_MAX_CHARACTERS]
    try:
        value = _DECODER.raw_decode(rest)[0]  # up to the matching brace, whatever the strings hold
    except (ValueError, RecursionError):
        value = json_ld.loads(rest)
    return value if isinstance(value, dict) else None


def _item(value: dict[str, Any]) -> ProductFacts:
    facts = ProductFacts(
        source="_3d_item", name=_text(value.get("name")) or UNREAD, sku=_text(value.get("id")) or UNREAD
    )
    facts.availability = availability_of(str(value.get("availability", "")))
    if "price" in value:
        _set_price(facts, value["price"])
    return facts


def _bc_data(value: dict[str, Any]) -> ProductFacts | None:
    attributes = value.get("product_attributes")
    if not isinstance(attributes, dict):
        return None
    facts = ProductFacts(source="BCData")
    facts.sku = _text(attributes.get("sku")) or UNREAD
    facts.gtin = _text(attributes.get("upc")) or _text(attributes.get("gtin")) or UNREAD
    if isinstance(attributes.get("instock"), bool):
        facts.availability = Availability.IN_STOCK if attributes["instock"] else Availability.OUT_OF_STOCK
    price = attributes.get("price")
    if isinstance(price, dict):
        now = price.get("without_tax") or price.get("with_tax")
        old = price.get("non_sale_price_without_tax") or price.get("rrp_without_tax")
        if isinstance(now, dict) and "price_range" not in price:
            _set_price(facts, now.get("value"), old.get("value") if isinstance(old, dict) else None)
            facts.currency = _text(now.get("currency")) or UNREAD
    return facts


def _set_price(facts: ProductFacts, now: object, old: object = None) -> None:
    try:
        facts.price, former = amount(now), amount(old)
    except PriceUnreadable as error:
        facts.disagreements = (f"{facts.source}: {error}",)
        return
    if former and facts.price and former > facts.price:
        facts.list_price = former


def _text(value: object) -> str:
    return " ".join(html.unescape(str(value)).split()) if isinstance(value, str | int) else ""
