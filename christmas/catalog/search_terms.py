"""What a product is found by: the piece that it is an offer of, and the words that a text search looks in."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from christmas.reading.identity import normal_sku

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

# What piece and words are made of; the vendor and the id of a product never change.
IDENTITY = ("name", "sku", "brand", "series", "release_year")
# Longer ones are cut: no search needs the rest, and an index of PostgreSQL takes 2,700 bytes.
LONGEST = 64
_TOKEN = re.compile(rf"([a-z0-9]{{1,{LONGEST}}})[a-z0-9]*")
# Without this they would become letters of the word before them.
_MARKS = str.maketrans("\u2122\u2120", "  ")


def piece_of(product_id: UUID, sku: str | None) -> str:
    """Return the normal form of a SKU, the same in every shop; the product's id, 32 hex digits, where there is none.

    A SKU without a digit, such as ``N/A``, says no more than none.
    """
    normal = normal_sku(sku) if sku else ""
    return normal if len(normal) <= LONGEST and any(letter.isdigit() for letter in normal) else product_id.hex


def tokens(text: str) -> list[str]:
    """Return the words of a text, in order: lower case without diacritics, nothing but a to z and 0 to 9."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.translate(_MARKS))
        text = "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()
    return _TOKEN.findall(text.lower())


def vendor_token(vendor: str) -> str:
    """Return the word that stands for a vendor among the words of its products: ``vornamentshopcom``."""
    return "v" + vendor.replace("_", "")


def words_of(
    *,
    vendor: str,
    name: str,
    brand: str | None,
    series: str | None,
    sku: str | None,
    release_year: int | None,
) -> str:
    """Return the words that a product is found by, each once; the vendor's is the last."""
    found = tokens(f"{name} {series or ''} {brand or ''} {release_year or ''}")
    if sku:
        # In one word, however it is spelled: with the price and the box mark that a shop has put into it, and without.
        found += [word[:LONGEST] for word in ("".join(tokens(sku)), normal_sku(sku).lower()) if word]
    words = dict.fromkeys(found)
    last = vendor_token(vendor)
    words.pop(last, None)
    return " ".join((*words, last))


def known_by(words: str) -> list[str]:
    """Return what of a product's words a reader may type: all but the vendor's."""
    return words.split(" ")[:-1]


def columns(product_id: UUID, vendor: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns ``piece`` and ``words`` of a product; ``values`` has at least those of ``IDENTITY``."""
    return {
        "piece": piece_of(product_id, values["sku"]),
        "words": words_of(vendor=vendor, **{name: values[name] for name in IDENTITY}),
    }
