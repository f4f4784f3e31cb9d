"""Third step: what a run would change of known products waits until the run has been judged.

Items pass, and are counted. The store asks here before it changes a known product; what it is told to leave is written,
held or dropped by ``conclude``, in the transaction that ends the run. A run that is killed before has changed nothing
of them, and its vendor's next run finds the same differences.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from christmas import config as configuration
from christmas.auditor import facts as run_facts
from christmas.auditor.health import FEW_PRODUCTS, SHARE_OF_VENDOR, Health, Run, judge, still
from christmas.auditor.moves import PRICES, Moves, identity_doubts, price_factor
from christmas.items import ListingEntry, Product

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from scrapy.crawler import Crawler
    from sqlalchemy import Connection

    from christmas.catalog.apply import Doubt
    from christmas.catalog.listings import Recorded
    from christmas.catalog.written import Written
    from christmas.configuration_keys import AuditorConfig
    from christmas.items import ListingReading

logger = logging.getLogger(__name__)

# More are judged in the middle of the run, so that a vendor of a million products does not fill the memory.
WAITING_MAX = 20_000
# Pages that wait with what was read from them, to be kept where it is held.
PAGES_MAX = 50
# Runs that did not come to an end say nothing about their vendor.
JUDGED = {"finished", "blocked", "unavailable"}


class Quarantine:
    """Counts what passes and keeps what would change; see the module."""

    def __init__(self, crawler: Crawler, config: AuditorConfig) -> None:
        self.crawler = crawler
        self.config = config
        self.readings = run_facts.Readings()
        self.moves = Moves()
        self.waiting: list[ListingEntry | Product] = []
        self.sold_out: set[int] = set()
        self.listings: list[tuple[ListingReading, Recorded]] = []
        self.compared = 0
        self.pages = 0
        self.judging = False
        self.mass = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build from the crawler and the process's configuration."""
        return cls(crawler, configuration.current().auditor)

    def open_spider(self) -> None:
        """Let the store and the run's report find it."""
        spider: Any = self.crawler.spider
        spider.quarantine = self

    def process_item(self, item: Any) -> Any:
        """Count the item and let it pass."""
        self.readings.note(item)
        return item

    def stored(self, written: Written) -> None:
        """Take notice of what a batch did."""
        self.listings += written.readings
        self.compared += written.compared

    def defers(self, item: ListingEntry | Product, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Take an item that would change a known product; called in the store's thread."""
        if self.judging:
            return False
        self.moves.note(item, old, new)
        self.compared += 1
        if "price_minor" not in new and not identity_doubts(old, new):
            item.page = None
        elif item.page is not None:
            self.pages += 1
            item.page = item.page if self.pages <= PAGES_MAX else None
        if item.key in self.moves.sold_out:
            self.sold_out.add(id(item))
        self.waiting.append(item)
        return True

    @property
    def full(self) -> bool:
        """Whether what waits should be judged now."""
        return len(self.waiting) >= WAITING_MAX

    def doubts(self, item: ListingEntry | Product, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Doubt]:
        """Give what of a change is to be held, and why."""
        from christmas.catalog.apply import Doubt

        factor = price_factor(old, new)
        limit = self.config.jump_factor
        reasons = identity_doubts(old, new) if isinstance(item, Product) else {}
        found = {name: Doubt(reason, None, item.page) for name, reason in reasons.items()}
        priced = {name for name in PRICES if name in new}
        group = None
        if self.mass and "price_minor" in priced:
            reason, group = f"{len(self.moves.prices)} of {self.compared} prices moved in one run.", self._job_id
        elif "currency" in new and old["currency"]:
            reason = f"The currency turned from {old['currency']} into {new['currency']}."
        elif factor is not None and not 1 / limit <= factor <= limit:
            reason = f"The price is {float(factor):.3g} times what it was."
        else:
            return found
        source = item.price_source if isinstance(item, Product) else item.source
        return found | dict.fromkeys(priced, Doubt(reason, group, item.page, source))

    def conclude(self, connection: Connection, finish_reason: str) -> dict[str, Any]:
        """Judge the run and write, hold or drop what waits; gives what the job's outcome tells of it. Blocking."""
        from christmas.catalog import health, held, listings

        now = datetime.now(UTC)
        vendor = self._vendor
        held.decide_groups(connection, vendor, now)
        facts = self._facts(connection)
        before = health.get(connection, vendor)
        history = health.history(connection, vendor, now)
        accepted = before is not None and before.accepted_at is not None and before.accepted_at >= before.checked_at
        run = Run(facts, finish_reason, history, self.config.jump_factor, accepted)
        verdict = judge(run)
        # What this run could not see is as it was.
        lasting = before is not None and verdict.state == "healthy" and still(before.kind, run)
        self.release(connection, verdict, lasting=lasting)
        if not (verdict.disbelieved or lasting):
            for reading, recorded in self.listings:
                if recorded.counted:
                    listings.miss(connection, reading, now=now)
        if finish_reason not in JUDGED or not run.tried:
            return {"held": self._stat("store/held")}
        if before is not None and lasting:
            verdict = Health(before.state, before.kind, before.reason)
        else:
            health.record(
                connection, vendor, state=verdict.state, kind=verdict.kind, reason=verdict.reason, job_id=self._job_id,
                now=now,
            )  # fmt: skip
        if verdict.state != "healthy":
            logger.warning("%s is %s: %s", vendor, verdict.state, verdict.reason)
        shown = {"state": verdict.state, "kind": verdict.kind, "reason": verdict.reason}
        return {"facts": facts, "health": shown, "held": self._stat("store/held")}

    def judge_early(self, connection: Connection) -> None:
        """Write, hold or drop what waits in the middle of a run."""
        from christmas.catalog import health

        history = health.history(connection, self._vendor, datetime.now(UTC))
        run = Run(self._facts(connection), "finished", history, self.config.jump_factor)
        self.release(connection, judge(run), lasting=False)

    def release(self, connection: Connection, verdict: Health, *, lasting: bool) -> None:
        """Write what waits as far as the verdict lets it; ``lasting``: the vendor was not well, and still is not."""
        from christmas.catalog import store

        waiting, self.waiting = self.waiting, []
        if verdict.disbelieved:
            kept = []
        elif lasting:
            kept = [item for item in waiting if id(item) not in self.sold_out]
        else:
            kept = waiting
        self._inc("quarantine/dropped", len(waiting) - len(kept))
        self.mass = self._moved_in_mass(connection)
        self.judging = True
        try:
            written = store.write(connection, kept, job_id=self._job_id, now=datetime.now(UTC), watch=self)
        finally:
            self.judging = False
        for name, number in written.counts().items():
            self._inc(f"store/{name}", number)

    def _moved_in_mass(self, connection: Connection) -> bool:
        enough = max(FEW_PRODUCTS, SHARE_OF_VENDOR * self._known(connection))
        return len(self.moves.prices) >= max(enough, self.config.mass_share * self.compared)

    def _facts(self, connection: Connection) -> dict[str, Any]:
        from christmas.catalog import held, listings

        stats = self.crawler.stats.get_stats() if self.crawler.stats else {}
        known = [(reading, recorded.before) for reading, recorded in self.listings if recorded.before]
        recorder = getattr(self.crawler.spider, "recorder", None)
        return {
            **run_facts.of_stats(stats),
            **self.readings.as_facts(),
            **self.moves.as_facts(),
            "compared": self.compared,
            "known_products": self._known(connection),
            "known_listings": listings.known(connection, self._vendor),
            "listings_read": len(self.listings),
            "listings_paged": sum(reading.pages > 1 for reading, _ in self.listings),
            "listings_looped": sum(reading.looped for reading, _ in self.listings),
            "listed_before": sum(before for _, before in known),
            "listed_now": sum(reading.entries for reading, _ in known),
            "contradicted": held.contradicted(connection, self._vendor),
            "latency_seconds": recorder.quantile("latency", 0.5) if recorder else None,
        }

    def _known(self, connection: Connection) -> int:
        from christmas.catalog import products

        return products.count(connection, self._vendor)

    @property
    def _vendor(self) -> str:
        spider: Any = self.crawler.spider
        return str(spider.name)

    @property
    def _job_id(self) -> str:
        spider: Any = self.crawler.spider
        return str(spider.job_id)

    def _stat(self, name: str) -> int:
        return int(self.crawler.stats.get_value(name, 0)) if self.crawler.stats else 0

    def _inc(self, name: str, by: int) -> None:
        if self.crawler.stats and by:
            self.crawler.stats.inc_value(name, by)
