"""When a schedule is due, with APScheduler's triggers; the same for every scheduler that computes it."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from christmas.errors import ArgumentError

if TYPE_CHECKING:
    from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# No clock on a wall is put forward or back by more.
_CHANGE = timedelta(hours=3)


class Timed(Protocol):
    """What a trigger is made of: a configured schedule or a stored one."""

    @property
    def cron(self) -> str | None: ...  # noqa: D102
    @property
    def every_seconds(self) -> int | None: ...  # noqa: D102
    @property
    def timezone(self) -> str: ...  # noqa: D102


def in_words(schedule: Timed) -> str:
    """Write when a schedule is due: ``every 15 minutes``, or the cron line with its time zone."""
    if not schedule.every_seconds:
        return f"{schedule.cron} ({schedule.timezone})"
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if schedule.every_seconds % size == 0:
            number = schedule.every_seconds // size
            return f"every {word}" if number == 1 else f"every {number} {word}s"
    raise ValueError(schedule.every_seconds)


def next_time(schedule: Timed, after: datetime) -> datetime:
    """Return the first due time behind ``after``; raise ArgumentError for a wrong cron line or time zone.

    Where the clocks are put back, a time that comes twice is due once, unless the cron line says every hour. Where
    they are put forward, one that is skipped is due by so much later.
    """
    zone = _zone(schedule.timezone)
    if schedule.every_seconds is not None:
        # Counted from 1970, not from the start of a scheduler: all of them agree.
        period = timedelta(seconds=schedule.every_seconds)
        return _EPOCH + ((after - _EPOCH) // period + 1) * period
    line = schedule.cron or ""
    at = _next(_cron(line), after, zone, hourly=line.split()[1].startswith("*"))
    if at is None:
        raise ArgumentError(f"cron={line!r} is never due.")
    return at


def _next(trigger: Any, after: datetime, zone: ZoneInfo, *, hourly: bool) -> datetime | None:
    """Go through the times that the clock on the wall shows; APScheduler misses days when that clock is changed."""
    offsets = {(after + near).astimezone(zone).utcoffset() for near in (-_CHANGE, timedelta(), _CHANGE)}
    around = _CHANGE if len(offsets) > 1 else timedelta()
    wall = _wall(after, zone) - around
    found: datetime | None = None
    while found is None or wall < _wall(found, zone) + around:
        wall = trigger.get_next_fire_time(None, wall + timedelta(microseconds=1))
        if wall is None:
            break
        for fold in (0, 1) if hourly else (0,):
            at = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
            is_shown = not hourly or _wall(at, zone) == wall
            if is_shown and at > after and (found is None or at < found):
                found = at
    return found


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=UTC, fold=0)


def jitter(name: str, due_at: datetime, jitter_seconds: int) -> timedelta:
    """Return how much later a firing is, at random but the same for every scheduler."""
    digest = hashlib.sha256(f"{name} {due_at.isoformat()}".encode()).digest()
    return timedelta(seconds=jitter_seconds * int.from_bytes(digest[:4]) / 2**32)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ArgumentError(f"timezone={name!r} is not known: give an IANA name such as Europe/Berlin.") from error


def _cron(line: str) -> Any:
    from apscheduler.triggers.cron import CronTrigger

    try:
        trigger = CronTrigger.from_crontab(line, timezone=UTC)
    except ValueError as error:
        raise _refusal(line, str(error)) from error
    if re.search(r"(?<![/\d])\d", line.split()[4]):
        raise _refusal(line, "weekdays have names here: cron counts them from Sunday, others from Monday")
    return trigger


def _refusal(line: str, why: str) -> ArgumentError:
    return ArgumentError(
        f"cron={line!r} is not accepted ({why}): give minute, hour, day, month and weekday, such as '30 3 * * *' or "
        "'0 9 * * mon-fri'."
    )
