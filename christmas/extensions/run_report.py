"""What a run is worth: its record in the catalog, from the start to the outcome."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from scrapy import signals

from christmas.auditor import sample
from christmas.config import current
from christmas.errors import DatabaseUnavailable, LeaseLost, VendorTaken
from christmas.extensions.lease import Lease
from christmas.middlewares.stop import stop

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from scrapy.crawler import Crawler

    from christmas.config import Config

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.5
_REPORTED = (
    "pages/read", "pages/unreadable", "pages/blocked", "pages/failed", "pages/missing", "pages/planned",
    "spider_exceptions/count",
    "listings/known", "listings/due", "reading/disagreements", "store/entries", "store/unchanged", "store/new_keys",
    "store/new_products", "store/changed_products", "store/changes", "store/lost", "deduplicate/dropped",
    "store/held", "quarantine/dropped",
)  # fmt: skip


def outcome_of(stats: Mapping[str, Any], reason: str) -> tuple[str, dict[str, Any]]:
    """Return the state, ``succeeded`` or ``failed``, and the outcome as the job's record keeps it.

    Failed: pages were fetched and none could be read, the index gave no listing, or the run did not end by itself.
    Nothing due is a success.
    """
    outcome: dict[str, Any] = {name.replace("/", "_"): int(stats.get(name, 0)) for name in _REPORTED}
    dropped = {name.rpartition("/")[2]: n for name, n in stats.items() if name.startswith("validate/dropped/")}
    outcome |= {"dropped": dropped, "finish_reason": reason}
    if verified := sample.report(stats):
        outcome["verified"] = verified
        outcome["verify_unreadable"] = int(stats.get("verify/unreadable", 0))
    error = _error(outcome, reason)
    if error:
        outcome["error"] = error
    return ("failed" if error else "succeeded"), outcome


def _error(outcome: dict[str, Any], reason: str) -> str | None:
    if reason != "finished":
        return {
            "blocked": "The vendor answered with bot challenges.",
            "unavailable": "The vendor answered with nothing but errors.",
            "store_failed": "The database could not be written.",
            "shutdown": "The run was interrupted.",
            "cancelled": "The job was cancelled.",
            "node_lost": "The node that started the run is gone.",
            "lease_lost": "The run could not keep its lease.",
        }.get(reason, f"The run ended early: {reason}.")
    if outcome["store_lost"]:
        return "The database could not be written."
    if outcome["spider_exceptions_count"]:
        return f"{outcome['spider_exceptions_count']} pages raised an unexpected error; the log has it."
    tried = sum(outcome[name] for name in ("pages_read", "pages_unreadable", "pages_blocked", "pages_failed"))
    if tried and not outcome["pages_read"]:
        return f"None of {tried} pages could be read."
    return None


class RunReport:
    """Extension: takes the run's lease, keeps it with the run's progress, and writes the outcome at the end."""

    def __init__(self, crawler: Crawler, config: Config) -> None:
        self.crawler = crawler
        self.config = config
        self.lease: Lease | None = None
        self.timer: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build from the crawler and the process's configuration."""
        report = cls(crawler, current())
        crawler.signals.connect(report.spider_opened, signal=signals.spider_opened)
        crawler.signals.connect(report.spider_closed, signal=signals.spider_closed)
        return report

    async def spider_opened(self, spider: Any) -> None:
        """Take the vendor, or join the claim of the node; a spider that is no integration has no record."""
        if not hasattr(spider, "job_id"):
            return
        spider.lease = lease = Lease(self.config, spider)
        try:
            await asyncio.to_thread(lease.take)
        except (DatabaseUnavailable, LeaseLost, VendorTaken) as error:
            reasons = {LeaseLost: "lease_lost", VendorTaken: "vendor_taken"}
            stop(self.crawler, reasons.get(type(error), "store_failed"), str(error))
            return
        self.lease = lease
        self.timer = asyncio.get_running_loop().create_task(self._keep(lease))

    async def spider_closed(self, spider: Any, reason: str) -> None:
        """Write the outcome; log where the database is unavailable: no report means failed."""
        if self.lease is None or self.timer is None:
            return
        self.timer.cancel()
        try:
            end = self.lease.end
            state, outcome = await asyncio.to_thread(end, lambda: outcome_of(self._stats(), reason), reason)
        except DatabaseUnavailable as error:
            logger.error("The run's record could not be written: %s", error)
            return
        if state == "failed":
            logger.error("%s failed: %s", spider.name, outcome["error"])

    async def _keep(self, lease: Lease) -> None:
        """Renew the lease with every progress, and often enough without; stop when it is lost or cancelled."""
        known: dict[str, Any] = {}
        while True:
            await asyncio.sleep(min(PROGRESS_SECONDS, lease.beat_seconds))
            if lease.orphaned:
                stop(self.crawler, "node_lost", "The node that started this run is gone")
                return
            progress = outcome_of(self._stats(), "finished")[1]
            if progress == known and not lease.due:
                continue
            try:
                async with asyncio.timeout(lease.valid_seconds):
                    held = await asyncio.to_thread(lease.renew, progress)
                known = progress
            except (DatabaseUnavailable, TimeoutError) as error:
                logger.warning("The lease could not be renewed: %s", error or "the database does not answer in time")
                held = "held" if lease.valid else "lost"
            if held == "cancelled":
                stop(self.crawler, "cancelled", "The job was cancelled")
                return
            if held == "lost":
                stop(self.crawler, "lease_lost", "The lease was lost", at_once=True)
                return

    def _stats(self) -> Mapping[str, Any]:
        return self.crawler.stats.get_stats() if self.crawler.stats else {}
