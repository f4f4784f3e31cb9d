"""Durations of jobs, taken from the table that has them anyway: each ended job once, whichever node looks.

The cursor is written in one transaction with the durations, and watched: of two nodes that look at once, one gives up.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from christmas.db import database
from christmas.jobs import records
from christmas.metrics import store
from christmas.metrics.recorder import Recorder

if TYPE_CHECKING:
    from redis import Redis
    from sqlalchemy import Engine

    from christmas.jobs.records import JobRow

CURSOR = f"{store.PREFIX}:jobs:cursor"
# A transaction that ends a job may wait for the database's lock, and is visible after it; clocks differ a little, too.
SETTLED = timedelta(seconds=database.BUSY_SECONDS + 5)
AT_ONCE = 1000
# Of a root that runs no process, and of all vendors.
NO_VENDOR = "-"


def collect(engine: Engine, client: Redis, now: datetime | None = None) -> int:
    """Write the durations of jobs that have ended since the last look; return how many. Raise RedisError."""
    from redis import WatchError

    until = (now or datetime.now(UTC)) - SETTLED
    pipe: Any
    with client.pipeline(transaction=True) as pipe:
        pipe.watch(CURSOR)
        since = _since(pipe.get(CURSOR), until)
        with database.read(engine) as connection:
            ended, reached = records.ended(connection, since, until, limit=AT_ONCE)
            children = {job.id: records.children(connection, job.id) for job in ended if job.consumer is None}
        pipe.multi()
        for vendor in {job.vendor or NO_VENDOR for job in ended}:
            mine = [job for job in ended if (job.vendor or NO_VENDOR) == vendor]
            store.queue(pipe, vendor, _durations(mine, children))
        pipe.set(CURSOR, reached.isoformat())
        try:
            pipe.execute()
        except WatchError:
            return 0  # another node was faster
    return len(ended)


def _since(cursor: bytes | None, until: datetime) -> datetime:
    """Begin where the last look ended; the first one does not count what was before it."""
    return datetime.fromisoformat(cursor.decode()) if cursor else until


def _durations(ended: list[JobRow], children: dict[str, Any]) -> dict[int, dict[str, int]]:
    moment = 0.0
    recorder = Recorder(lambda: moment)
    for job in ended:
        if job.finished_at is None:
            continue
        moment = job.finished_at.timestamp()
        recorder.add(f"jobs|{job.state}")
        if job.started_at is None:
            continue
        recorder.observe("run_duration", (job.finished_at - job.started_at).total_seconds())
        if job.consumer is not None:
            recorder.observe("queue_wait", (job.started_at - job.queued_at).total_seconds())
        for child in children.get(job.id, []):
            if child.completed_at is not None:
                recorder.observe("child_completion", (child.completed_at - job.started_at).total_seconds())
    return recorder.take()
