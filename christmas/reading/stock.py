"""What a shop says of its stock: schema.org words, meta values, buttons and sentences."""

from __future__ import annotations

import re

from christmas.items import UNREAD, Availability, Read

_WORDS = {
    "instock": Availability.IN_STOCK,
    "instoreonly": Availability.IN_STOCK,
    "onlineonly": Availability.IN_STOCK,
    "available": Availability.IN_STOCK,
    "availablefororder": Availability.IN_STOCK,
    "1": Availability.IN_STOCK,
    "limitedavailability": Availability.LOW_STOCK,
    "outofstock": Availability.OUT_OF_STOCK,
    "soldout": Availability.OUT_OF_STOCK,
    "oos": Availability.OUT_OF_STOCK,
    "reserved": Availability.OUT_OF_STOCK,
    "backorder": Availability.OUT_OF_STOCK,
    "0": Availability.OUT_OF_STOCK,
    "preorder": Availability.PREORDER,
    "presale": Availability.PREORDER,
    "discontinued": Availability.DISCONTINUED,
}

# The first that matches wins: negations before what they negate ("out of stock" holds "stock").
_SENTENCES = [
    (re.compile(pattern, re.IGNORECASE), availability)
    for pattern, availability in [
        (r"\bdiscontinued\b|\bno longer (available|sold)\b", Availability.DISCONTINUED),
        (r"\bpre[- ]?orders?\b|\bpre[- ]?sale\b", Availability.PREORDER),
        (
            r"\b(sold|out)[- ]?(of[- ]stock|out)\b|(\bnot|n['\u2019]t) (currently )?(in stock|available)\b",
            Availability.OUT_OF_STOCK,
        ),
        (r"\bunavailable\b|\bback[- ]?order(ed)?\b|\bnotify me\b|\bwaiting list\b", Availability.OUT_OF_STOCK),
        (r"\bin stock soon\b|\b(coming|back) soon\b|\b(no|zero|0) (left|(in )?stock)\b", Availability.OUT_OF_STOCK),
        (
            r"\bonly \d+ (left|remaining|available|in stock)\b|\blow (in )?stock\b|\b[1-9] left\b",
            Availability.LOW_STOCK,
        ),
        (r"\bin stock\b|\badd to (cart|bag|basket)\b|\bchoose options\b|\bbuy now\b", Availability.IN_STOCK),
        (r"\bships? (today|tomorrow|next|within|in \d)", Availability.IN_STOCK),
    ]
]


def availability_of(text: object) -> Read[Availability]:
    """Read an availability; UNREAD where the text does not tell. ``unknown`` is never given."""
    if not isinstance(text, str | int):
        return UNREAD
    words = " ".join(str(text).split())
    bare = words.rstrip("/").rpartition("/")[2] if "schema.org" in words.lower() else words
    known = _WORDS.get(re.sub(r"[\s_-]", "", bare).lower())
    if known:
        return known
    return next((availability for pattern, availability in _SENTENCES if pattern.search(words)), UNREAD)
