"""Second step: one item per vendor, key and kind in a run."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import DropItem

from christmas.items import ListingEntry, ListingReading, Product

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.statscollectors import StatsCollector


class Deduplicate:
    """Remembers the keys of each listing while it is being read, and 64 bits of each product until the run ends.

    That is some 70 MB for a million product pages and nearly nothing for a million listing entries; one product in 37
    million such runs is dropped wrongly. An entry counts once per listing, because the catalog notes all its listings.
    """

    def __init__(self, stats: StatsCollector) -> None:
        self.stats = stats
        self.products: set[int] = set()
        self.entries: dict[tuple[str, str], set[str]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build from the crawler's stats."""
        assert crawler.stats  # noqa: S101  # Scrapy sets it before it builds pipelines
        return cls(crawler.stats)

    def process_item(self, item: Any) -> Any:
        """Pass the first of its kind; raise DropItem for a further one."""
        if isinstance(item, ListingEntry):
            self._pass(item.key, self.entries.setdefault((item.vendor, item.listing), set()), item)
        elif isinstance(item, Product):
            digest = blake2b(f"{item.vendor}\n{item.key}".encode(), digest_size=8).digest()
            self._pass(int.from_bytes(digest), self.products, item)
        elif isinstance(item, ListingReading):
            self.entries.pop((item.vendor, item.listing), None)
        return item

    def _pass(self, identity: Any, seen: set[Any], item: ListingEntry | Product) -> None:
        if identity in seen:
            self.stats.inc_value("deduplicate/dropped")
            raise DropItem(f"{item.vendor} {item.key!r} was read in this run already")
        seen.add(identity)
