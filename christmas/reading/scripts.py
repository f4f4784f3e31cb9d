"""The platforms' own data in script variables: Shift4Shop's ``_3d_item``, BigCommerce's ``BCData``."""

from __future__ import annotations

import re
from typing import Any

from christmas.errors import PriceUnreadable
from christmas.items import UNREAD, Availability
from christmas.reading import json_ld
from christmas.reading.facts import ProductFacts
from christmas.reading.money import amount
from christmas.reading.stock import availability_of
from christmas.reading.values import name_of, text

_3D_ITEM = re.compile(r"\b_3d_item\s{0,20}=\s{0,20}(?=\{)")
_BC_DATA = re.compile(r"\bBCData\s{0,20}=\s{0,20}(?=\{)")
_CATALOGID = re.compile(rb"_3d_item\s{0,20}=\s{0,20}\{\s{0,20}[\"']?catalogid[\"']?\s{0,20}:\s{0,20}[\"']?(\d+)")
# A variable's value is looked for in so much text behind its name; BCData of a page of many options has some 20 KB.
VALUE_MAX_CHARACTERS = 200_000


def read_scripts(body: bytes) -> list[ProductFacts]:
    """Read the platform's variables from the page's UTF-8 bytes; [] where there are none."""
    found = []
    for mark, pattern, read in ((b"_3d_item", _3D_ITEM, _item), (b"BCData", _BC_DATA, _bc_data)):
        if mark in body:
            value = _value(body[body.index(mark) :].decode("utf-8", "replace"), pattern)
            facts = read(value) if value else None
            if facts:
                found.append(facts)
    return found


def catalogid(body: bytes) -> str | None:
    """Return the number in ``_3d_item``; None where the page has none."""
    match = _CATALOGID.search(body) if b"_3d_item" in body else None
    return match[1].decode() if match else None


def _value(words: str, pattern: re.Pattern[str]) -> dict[str, Any] | None:
    match = pattern.search(words)
    if not match:
        return None
    rest = words[match.end() : match.end() + VALUE_MAX_CHARACTERS]
    try:
        value = json_ld.DECODER.raw_decode(rest)[0]  # up to the matching brace, whatever the strings hold
    except (ValueError, RecursionError):
        value = json_ld.loads(rest.partition("</script")[0])
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, dict) else None


def _item(value: dict[str, Any]) -> ProductFacts:
    facts = ProductFacts(
        source="_3d_item", name=name_of(value.get("name")) or UNREAD, sku=text(value.get("id")) or UNREAD
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
            _set_price(facts, now.get("value"), old.get("value"))
            facts.currency = text(now.get("currency")) or UNREAD
    return facts


def _first_mapping(price: dict[str, Any], *names: str) -> dict[str, Any]:
    return next((one for name in names if isinstance(one := price.get(name), dict)), {})


def _set_price(facts: ProductFacts, now: object, old: object = None) -> None:
    try:
        facts.price, former = amount(now), amount(old)
    except PriceUnreadable as error:
        facts.disagreements = (f"{facts.source}: {error}",)
        return
    if former and facts.price and former > facts.price:
        facts.list_price = former
