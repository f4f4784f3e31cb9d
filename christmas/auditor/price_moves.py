"""What a run would change of known products: what of it is hard to believe, by itself or in its mass."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median
from typing import TYPE_CHECKING, Any
from zlib import crc32

from christmas.items import BUYABLE, ListingEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from christmas.items import Product

PRICES = ("price_minor", "price_min_minor", "price_max_minor", "list_price_minor", "currency")
# So large a share of the shorter name's words must be in the longer one.
SAME_WORDS = 0.34
_COMMON = {
    "hallmark", "keepsake", "ornament", "ornaments", "christmas", "series", "in", "the", "and", "with", "of", "a", "s",
    "nb", "db", "sdb",
}  # fmt: skip


def price_factor(old: Mapping[str, Any], new: Mapping[str, Any]) -> Fraction | None:
    """Return the new price, or the low end of a range, as a multiple of the old one.

    None where one of them is missing, where neither changes, or where the currency differs.
    """
    before = old["price_minor"] or old.get("price_min_minor")
    now = new.get("price_minor") or new.get("price_min_minor")
    if not before or not now or "currency" in new:
        return None
    return Fraction(now, before)


def identity_doubt(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Return why a product page is rather another product's; None where it is not."""
    if new.get("sku") and old["sku"] and not _same_sku(_bare(old["sku"]), _bare(new["sku"])):
        return f"The SKU turned from {old['sku']} into {new['sku']}."
    if new.get("name") and old["name"] and not _same_name(_words(old["name"]), _words(new["name"])):
        return f"The name turned from {old['name']!r} into {new['name']!r}."
    return None


def _same_sku(one: str, other: str) -> bool:
    return one in other or other in one  # with the retail price in front, or a box mark at the end


def _bare(sku: str) -> str:
    return "".join(letter for letter in sku.upper() if letter.isalnum())


def _same_name(one: set[str], other: set[str]) -> bool:
    if not one or not other:
        return one == other
    return len(one & other) >= SAME_WORDS * min(len(one), len(other))


def _words(name: str) -> set[str]:
    """Return the words that tell a piece from others."""
    letters = "".join(letter if letter.isalnum() else " " for letter in name.lower())
    return {word for word in letters.split() if not word[:4].isdigit() and word not in _COMMON}


@dataclass(slots=True)
class Moves:
    """The known products that a run would change, by key: counted once however often they were read."""

    ratios: dict[str, Fraction] = field(default_factory=dict)
    prices: set[str] = field(default_factory=set)
    currencies: set[str] = field(default_factory=set)
    ranges: set[str] = field(default_factory=set)
    unpriced: set[str] = field(default_factory=set)
    sold_out: set[str] = field(default_factory=set)
    names: dict[str, tuple[int, int]] = field(default_factory=dict)

    def note(self, item: ListingEntry | Product, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Count what of one product would change."""
        key = item.key
        if {"price_minor", "price_min_minor", "currency"} & new.keys():
            self.prices.add(key)
        if (ratio := price_factor(old, new)) is not None:
            self.ratios[key] = ratio
        if "currency" in new and old["currency"]:
            self.currencies.add(key)
        if new.get("price_min_minor") and old["price_minor"]:
            self.ranges.add(key)
        elif "price_minor" in new and new["price_minor"] is None:
            self.unpriced.add(key)
        if new.get("availability") == "out_of_stock" and old["availability"] in BUYABLE:
            self.sold_out.add(key)
        if isinstance(item, ListingEntry) and new.get("name"):
            self.names[key] = (old["listing_name"], crc32(new["name"].encode()))

    def as_facts(self) -> dict[str, Any]:
        """Return the counts; ``price_ratio`` is the median of new to old price, ``names_taken`` are other products'."""
        before = {old for old, _ in self.names.values()}
        return {
            "price_moves": len(self.prices),
            "price_ratio": round(float(median(self.ratios.values())), 4) if self.ratios else None,
            "currency_moves": len(self.currencies),
            "range_moves": len(self.ranges),
            "unpriced_moves": len(self.unpriced),
            "sold_out_moves": len(self.sold_out),
            "name_moves": len(self.names),
            "names_taken": sum(new in before for _, new in self.names.values()),
        }
