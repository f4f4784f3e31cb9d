"""Third step: the run's quarantine counts what passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from christmas.platforms.integration import Integration

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

    from christmas.auditor.quarantine import Quarantine


class QuarantineStep:
    """Counts every item; the store asks the same quarantine before it changes a known product."""

    def __init__(self, quarantine: Quarantine) -> None:
        self.quarantine = quarantine

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build from the quarantine of the crawler's run; raise NotConfigured for a spider that is no integration."""
        return cls(Integration.of(crawler).quarantine)

    def process_item(self, item: Any) -> Any:
        """Count the item and return it."""
        self.quarantine.note(item)
        return item
