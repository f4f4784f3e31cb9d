"""The time series in Redis.

Of each vendor one hash a minute, which expires after two days, one an hour, which expires after 90 days, and one of
totals. A flush adds to all three in one transaction, so that processes and nodes need no other to roll up for them:
windows within the last two days are read from the minutes, older ones from the hours. At 40 requests a minute without
a pause that is 8.2 MB a vendor (measured 2026-11 with Valkey 9); labels and buckets are closed sets, so it does not
grow, and a test holds the bound of 12 MB.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from christmas.metrics.histogram import quantile
from christmas.metrics.names import HISTOGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from redis import Redis

PREFIX = "christmas:metrics"
VENDORS = f"{PREFIX}:vendors"
MINUTE_SECONDS, HOUR_SECONDS, DAY_SECONDS = 60, 3600, 86_400
MINUTES_KEPT_SECONDS = 2 * DAY_SECONDS
HOURS_KEPT_SECONDS = 90 * DAY_SECONDS
# Hashes are asked for in batches.
BATCH = 500


def minute_name(vendor: str, minute: int) -> str:
    """Return the name of a minute's hash; ``minute`` counts from 1970."""
    return f"{PREFIX}:minute:{vendor}:{minute}"


def hour_name(vendor: str, hour: int) -> str:
    """Return the name of an hour's hash."""
    return f"{PREFIX}:hour:{vendor}:{hour}"


def total_name(vendor: str) -> str:
    """Return the name of a vendor's totals."""
    return f"{PREFIX}:total:{vendor}"


def write(client: Redis, vendor: str, minutes: Mapping[int, Mapping[str, int]]) -> None:
    """Add counts to a vendor's series, all or nothing; raise RedisError."""
    if not minutes:
        return
    with client.pipeline(transaction=True) as pipe:
        queue(pipe, vendor, minutes)
        pipe.execute()


def queue(pipe: Any, vendor: str, minutes: Mapping[int, Mapping[str, int]]) -> None:
    """Add the same to a transaction of the caller's."""
    pipe.sadd(VENDORS, vendor)
    for minute, counts in minutes.items():
        by_minute, by_hour = minute_name(vendor, minute), hour_name(vendor, minute // 60)
        for name, count in counts.items():
            for key in (by_minute, by_hour, total_name(vendor)):
                pipe.hincrby(key, name, count)
        # Each counts from its own time, not from when it was written.
        pipe.expireat(by_minute, minute * MINUTE_SECONDS + MINUTES_KEPT_SECONDS + HOUR_SECONDS)
        pipe.expireat(by_hour, (minute // 60) * HOUR_SECONDS + HOURS_KEPT_SECONDS + DAY_SECONDS)


@dataclass
class Series:
    """One vendor's counts and histograms over a window, and the same in steps of time for a sparkline."""

    vendor: str
    counts: dict[str, int] = field(default_factory=dict)
    histograms: dict[str, dict[int, int]] = field(default_factory=dict)
    steps: dict[str, list[dict[int, int]]] = field(default_factory=dict)

    def quantile(self, metric: str, share: float) -> float | None:
        """Return a quantile in seconds; None where nothing was measured."""
        return quantile(self.histograms.get(metric, {}), share)

    def add(self, values: Mapping[str, int], step: int = 0, steps: int = 1) -> None:
        """Add one hash of Redis, which belongs to a step of ``steps``."""
        for name, count in values.items():
            metric, _, rest = name.partition("|")
            if metric not in HISTOGRAMS:
                self.counts[name] = self.counts.get(name, 0) + count
                continue
            parts = self.steps.setdefault(metric, [{} for _ in range(steps)])
            for counts in (self.histograms.setdefault(metric, {}), parts[step]):
                counts[int(rest)] = counts.get(int(rest), 0) + count


def vendors(client: Redis) -> list[str]:
    """Return the vendors of which anything was measured, by name."""
    names: Any = client.smembers(VENDORS)
    return sorted(name.decode() for name in names)


def read(client: Redis, vendor: str, since: float, until: float, steps: int = 1) -> Series:
    """Return what was measured from ``since`` to ``until`` (Unix time) in equal ``steps``; raise RedisError.

    Minutes at the edges count as a whole; a window that begins before the last two days is read in hours.
    """
    series = Series(vendor)
    width = max(until - since, 1.0) / steps
    recent = since >= time.time() - MINUTES_KEPT_SECONDS
    unit = MINUTE_SECONDS if recent else HOUR_SECONDS
    name = minute_name if recent else hour_name
    numbers = range(int(since // unit), int(until // unit) + 1)
    for number, values in zip(numbers, _hashes(client, [name(vendor, number) for number in numbers]), strict=True):
        step = int((number * unit - since) // width)
        series.add(values, min(max(step, 0), steps - 1), steps)
    return series


def totals(client: Redis, names: Sequence[str]) -> list[Series]:
    """Return everything that was ever measured of these vendors; raise RedisError."""
    found = [Series(name) for name in names]
    for series, values in zip(found, _hashes(client, [total_name(name) for name in names]), strict=True):
        series.add(values)
    return found


def _hashes(client: Redis, names: Iterable[str]) -> Iterator[dict[str, int]]:
    waiting = list(names)
    while waiting:
        batch, waiting = waiting[:BATCH], waiting[BATCH:]
        with client.pipeline(transaction=False) as pipe:
            for name in batch:
                pipe.hgetall(name)
            answers = pipe.execute()
        for answer in answers:
            yield {key.decode(): int(value) for key, value in answer.items()}
