"""One tick: whatever is due is fired, by whichever scheduler is first."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from christmas.db import database
from christmas.errors import ChristmasError, DatabaseUnavailable
from christmas.jobs import schedules, submission
from christmas.jobs.triggers import jitter, next_time
from christmas.logs.lines import about

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from christmas.config import Config
    from christmas.jobs.schedules import ScheduleRow
    from christmas.jobs.submission import Plan

logger = logging.getLogger(__name__)

# A firing is missed when it comes later than this.
GRACE = timedelta(seconds=60)
# The most firings that are made up for after no scheduler ran.
MISSED_MAX = 100
SUBMITTER = "scheduler"


def tick(engine: Engine, config: Config, now: datetime) -> int:
    """Fire what is due; return how many jobs were submitted. Raise DatabaseUnavailable."""
    with database.read(engine) as connection:
        rows = schedules.find(connection)
    submitted = 0
    for row in rows:
        try:
            submitted += _tend(engine, row, config, now)
        except DatabaseUnavailable:
            raise
        except Exception:  # one schedule's trouble must not keep the others from firing
            logger.exception("Schedule %s", row.name)
    return submitted


def _tend(engine: Engine, row: ScheduleRow, config: Config, now: datetime) -> int:
    if _is_lost(row, now):
        with database.begin(engine) as connection:
            _find_again(connection, row.name, now)
    if not _is_due(row, now):
        return 0
    chosen: Plan | ChristmasError
    try:
        # A root of its own each time: the last one may wait for its slowest vendor, while the others are due again.
        chosen = submission.plan(engine, row.job, row.arguments, config=config, submitted_by=SUBMITTER, always_new=True)
    except DatabaseUnavailable:
        raise
    except ChristmasError as refusal:  # recorded below; the schedule goes on
        chosen = refusal
    with database.begin(engine) as connection:
        return _fire(connection, row, chosen, now)


def _is_due(row: ScheduleRow, now: datetime) -> bool:
    return not row.paused and row.next_at + jitter(row.name, row.next_at, row.jitter_seconds) <= now


def _is_lost(row: ScheduleRow, now: datetime) -> bool:
    """Return whether the next due time is not the one after now but a later one: the clock was ahead, and went back."""
    return row.next_at > next_time(row, next_time(row, now))


def _find_again(connection: Connection, name: str, now: datetime) -> None:
    row = schedules.get(connection, name, locked=True)
    if row is not None and _is_lost(row, now):
        logger.warning("Schedule %s was due at %s: the clock has gone back", name, row.next_at)
        schedules.put(connection, replace(row, next_at=next_time(row, now)))


def _fire(connection: Connection, seen: ScheduleRow, chosen: Plan | ChristmasError, now: datetime) -> int:
    row = schedules.get(connection, seen.name, locked=True)
    if row is None or not _is_due(row, now) or (row.job, row.arguments) != (seen.job, seen.arguments):
        return 0  # another scheduler was faster, or somebody changed it
    due, following = _due_times(row, now)
    schedules.put(connection, replace(row, next_at=following))
    return sum(_submit(connection, row, at, chosen, now) for at in due)


def _due_times(row: ScheduleRow, now: datetime) -> tuple[list[datetime], datetime]:
    """Return the due times to be fired now, and the next one."""
    passed, at = _passed(row, now)
    if row.missed == "skip":
        late = GRACE + timedelta(seconds=row.jitter_seconds)
        passed = [one for one in passed if now - one <= late]
    return (passed if row.missed == "all" else passed[-1:]), at


def _passed(row: ScheduleRow, now: datetime) -> tuple[list[datetime], datetime]:
    """Return the last due times that have passed, and the next one; a year of seconds is not counted through."""
    window = timedelta(minutes=1)
    while True:
        # What is due in front of the window has passed whatever its jitter.
        begin = now - window - timedelta(seconds=row.jitter_seconds)
        at = row.next_at if row.next_at >= begin else next_time(row, begin)
        whole, passed = at == row.next_at, []
        while at + jitter(row.name, at, row.jitter_seconds) <= now:
            passed.append(at)
            at = next_time(row, at)
        if whole or len(passed) >= MISSED_MAX:
            return passed[-MISSED_MAX:], at
        window *= 2


def _submit(
    connection: Connection, row: ScheduleRow, due_at: datetime, chosen: Plan | ChristmasError, now: datetime
) -> int:
    if not schedules.fire(connection, row.name, due_at, now):
        return 0
    if isinstance(chosen, ChristmasError):
        logger.error("Schedule %s: %s", row.name, chosen)
        schedules.fired(connection, row.name, due_at, job_id=None, error=str(chosen))
        return 0
    job = submission.add(connection, chosen)
    schedules.fired(connection, row.name, due_at, job_id=job.id, error=None)
    due = f"{due_at:%Y-%m-%d %H:%M:%S}"
    logger.info("Schedule %s, due %s: job %s", row.name, due, job.id, extra=about(job))
    return 1
