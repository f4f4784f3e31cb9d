"""What stands in the database at this moment: the queue, held changes, the vendors' health."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from christmas.catalog import database, health, held, jobs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from christmas.catalog.health import HealthRow


@dataclass(frozen=True, slots=True)
class Gauges:
    """``queued`` and ``running`` by consumer; ``oldest_seconds`` is how long the first job in the queue has waited."""

    queued: dict[str, int]
    running: dict[str, int]
    oldest_seconds: float
    held: dict[str, int]
    health: list[HealthRow]


def read(engine: Engine, now: datetime, vendors: Sequence[str] | None = None) -> Gauges:
    """Give what there is, of all vendors or of those that may be seen; raises DatabaseUnavailable."""
    with database.read(engine) as connection:
        queued, oldest = jobs.queue_depth(connection, "queued", vendors)
        running, _ = jobs.queue_depth(connection, "running", vendors)
        waiting = held.count(connection)
        states = health.find(connection, vendors)
    seen = {vendor: count for vendor, count in waiting.items() if vendors is None or vendor in vendors}
    age = max((now - oldest).total_seconds(), 0.0) if oldest else 0.0
    return Gauges(queued, running, age, seen, states)
