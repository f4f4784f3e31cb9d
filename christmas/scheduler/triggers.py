"""When a schedule is due, with APScheduler's triggers; the same for every scheduler that computes it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from christmas.errors import ArgumentError

if TYPE_CHECKING:
    from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Timed(Protocol):
    """What a trigger is made of: a configured schedule or a stored one."""

    @property
    def cron(self) -> str | None: ...  # noqa: D102
    @property
    def every_seconds(self) -> int | None: ...  # noqa: D102
    @property
    def timezone(self) -> str: ...  # noqa: D102


def next_time(schedule: Timed, after: datetime) -> datetime:
    """Give the first due time behind ``after``; raises ArgumentError for a wrong cron line or time zone."""
    if schedule.every_seconds is not None:
        # Counted from 1970, not from the start of a scheduler: all of them agree.
        period = timedelta(seconds=schedule.every_seconds)
        return _EPOCH + ((after - _EPOCH) // period + 1) * period
    found: datetime | None = _cron(schedule).get_next_fire_time(after, after + timedelta(microseconds=1))
    if found is None:
        raise ArgumentError(f"cron={schedule.cron!r} is never due.")
    return found.astimezone(UTC)


def jitter(name: str, due_at: datetime, jitter_seconds: int) -> timedelta:
    """Give how much later a firing is, at random but the same for every scheduler."""
    digest = hashlib.sha256(f"{name} {due_at.isoformat()}".encode()).digest()
    return timedelta(seconds=jitter_seconds * int.from_bytes(digest[:4]) / 2**32)


def _cron(schedule: Timed) -> Any:
    from apscheduler.triggers.cron import CronTrigger

    try:
        zone = ZoneInfo(schedule.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ArgumentError(
            f"timezone={schedule.timezone!r} is not known: give an IANA name such as Europe/Berlin."
        ) from error
    try:
        return CronTrigger.from_crontab(schedule.cron, timezone=zone)
    except ValueError as error:
        raise ArgumentError(
            f"cron={schedule.cron!r} is not accepted ({error}): give minute, hour, day, month and weekday, such as "
            "'30 3 * * *' or '0 9 * * mon-fri'."
        ) from error
