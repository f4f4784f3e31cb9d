"""What is to be done when, and every firing of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, select, update

from christmas.db import dialects
from christmas.db.permissions import binds
from christmas.db.tables import firings, schedules

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """One schedule; exactly one of ``cron`` and ``every_seconds``. ``next_at`` is without the jitter."""

    name: str
    job: str
    arguments: dict[str, Any]
    cron: str | None
    every_seconds: int | None
    timezone: str
    jitter_seconds: int
    missed: str
    paused: bool
    origin: str
    next_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class FiringRow:
    """One firing; either a job or an error."""

    schedule: str
    due_at: datetime
    fired_at: datetime
    job_id: str | None
    error: str | None


def find(connection: Connection) -> list[ScheduleRow]:
    """Return all schedules, the next to fire first."""
    query = select(schedules).order_by(schedules.c.paused, schedules.c.next_at, schedules.c.name)
    return [ScheduleRow(*row) for row in connection.execute(query)]


def get(connection: Connection, name: str, *, locked: bool = False) -> ScheduleRow | None:
    """Return one schedule; None where there is none. ``locked`` keeps others from changing it meanwhile."""
    query = select(schedules).where(schedules.c.name == name)
    row = connection.execute(query.with_for_update() if locked else query).first()
    return None if row is None else ScheduleRow(*row)


@binds("schedules", "write")
def put(connection: Connection, row: ScheduleRow) -> None:
    """Write a schedule, in the place of one of the same name."""
    # Not an update and then an insert: two schedulers may start at the same moment.
    statement = dialects.insert(connection, schedules).values(asdict(row))
    connection.execute(statement.on_conflict_do_update(index_elements=[schedules.c.name], set_=asdict(row)))


@binds("schedules", "delete")
def remove(connection: Connection, name: str) -> bool:
    """Remove a schedule; its firings stay. False where there is none."""
    return bool(connection.execute(delete(schedules).where(schedules.c.name == name)).rowcount)


@binds("schedules", "write")
def fire(connection: Connection, name: str, due_at: datetime, now: datetime) -> bool:
    """Record a firing; False where another scheduler has done it."""
    row = {"schedule": name, "due_at": due_at, "fired_at": now}
    # Not by rowcount, which psycopg does not give for an insert.
    statement = dialects.insert(connection, firings).values(row).on_conflict_do_nothing().returning(firings.c.schedule)
    return connection.execute(statement).first() is not None


@binds("schedules", "write")
def fired(connection: Connection, name: str, due_at: datetime, *, job_id: str | None, error: str | None) -> None:
    """Record what a firing led to."""
    this = (firings.c.schedule == name) & (firings.c.due_at == due_at)
    connection.execute(update(firings).where(this).values(job_id=job_id, error=error))


def history(
    connection: Connection, name: str | None = None, limit: int = 50, before: datetime | None = None
) -> list[FiringRow]:
    """Return the newest firings, the newest first; of one schedule, only those due ``before``, for a further page."""
    query = select(firings).order_by(firings.c.due_at.desc(), firings.c.schedule).limit(limit)
    query = query if name is None else query.where(firings.c.schedule == name)
    query = query if before is None else query.where(firings.c.due_at < before)
    return [FiringRow(*row) for row in connection.execute(query)]


@binds("schedules", "delete")
def prune(connection: Connection, before: datetime) -> int:
    """Remove firings that were due before; gives how many."""
    return connection.execute(delete(firings).where(firings.c.due_at < before)).rowcount
