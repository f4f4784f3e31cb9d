"""What a run would change of known products waits here until the run has been judged.

The store asks before it changes a known product; what the quarantine defers is written, held or dropped by
``conclude``, in the transaction that ends the run. A run that is killed before has changed nothing of them, and its
vendor's next run finds the same differences.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from christmas.auditor import run_facts
from christmas.auditor.price_moves import PRICES, Moves, identity_doubt, price_factor
from christmas.auditor.verdict import DISBELIEVED, Run, Verdict, judge, still
from christmas.catalog import held_changes, products, vendor_health
from christmas.catalog.writing import delisted, listings, store
from christmas.catalog.writing.changeset import Doubt
from christmas.items import ListingEntry, Product

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from christmas.catalog.vendor_health import HealthRow
    from christmas.catalog.writing.changeset import Written
    from christmas.config.sections import AuditorConfig
    from christmas.items import GoneReading, ListingReading

logger = logging.getLogger(__name__)

# More are judged in the middle of the run, so that a vendor of a million products does not fill the memory.
WAITING_MAX = 20_000
# Pages that wait with what is doubtful of them, to be kept; and of the first prices that move, which may be too many.
PAGES_MAX = 50
MOVED_PAGES = 20
# Runs that did not come to an end say nothing about their vendor.
JUDGED = {"finished", "blocked", "unavailable"}


class Counts(Protocol):
    """A run's counters by name; Scrapy's statistics are such."""

    def get_stats(self) -> dict[str, Any]:
        """Return all counters."""

    def get_value(self, key: str, default: Any = None) -> Any:
        """Return one counter."""

    def inc_value(self, key: str, count: int = 1) -> None:
        """Add to one counter."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The run that is judged; ``narrow`` where it reads one year, ``latency_seconds`` returns its median so far."""

    vendor: str
    job_id: str
    audit: bool
    narrow: bool
    latency_seconds: Callable[[], float | None]


class Quarantine:
    """Counts what passes and keeps what would change; see the module."""

    def __init__(self, config: AuditorConfig, subject: Subject, counts: Counts) -> None:
        self.config = config
        self.subject = subject
        self.counts = counts
        self.readings = run_facts.Readings()
        self.moves = Moves()
        self.waiting: list[ListingEntry | Product] = []
        self.sold_out: set[int] = set()
        self.listings: list[ListingReading] = []
        self.gone: list[GoneReading] = []
        self.compared = 0
        self.pages: set[str] = set()
        self.judging = False
        self.mass = False

    def note(self, item: Any) -> None:
        """Count an item of the run."""
        self.readings.note(item)

    def stored(self, written: Written) -> None:
        """Take notice of what a batch did."""
        self.listings += written.readings
        self.gone += written.gone
        self.compared += written.compared

    def defers(self, item: ListingEntry | Product, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Take an item that would change a known product; called in the store's thread."""
        if self.judging:
            return False
        self.moves.note(item, old, new)
        self.compared += 1
        if item.page is not None and not self._keeps(item, old, new):
            item.page = None
        if item.key in self.moves.sold_out:
            self.sold_out.add(id(item))
        self.waiting.append(item)
        return True

    def _keeps(self, item: ListingEntry | Product, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Return whether an item's page may have to be kept."""
        if item.page is None or item.page.url in self.pages:
            return item.page is not None
        moved = item.key in self.moves.prices and len(self.moves.prices) <= MOVED_PAGES
        doubtful = self._doubt(item, old, new) is not None and len(self.pages) < PAGES_MAX
        if moved or doubtful:
            self.pages.add(item.page.url)
        return moved or doubtful

    @property
    def full(self) -> bool:
        """Whether what waits should be judged now."""
        return len(self.waiting) >= WAITING_MAX

    def _doubt(
        self, item: ListingEntry | Product, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> tuple[str, set[str]] | None:
        """Return why a change is hard to believe by itself, and which fields that concerns."""
        if isinstance(item, Product) and (reason := identity_doubt(old, new)):
            return reason, set(new)
        factor, limit = price_factor(old, new), self.config.jump_factor
        if "currency" in new and old["currency"]:
            reason = f"The currency turned from {old['currency']} into {new['currency']}."
        elif factor is not None and not 1 / limit <= factor <= limit:
            reason = f"The price is {float(factor):.3g} times what it was."
        else:
            return None
        return reason, {name for name in PRICES if name in new}

    def doubts(self, item: ListingEntry | Product, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Doubt]:
        """Return what of a change is to be held, and why."""
        found: dict[str, Doubt] = {}
        source = item.price_source if isinstance(item, Product) else item.source
        if doubt := self._doubt(item, old, new):
            reason, fields = doubt
            found = {name: Doubt(reason, None, item.page, source if name in PRICES else "") for name in fields}
        if self.mass and item.key in self.moves.prices:
            reason = f"{len(self.moves.prices)} of {self.compared} prices moved in one run."
            found |= {name: Doubt(reason, self.subject.job_id, item.page, source) for name in PRICES if name in new}
        return found

    def conclude(self, connection: Connection, finish_reason: str) -> dict[str, Any]:
        """Judge the run and write, hold or drop what waits; return what the job's outcome says of it. Blocking."""
        now, vendor = datetime.now(UTC), self.subject.vendor
        held_changes.decide_groups(connection, vendor, now)
        before = vendor_health.get(connection, vendor)
        run = self._run(connection, finish_reason, before, now)
        verdict = judge(run)
        lasting = self._lasts(before, verdict, run)
        ill = before is not None and lasting and before.state in DISBELIEVED
        self.release(connection, verdict, run, ill=ill)
        if not verdict.disbelieved:
            for reading in self.listings:
                listings.record(connection, reading, now=now, misses=not ill)
            if self.gone and not (before is not None and before.state in DISBELIEVED):
                delisted.write(connection, vendor, self.gone)
        told = {"held": int(self.counts.get_value("store/held", 0))}
        if finish_reason not in JUDGED or not run.tried:
            return told
        if before is not None and lasting:
            verdict = Verdict(before.state, before.kind, before.reason)
        else:
            vendor_health.record(
                connection, vendor, state=verdict.state, kind=verdict.kind, reason=verdict.reason,
                job_id=self.subject.job_id, now=now,
            )  # fmt: skip
        if verdict.state != "healthy":
            logger.warning("%s is %s: %s", vendor, verdict.state, verdict.reason)
        shown = {"state": verdict.state, "kind": verdict.kind, "reason": verdict.reason}
        return {"facts": run.facts, "health": shown, **told}

    @staticmethod
    def _lasts(before: HealthRow | None, verdict: Verdict, run: Run) -> bool:
        """Return whether what was wrong before is so still: a run that could not see it, and found nothing worse."""
        if before is None or verdict.disbelieved or not still(before.kind, run):
            return False
        return verdict.state == "healthy" or before.state in DISBELIEVED

    def _run(self, connection: Connection, finish_reason: str, before: HealthRow | None, now: datetime) -> Run:
        accepted = before is not None and before.accepted_at is not None and before.accepted_at >= before.checked_at
        history = vendor_health.history(connection, self.subject.vendor, now)
        return Run(self._facts(connection, now), finish_reason, history, self.config.jump_factor, accepted)

    def judge_early(self, connection: Connection) -> None:
        """Write, hold or drop what waits in the middle of a run."""
        before = vendor_health.get(connection, self.subject.vendor)
        run = self._run(connection, "finished", before, datetime.now(UTC))
        verdict = judge(run)
        ill = before is not None and before.state in DISBELIEVED
        self.release(connection, verdict, run, ill=ill)

    def release(self, connection: Connection, verdict: Verdict, run: Run, *, ill: bool) -> None:
        """Write what waits as far as the verdict lets it; of a vendor that is ``ill`` nothing is sold out."""
        waiting, self.waiting = self.waiting, []
        sold_out, self.sold_out = self.sold_out, set()
        kept = [] if verdict.disbelieved else [item for item in waiting if not (ill and id(item) in sold_out)]
        self._inc("quarantine/dropped", len(waiting) - len(kept))
        self.mass = run.moved("price_moves", self.config.mass_share, even_if_accepted=True)
        self.judging = True
        try:
            written = store.write(connection, kept, job_id=self.subject.job_id, now=datetime.now(UTC), watch=self)
        finally:
            self.judging = False
        for name, number in written.counts().items():
            self._inc(f"store/{name}", number)

    def _facts(self, connection: Connection, now: datetime) -> dict[str, Any]:
        vendor = self.subject.vendor
        known = listings.entries_of(connection, vendor)
        complete = [reading for reading in self.listings if reading.complete]
        before = [(reading, known[reading.listing]) for reading in complete if reading.listing in known]
        since = vendor_health.measure_since(connection, vendor, now)
        return {
            **run_facts.of_stats(self.counts.get_stats().copy()),  # others go on counting
            **self.readings.as_facts(),
            **self.moves.as_facts(),
            "audit": self.subject.audit,
            "narrow": self.subject.narrow or len(complete) == 1,
            "compared": self.compared,
            "known_products": products.count(connection, vendor),
            "known_listings": listings.known(connection, vendor, since),
            "listings_read": len(complete),
            "listings_paged": sum(reading.pages > 1 for reading in complete),
            "listings_looped": sum(reading.looped for reading in complete),
            "listed_before": sum(count for _, count in before),
            "listed_now": sum(reading.entries for reading, _ in before),
            "contradicted": held_changes.contradicted(connection, vendor),
            "latency_seconds": self.subject.latency_seconds(),
        }

    def _inc(self, name: str, by: int) -> None:
        if by:
            self.counts.inc_value(name, by)
