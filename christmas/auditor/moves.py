"""What a run would change of known products: what of it is hard to believe, by itself or in its mass."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median
from typing import TYPE_CHECKING, Any
from zlib import crc32

from christmas.items import ListingEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from christmas.items import Product

PRICES = ("price_minor", "price_min_minor", "price_max_minor", "list_price_minor", "currency")
AVAILABLE = {"in_stock", "low_stock", "preorder"}


def price_factor(old: Mapping[str, Any], new: Mapping[str, Any]) -> Fraction | None:
    """Give the new price as a multiple of the old one; None where one of them is missing or the currency differs."""
    before, now = old["price_minor"], new.get("price_minor")
    if not before or not now or "currency" in new:
        return None
    return Fraction(now, before)


def identity_doubts(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Give why a product page's name or SKU is rather another product's; {} where it is not."""
    doubts = {}
    if new.get("sku") and old["sku"] and not _same_sku(_bare(old["sku"]), _bare(new["sku"])):
        doubts["sku"] = f"The SKU turned from {old['sku']} into {new['sku']}."
    if new.get("name") and old["name"] and not _words(new["name"]) & _words(old["name"]):
        doubts["name"] = f"The name turned from {old['name']!r} into {new['name']!r}."
    if "sku" in doubts and "name" in new:
        doubts.setdefault("name", doubts["sku"])
    return doubts


def _same_sku(one: str, other: str) -> bool:
    return one in other or other in one  # with the retail price in front, or a box mark at the end


def _bare(sku: str) -> str:
    return "".join(letter for letter in sku.upper() if letter.isalnum())


def _words(name: str) -> set[str]:
    # The year in front is shared by many; what tells pieces apart are the other words.
    return {word for word in name.lower().split() if not word[:4].isdigit()}


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
        if "price_minor" in new or "currency" in new:
            self.prices.add(key)
        if (ratio := price_factor(old, new)) is not None:
            self.ratios[key] = ratio
        if "currency" in new and old["currency"]:
            self.currencies.add(key)
        if new.get("price_min_minor") and old["price_minor"]:
            self.ranges.add(key)
        elif "price_minor" in new and new["price_minor"] is None:
            self.unpriced.add(key)
        if new.get("availability") == "out_of_stock" and old["availability"] in AVAILABLE:
            self.sold_out.add(key)
        if isinstance(item, ListingEntry) and new.get("name"):
            self.names[key] = (old["listing_name"], crc32(new["name"].encode()))

    def as_facts(self) -> dict[str, Any]:
        """Give the counts; ``price_ratio`` is the median of new to old price, ``names_taken`` are other products'."""
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
