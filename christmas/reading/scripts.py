"""Objects in script variables: a platform's marks name the variable and read its object."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from christmas.errors import PriceUnreadable
from christmas.reading import json_ld
from christmas.reading.money import amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from christmas.reading.facts import ProductFacts
    from christmas.reading.marks import Marks

# A variable's value is looked for in so much text behind its name; an object of a page of many options has some 20 KB.
VALUE_MAX_CHARACTERS = 200_000


def read_scripts(body: bytes, marks: Sequence[Marks] = ()) -> list[ProductFacts]:
    """Read the platforms' variables from the page's UTF-8 bytes; [] where there are none."""
    found = []
    for script in (script for one in marks for script in one.scripts):
        start = body.find(script.variable.encode())
        if start >= 0:
            value = _value(body[start:].decode("utf-8", "replace"), script.variable)
            facts = script.read(value) if value else None
            if facts:
                found.append(facts)
    return found


def _value(words: str, variable: str) -> dict[str, Any] | None:
    match = re.search(rf"\b{variable}\s{{0,20}}=\s{{0,20}}(?=\{{)", words)
    if not match:
        return None
    rest = words[match.end() : match.end() + VALUE_MAX_CHARACTERS]
    try:
        value = json_ld.DECODER.raw_decode(rest)[0]  # up to the matching brace, whatever the strings hold
    except (ValueError, RecursionError):
        value = json_ld.loads(rest.partition("</script")[0])
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, dict) else None


def set_price(facts: ProductFacts, now: object, old: object = None) -> None:
    """Set the price, and the list price where the old one is higher; an unreadable one is named."""
    try:
        facts.price, former = amount(now), amount(old)
    except PriceUnreadable as error:
        facts.disagreements = (f"{facts.source}: {error}",)
        return
    if former and facts.price and former > facts.price:
        facts.list_price = former
