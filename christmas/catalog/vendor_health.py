"""The vendors' health as it was last judged, and the facts of the runs it is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select, update

from christmas.db import dialects
from christmas.db.permissions import binds
from christmas.db.tables import jobs, vendor_health

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

# A vendor is compared with its last healthy runs; what lasts for longer than HISTORY_DAYS has become the usual.
HISTORY_RUNS = 10
HISTORY_DAYS = 30
# Runs that read nothing, or were not healthy, stand between them.
LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class HealthRow:
    """One vendor's health; ``state`` is healthy, degraded, broken, blocked or unreachable."""

    vendor: str
    state: str
    kind: str | None
    reason: str
    job_id: str
    since: datetime
    checked_at: datetime
    accepted_at: datetime | None


def get(connection: Connection, vendor: str) -> HealthRow | None:
    """Return a vendor's health; None where no run has shown it yet."""
    row = connection.execute(select(vendor_health).where(vendor_health.c.vendor == vendor)).first()
    return None if row is None else HealthRow(*row)


def find(connection: Connection, vendors: Sequence[str] | None = None) -> list[HealthRow]:
    """Return the health of all vendors, or of those that may be seen, by name."""
    query = select(vendor_health).order_by(vendor_health.c.vendor)
    if vendors is not None:
        query = query.where(vendor_health.c.vendor.in_(vendors))
    return [HealthRow(*row) for row in connection.execute(query)]


def measure_since(connection: Connection, vendor: str, now: datetime) -> datetime:
    """Return from when on a vendor's runs are a measure for others: 30 days ago, or when it was accepted as it is."""
    known = get(connection, vendor)
    since = now - timedelta(days=HISTORY_DAYS)
    return since if known is None or known.accepted_at is None else max(since, known.accepted_at)


def history(connection: Connection, vendor: str, now: datetime) -> list[dict[str, Any]]:
    """Return the facts of a vendor's last healthy runs, the newest first; those before it was accepted do not count."""
    since = measure_since(connection, vendor, now)
    query = (
        select(jobs.c.outcome)
        .where(jobs.c.vendor == vendor, jobs.c.queued_at >= since, jobs.c.state == "succeeded")
        .order_by(jobs.c.queued_at.desc())
        .limit(LOOKED_AT)
    )
    found: list[dict[str, Any]] = []
    read = {"products": 0, "entries": 0}
    for outcome in connection.scalars(query):
        facts = (outcome or {}).get("facts")
        if not facts or (outcome.get("health") or {}).get("state") != "healthy":
            continue
        # HISTORY_RUNS of each kind: a hundred runs of listings must not push the last one of products out.
        wanted = [kind for kind in read if facts.get(kind) and read[kind] < HISTORY_RUNS]
        if wanted:
            found.append(facts)
            for kind in wanted:
                read[kind] += 1
    return found


@binds("health", "write")
def record(
    connection: Connection, vendor: str, *, state: str, kind: str | None, reason: str, job_id: str, now: datetime
) -> None:
    """Write what a run has shown; ``since`` stays while state and kind do."""
    known = get(connection, vendor)
    same = known is not None and (known.state, known.kind) == (state, kind)
    values = {
        "state": state, "kind": kind, "reason": reason, "job_id": job_id, "checked_at": now,
        "since": known.since if known is not None and same else now,
    }  # fmt: skip
    statement = dialects.insert(connection, vendor_health).values(vendor=vendor, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["vendor"], set_=values))


@binds("health", "write")
def accept(connection: Connection, vendor: str, now: datetime) -> bool:
    """Take a vendor as it is now for the usual; False where nothing is known of it."""
    values = {"state": "healthy", "kind": None, "reason": "Accepted as it is.", "since": now, "accepted_at": now}
    return bool(
        connection.execute(update(vendor_health).where(vendor_health.c.vendor == vendor).values(values)).rowcount
    )
