"""Changing schedules: from the configuration at the start, and by people."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from christmas.config.sections import ScheduleConfig
from christmas.errors import ArgumentError
from christmas.jobs import schedules
from christmas.jobs.definitions import registry
from christmas.jobs.schedules import ScheduleRow
from christmas.jobs.triggers import next_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection


def sync(connection: Connection, configured: Mapping[str, ScheduleConfig], now: datetime) -> None:
    """Make the stored schedules those of the configuration, but for what people have added or changed."""
    stored = {row.name: row for row in schedules.find(connection)}
    for name, one in configured.items():
        known = stored.pop(name, None)
        if known is not None and known.origin == "user":
            continue
        fresh = _row(name, one, now)
        same = known is not None and replace(fresh, next_at=known.next_at, changed_at=known.changed_at) == known
        if not same:
            schedules.put(connection, fresh)
    for name, row in stored.items():
        if row.origin == "configuration":
            schedules.remove(connection, name)


def begin(connection: Connection, configured: Mapping[str, ScheduleConfig], now: datetime) -> None:
    """Take the configured schedules where no scheduler has ever done so; afterwards only a scheduler's start does."""
    if not schedules.find(connection):
        sync(connection, configured, now)


def planned(connection: Connection, configured: Mapping[str, ScheduleConfig], now: datetime) -> list[ScheduleRow]:
    """Return the schedules, the next to fire first and those paused last; the configured where none were ever taken."""
    rows = schedules.find(connection) or [_row(name, one, now) for name, one in configured.items()]
    return sorted(rows, key=lambda row: (row.paused, row.next_at, row.name))


def add(connection: Connection, name: str, one: ScheduleConfig, now: datetime) -> ScheduleRow:
    """Add a schedule; raises ArgumentError where there is one of that name, or its job or trigger is wrong."""
    if schedules.get(connection, name) is not None:
        raise ArgumentError(f"There is a schedule {name!r} already: change or remove it.")
    row = replace(_row(name, one, now), origin="user")
    schedules.put(connection, row)
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
    schedules.put(connection, changed)
    return changed


def wanted(**values: Any) -> ScheduleConfig:
    """Return what a schedule is to be; raises ArgumentError naming what is wrong."""
    try:
        return ScheduleConfig(**values)
    except ValidationError as error:
        told = (" ".join([*map(str, one["loc"]), one["msg"].removeprefix("Value error, ")]) for one in error.errors())
        raise ArgumentError(f"The schedule is not accepted: {'; '.join(told)}.") from error


def existing(connection: Connection, name: str) -> ScheduleRow:
    """Return a schedule; raises ArgumentError with the list of those there are."""
    row = schedules.get(connection, name, locked=True)
    if row is None:
        names = ", ".join(one.name for one in schedules.find(connection)) or "none"
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
