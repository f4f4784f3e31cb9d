"""What one run has seen, in numbers that can be added up and compared with the vendor's other runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from christmas.items import UNREAD, ListingEntry, Product

if TYPE_CHECKING:
    from collections.abc import Mapping

# A field of a product page counts as read where the page says anything of it.
FIELDS = ("sku", "brand", "availability", "image_url", "price_minor")
# Enough different prices to know that they are not all equal.
PRICES_MAX = 1000
STRUCTURED = {"json-ld", "microdata"}


@dataclass(slots=True)
class Readings:
    """The items of a run, counted as they pass."""

    products: int = 0
    entries: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    structured: int = 0
    structured_prices: int = 0
    entry_ranges: int = 0
    priced: int = 0
    ranges: int = 0
    prices: Counter[int] = field(default_factory=Counter)

    def note(self, item: Any) -> None:
        """Count one item; others than products and entries say nothing here."""
        if isinstance(item, ListingEntry):
            self.entries += 1
            self.entry_ranges += item.ranged
            if item.price_minor:
                self._price(item.price_minor)
        elif isinstance(item, Product):
            self._product(item)

    def _product(self, item: Product) -> None:
        self.products += 1
        for name in FIELDS:
            value = getattr(item, name)
            if value is not UNREAD and value is not None:
                self.fields[name] += 1
        self.structured += not STRUCTURED.isdisjoint(item.source.split("+"))
        if item.price_minor:
            self.structured_prices += item.price_source in STRUCTURED
            self._price(item.price_minor)
        elif item.price_min_minor:
            self.ranges += 1

    def _price(self, minor: int) -> None:
        self.priced += 1
        if minor in self.prices or len(self.prices) < PRICES_MAX:
            self.prices[minor] += 1

    def as_facts(self) -> dict[str, Any]:
        """Return the counts; ``top_price`` is how often the most frequent price was read."""
        return {
            "products": self.products,
            "entries": self.entries,
            "entry_ranges": self.entry_ranges,
            "fields": dict(self.fields),
            "structured": self.structured,
            "structured_prices": self.structured_prices,
            "priced": self.priced,
            "ranges": self.ranges,
            "top_price": max(self.prices.values(), default=0),
        }


def of_stats(stats: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Scrapy and the spider have counted of requests and pages."""
    prefix = "downloader/response_status_count/"
    statuses = {name.removeprefix(prefix): count for name, count in stats.items() if name.startswith(prefix)}
    names = {
        "read": "pages/read", "unreadable": "pages/unreadable", "blocked": "pages/blocked", "failed": "pages/failed",
        "missing": "pages/missing", "unclosed": "pages/unclosed", "product_pages": "pages/products",
        "product_unreadable": "pages/products_unreadable", "redirected": "pages/redirected",
        "blocked_products": "pages/blocked_products", "index_failed": "index/failed",
        "listing_pages": "pages/listings", "listing_unreadable": "pages/listings_unreadable",
        "index_unreadable": "index/unreadable", "index_links": "index/links",
        "attempts": "downloader/request_count",
    }  # fmt: skip
    found = {name: int(stats.get(stat, 0)) for name, stat in names.items()}
    return found | {
        "cut": int(stats.get("downloader/exception_type_count/scrapy.exceptions.ResponseDataLossError", 0)),
        "server_errors": sum(count for status, count in statuses.items() if status.startswith("5")),
        "not_found": sum(count for status, count in statuses.items() if status in {"404", "410"}),
        "answers": sum(statuses.values()),
    }


def total(history: list[dict[str, Any]], name: str) -> int:
    """Add one number up over runs."""
    return sum(int(facts.get(name) or 0) for facts in history)
