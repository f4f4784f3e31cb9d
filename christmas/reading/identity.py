"""Who a product is: year, series, number and box in names and SKUs."""

from __future__ import annotations

import re
from dataclasses import dataclass

_YEAR_FIRST = re.compile(r"\s*((?:19[5-9]|20\d)\d)\b")
_YEAR_ANYWHERE = re.compile(r"(?<![\w#$.])((?:19[5-9]|20\d)\d)(?!\w|\.\d)")
_ORDINAL = re.compile(r"\b(\d{1,3})(?:st|nd|rd|th)\s+(?:and\s+final\s+)?in\s+(?:the\s+)?(?:(.+?)\s+)?series\b", re.I)
_HASH = re.compile(r"^(?P<series>.*?)\s*#\s?(?P<number>\d{1,3})\b")
_BOX = re.compile(r"[\s(]\b(NB|SDB|DB)\)?\s*$")
_BOX_OF_SKU = re.compile(r"\d(SDB|NB|DB)$")
_NOT_OF_SKU = re.compile(r"[^A-Z0-9]+")
_PRICE_OF_SKU = re.compile(r"^\d{3,5}(?=[A-Z]{2,}\d)")


@dataclass(frozen=True, slots=True)
class NameFacts:
    """What a product's name tells; None where it does not say."""

    release_year: int | None = None
    series: str | None = None
    series_number: int | None = None
    box: str | None = None


def read_name(name: str) -> NameFacts:
    """Read a name such as ``2018 Snowtop Lodge, Sir Snowsalot #14 NB``."""
    found = _YEAR_FIRST.match(name) or _YEAR_ANYWHERE.search(name)
    box = _BOX.search(name)
    series, number = _series(_YEAR_FIRST.sub("", name, count=1))
    return NameFacts(int(found[1]) if found else None, series, number, box[1] if box else None)


def _series(name: str) -> tuple[str | None, int | None]:
    if match := _ORDINAL.search(name):
        return (match[2] or None), int(match[1])
    if match := _HASH.search(name):
        series = re.split(r"[,\u2013:]|\s-\s", match["series"])[-1].strip()
        if series:  # "#1 Teacher" is praise, not a series
            return series, int(match["number"])
    return None, None


def box_of_sku(sku: str) -> str | None:
    """Return the box mark at the end of a SKU: ``QX1571NB`` is NB."""
    match = _BOX_OF_SKU.search(sku)
    return match[1] if match else None


def normal_sku(sku: str) -> str:
    """Return a SKU as its maker writes it: ``3799QXI7109 NB``, with price and box in it, is QXI7109; else ``""``."""
    letters = _NOT_OF_SKU.sub("", sku.upper())
    if match := _BOX_OF_SKU.search(letters):
        letters = letters[: match.start(1)]
    return _PRICE_OF_SKU.sub("", letters)
