"""First step: normalise an item and drop what cannot be true, with a reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from itemadapter import ItemAdapter
from scrapy.exceptions import DropItem

from christmas.items import AMOUNTS, DECLARED, UNREAD, Availability, Kind, ListingEntry, Product

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.statscollectors import StatsCollector

TEXTS = tuple(one.name for one in DECLARED if one.kind is Kind.TEXT)
# The dearest Keepsake ornaments sell for some thousands; a price over a million is a misread number.
AMOUNT_MAX_MINOR = 100_000_000
TEXT_MAX_CHARACTERS = 1000
# A number outside was misread from a name: it is not worth the product.
NUMBERS = {"release_year": range(1900, 2101), "series_number": range(1, 1000)}
_CURRENCY = re.compile(r"[A-Z]{3}")


class Validate:
    """Returns the item, or raises DropItem naming the reason, counted under ``validate/dropped/<reason>``."""

    def __init__(self, stats: StatsCollector) -> None:
        self.stats = stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build from the crawler's stats."""
        assert crawler.stats  # noqa: S101  # Scrapy sets it before it builds pipelines
        return cls(crawler.stats)

    def process_item(self, item: Any) -> Any:
        """Check products and listing entries; other items pass."""
        if not isinstance(item, ListingEntry | Product):
            return item
        adapter = ItemAdapter(item)
        self._texts(adapter)
        if not item.key.isprintable() or not 0 < len(item.key) <= TEXT_MAX_CHARACTERS:
            self._drop("key", item)
        if not item.url.isprintable() or not item.url.startswith(("http://", "https://")):
            self._drop("url", item)
        if isinstance(item, Product) and not item.name:
            self._drop("name", item)
        self._numbers(adapter, item)
        if item.currency and not _CURRENCY.fullmatch(item.currency):
            self._drop("currency", item)
        if item.availability is Availability.UNKNOWN:
            item.availability = UNREAD  # unread never overwrites known
        if item.read_at is None or item.read_at.tzinfo is None:
            self._drop("read_at", item)
        if item.price_minor and item.list_price_minor and item.list_price_minor <= item.price_minor:
            item.list_price_minor = None  # an old price that is not higher is no sale
        return item

    def _numbers(self, adapter: ItemAdapter, item: ListingEntry | Product) -> None:
        for field in AMOUNTS:
            value = adapter.get(field)
            if value is None or value is UNREAD:
                continue
            if type(value) is not int or not 0 < value <= AMOUNT_MAX_MINOR:
                self._drop(field, item)
        for field, accepted in NUMBERS.items():
            value = adapter.get(field)
            if value is not None and value is not UNREAD and value not in accepted:
                adapter[field] = UNREAD if isinstance(item, Product) else None

    @staticmethod
    def _texts(adapter: ItemAdapter) -> None:
        for field in TEXTS:
            value = adapter.get(field)
            if isinstance(value, str):
                if not value.isprintable():  # NUL and lone surrogates would make PostgreSQL refuse the whole batch
                    value = "".join(letter for letter in value if letter.isprintable() or letter.isspace())
                adapter[field] = " ".join(value.split())[:TEXT_MAX_CHARACTERS] or None

    def _drop(self, reason: str, item: ListingEntry | Product) -> None:
        self.stats.inc_value(f"validate/dropped/{reason}")
        raise DropItem(f"{reason} of {item.vendor} {item.key!r} ({item.url}) cannot be true")
