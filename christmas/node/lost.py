"""Finding runs that have died: seen unchanged for a whole lease by this node's own monotonic clock, or surely dead.

No two machines' clocks are compared, and none may jump: a heartbeat counts as old because it did not change.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from christmas.jobs import process_id, queue

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from christmas.jobs.records import JobRow


class Watch:
    """Remembers when each run's heartbeat was first seen as it is."""

    def __init__(self, lease_seconds: float) -> None:
        self.lease_seconds = lease_seconds
        self.seen: dict[str, tuple[object, float]] = {}

    def dead(self, runs: list[JobRow], now: float | None = None) -> list[JobRow]:
        """Return the runs that are not alive; ``now`` is the monotonic clock."""
        now = time.monotonic() if now is None else now
        before, self.seen = self.seen, {}
        found = []
        for job in runs:
            beat = (job.attempt, job.heartbeat_at)
            known = before.get(job.id)
            since = known[1] if known is not None and known[0] == beat else now
            self.seen[job.id] = (beat, since)
            if now - since > self.lease_seconds or process_id.is_dead(job.process):
                found.append(job)
        return found

    def take_over(self, connection: Connection, runs: list[JobRow]) -> list[tuple[JobRow, str]]:
        """Put the dead runs' jobs back into the queue, or end them; gives each with a sentence."""
        said = []
        for job in self.dead(runs):
            error = f"Attempt {job.attempt} on {job.node} died without a report."
            state = queue.requeue(connection, job, error, datetime.now(UTC))
            if state is not None:
                said.append((job, f"Job {job.id}: {error} It is {state}."))
        return said
