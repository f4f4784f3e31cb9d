"""What a run is worth: its record in the catalog, from the start to the outcome."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scrapy import signals

from christmas import config as configuration
from christmas.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from scrapy.crawler import Crawler
    from sqlalchemy import Connection

    from christmas.config import Config

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.5
_REPORTED = (
    "pages/read", "pages/unreadable", "pages/blocked", "pages/failed", "pages/missing", "pages/planned",
    "spider_exceptions/count",
    "listings/known", "listings/due", "reading/disagreements", "store/entries", "store/unchanged", "store/new_keys",
    "store/new_products", "store/changed_products", "store/changes", "store/lost", "deduplicate/dropped",
)  # fmt: skip


def outcome_of(stats: Mapping[str, Any], reason: str) -> tuple[str, dict[str, Any]]:
    """Give the state, ``succeeded`` or ``failed``, and the outcome as the job's record keeps it.

    Failed: pages were fetched and none could be read, the index gave no listing, or the run did not end by itself.
    Nothing due is a success.
    """
    outcome: dict[str, Any] = {name.replace("/", "_"): int(stats.get(name, 0)) for name in _REPORTED}
    dropped = {name.rpartition("/")[2]: n for name, n in stats.items() if name.startswith("validate/dropped/")}
    outcome |= {"dropped": dropped, "finish_reason": reason}
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
    """Extension: starts the job's record, keeps its progress, and writes the outcome after the store's last batch."""

    def __init__(self, crawler: Crawler, config: Config) -> None:
        self.crawler = crawler
        self.config = config
        self.timer: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build from the crawler and the process's configuration."""
        report = cls(crawler, configuration.current())
        crawler.signals.connect(report.spider_opened, signal=signals.spider_opened)
        crawler.signals.connect(report.spider_closed, signal=signals.spider_closed)
        return report

    async def spider_opened(self, spider: Any) -> None:
        """Start the record; a spider that is no integration, such as the shell's, has none."""
        from christmas.catalog import jobs

        if not hasattr(spider, "job_id"):
            return
        await self._write(
            lambda connection: jobs.start(
                connection,
                job_id=spider.job_id,
                name=spider.arguments.job_name,
                vendor=spider.name,
                arguments=spider.arguments.as_dict(),
                now=datetime.now(UTC),
            )
        )
        self.timer = asyncio.get_running_loop().create_task(self._keep_progress(spider))

    async def spider_closed(self, spider: Any, reason: str) -> None:
        """Write the outcome; where the database is away, say so: no report means failed."""
        from christmas.catalog import jobs

        if self.timer is None:
            return
        self.timer.cancel()
        state, outcome = outcome_of(self._stats(), reason)
        if state == "failed":
            logger.error("%s failed: %s", spider.name, outcome["error"])
        await self._write(
            lambda connection: jobs.finish(
                connection, job_id=spider.job_id, state=state, outcome=outcome, now=datetime.now(UTC)
            )
        )

    async def _keep_progress(self, spider: Any) -> None:
        from christmas.catalog import jobs

        known: dict[str, Any] = {}
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            progress = outcome_of(self._stats(), "finished")[1]
            if progress != known:
                known = progress
                await self._write(lambda c, p=progress: jobs.progress(c, job_id=spider.job_id, outcome=p))  # type: ignore[misc]

    def _stats(self) -> Mapping[str, Any]:
        return self.crawler.stats.get_stats() if self.crawler.stats else {}

    async def _write(self, act: Callable[[Connection], None]) -> None:
        try:
            await asyncio.to_thread(self._transact, act)
        except DatabaseUnavailable as error:
            logger.error("The run's record could not be written: %s", error)

    def _transact(self, act: Callable[[Connection], None]) -> None:
        from christmas.catalog import database

        with database.begin(database.open_engine(self.config.database_url)) as connection:
            act(connection)
