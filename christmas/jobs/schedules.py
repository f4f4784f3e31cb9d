"""What is to be done when, every firing of it, and how schedules are changed: by the configuration and by people."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from sqlalchemy import Connection, delete, select, update

from christmas.config.sections import ScheduleConfig
from christmas.db import dialects
from christmas.db.permissions import binds
from christmas.db.tables import firings, schedules
from christmas.errors import ArgumentError
from christmas.jobs.definitions import registry
from christmas.jobs.triggers import next_time

if TYPE_CHECKING:
    from collections.abc import Mapping
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
    """Remove firings that were due before; return how many."""
    return connection.execute(delete(firings).where(firings.c.due_at < before)).rowcount


def sync(connection: Connection, configured: Mapping[str, ScheduleConfig], now: datetime) -> None:
    """Make the stored schedules those of the configuration, but for what people have added or changed."""
    stored = {row.name: row for row in find(connection)}
    for name, one in configured.items():
        known = stored.pop(name, None)
        if known is not None and known.origin == "user":
            continue
        fresh = _row(name, one, now)
        same = known is not None and replace(fresh, next_at=known.next_at, changed_at=known.changed_at) == known
        if not same:
            put(connection, fresh)
    for name, row in stored.items():
        if row.origin == "configuration":
            remove(connection, name)


def begin(connection: Connection, configured: Mapping[str, ScheduleConfig], now: datetime) -> None:
    """Take the configured schedules where no scheduler has ever done so; afterwards only a scheduler's start does."""
    if not find(connection):
        sync(connection, configured, now)


def planned(connection: Connection, configured: Mapping[str, ScheduleConfig], now: datetime) -> list[ScheduleRow]:
    """Return the schedules, the next to fire first and those paused last; the configured where none were ever taken."""
    rows = find(connection) or [_row(name, one, now) for name, one in configured.items()]
    return sorted(rows, key=lambda row: (row.paused, row.next_at, row.name))


def add(connection: Connection, name: str, one: ScheduleConfig, now: datetime) -> ScheduleRow:
    """Add a schedule; raise ArgumentError where there is one of that name, or its job or trigger is wrong."""
    if get(connection, name) is not None:
        raise ArgumentError(f"There is a schedule {name!r} already: change or remove it.")
    row = replace(_row(name, one, now), origin="user")
    put(connection, row)
    return row


def change(connection: Connection, name: str, now: datetime, **values: Any) -> ScheduleRow:
    """Change a schedule's fields; from then on the configuration does not touch it."""
    row = existing(connection, name)
    if values.get("cron") is not None:
        values["every_seconds"] = None
    elif values.get("every_seconds") is not None:
        values["cron"] = None
    changed = replace(row, **values, origin="user", changed_at=now)
    one = wanted(**{field: getattr(changed, field) for field in ScheduleConfig.model_fields})
    registry.make(one.job, one.arguments)
    # One that was paused does not make up for the pause.
    changed = replace(changed, next_at=next_time(one, now))
    put(connection, changed)
    return changed


def wanted(**values: Any) -> ScheduleConfig:
    """Return what a schedule is to be; raise ArgumentError naming what is wrong."""
    try:
        return ScheduleConfig(**values)
    except ValidationError as error:
        problems = (
            " ".join([*map(str, one["loc"]), one["msg"].removeprefix("Value error, ")]) for one in error.errors()
        )
        raise ArgumentError(f"The schedule is not accepted: {'; '.join(problems)}.") from error


def existing(connection: Connection, name: str) -> ScheduleRow:
    """Return a schedule; raise ArgumentError with the list of those there are."""
    row = get(connection, name, locked=True)
    if row is None:
        names = ", ".join(one.name for one in find(connection)) or "none"
        raise ArgumentError(f"There is no schedule {name!r}; there are {names}.")
    return row


def _row(name: str, one: ScheduleConfig, now: datetime) -> ScheduleRow:
    registry.make(one.job, one.arguments)
    return ScheduleRow(
        name=name,
        **one.model_dump(),
        origin="configuration",
        next_at=next_time(one, now),
        changed_at=now,
    )
