"""Second step: one item per vendor, key and kind in a run."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import DropItem

from christmas.items import ListingEntry, Product

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.statscollectors import StatsCollector


class Deduplicate:
    """Keeps 64 bits an item: about 65 MB for a million keys, and one wrong drop in 37 million such runs."""

    def __init__(self, stats: StatsCollector) -> None:
        self.stats = stats
        self.seen: set[int] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build from the crawler's stats."""
        assert crawler.stats  # noqa: S101  # Scrapy sets it before it builds pipelines
        return cls(crawler.stats)

    def process_item(self, item: Any) -> Any:
        """Pass the first of its kind; raise DropItem for a further one. An entry counts once per listing."""
        if isinstance(item, ListingEntry):
            identity = f"entry\n{item.vendor}\n{item.key}\n{item.listing}"
        elif isinstance(item, Product):
            identity = f"product\n{item.vendor}\n{item.key}"
        else:
            return item
        digest = int.from_bytes(blake2b(identity.encode(), digest_size=8).digest())
        if digest in self.seen:
            self.stats.inc_value("deduplicate/dropped")
            raise DropItem(f"{item.vendor} {item.key!r} was read in this run already")
        self.seen.add(digest)
        return item
