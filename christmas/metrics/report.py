"""What was measured, as rows of numbers and as points of a chart: for the command, the API and the pages."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from christmas import valkey
from christmas.config.durations import duration
from christmas.errors import ArgumentError, RedisUnavailable
from christmas.metrics import gauges, store
from christmas.metrics.histogram import quantile

if TYPE_CHECKING:
    from collections.abc import Collection

    from christmas.config import Config
    from christmas.metrics.store import Series

STEPS = 24
DAYS_MAX = 90
SHARES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Report:
    """The series of each vendor that has any, and the used and all slots of each node; the window is aware."""

    series: list[Series]
    slots: dict[str, tuple[int, int]]
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Point:
    """One step of a chart; milliseconds are None where nothing was measured."""

    at: datetime
    count: int
    p50_ms: float | None
    p95_ms: float | None


def window(text: str, given_as: str = "since") -> timedelta:
    """Read how far back: 30m, 12h, 7d, at most 90 days; raise ArgumentError."""
    found = duration(text)
    if found is None or found > timedelta(days=DAYS_MAX):
        raise ArgumentError(f"{given_as} {text!r} is not accepted: give 30m, 12h or 7d, at most {DAYS_MAX}d.")
    return found


def read(config: Config, back: timedelta, vendors: Collection[str] | None = None, steps: int = STEPS) -> Report:
    """Return what was measured so far back until now, of all vendors or of these; raise RedisUnavailable."""
    from redis import RedisError

    until = time.time()
    since = until - back.total_seconds()
    client = valkey.connect(config)
    try:
        names = [name for name in store.vendors(client) if vendors is None or name in vendors]
        found = [store.read(client, name, since, until, steps) for name in names]
        slots = gauges.slots(client, datetime.now(UTC))
    except RedisError as error:
        raise RedisUnavailable(f"Redis has stopped answering: {error}.") from error
    finally:
        client.close()
    measured = [series for series in found if series.counts or series.histograms]
    return Report(measured, slots, datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC))


def rows(series: Series) -> list[dict[str, Any]]:
    """Return vendor, metric, count, p50_ms, p95_ms and p99_ms; counts have no percentiles."""
    return [*durations(series), *counts(series)]


def durations(series: Series) -> list[dict[str, Any]]:
    """Return the rows of what takes time."""
    return [
        {
            "vendor": series.vendor,
            "metric": metric,
            "count": sum(counted.values()),
            **{f"p{share}_ms": milliseconds(series.quantile(metric, share / 100)) for share in SHARES},
        }
        for metric, counted in sorted(series.histograms.items())
    ]


def counts(series: Series) -> list[dict[str, Any]]:
    """Return the rows of what is counted, and what a refreshed product has cost in requests."""
    found: dict[str, float] = {name.replace("|", "."): count for name, count in sorted(series.counts.items())}
    refreshed = series.counts.get("refreshed", 0)
    for page in ("listing", "product"):
        asked = series.counts.get(f"requests_by_page|{page}", 0)
        if refreshed:
            found[f"requests_per_refreshed.{page}"] = round(asked / refreshed, 4)
    nothing = dict.fromkeys(f"p{share}_ms" for share in SHARES)
    return [{"vendor": series.vendor, "metric": name, "count": count} | nothing for name, count in found.items()]


def chart(report: Report, series: Series | None, metric: str, steps: int = STEPS) -> list[Point]:
    """Return a metric's points over the report's window, the oldest first; ``steps`` is what it was read with."""
    width = (report.until - report.since) / steps
    measured = (series.steps.get(metric) if series is not None else None) or [{} for _ in range(steps)]
    return [
        Point(
            report.since + number * width, sum(counted.values()),
            milliseconds(quantile(counted, 0.5)), milliseconds(quantile(counted, 0.95)),
        )
        for number, counted in enumerate(measured)
    ]  # fmt: skip


def milliseconds(seconds: float | None) -> float | None:
    """Return seconds in milliseconds, to a hundredth; None stays None."""
    return None if seconds is None else round(seconds * 1000, 2)
