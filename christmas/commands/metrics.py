"""``christmas metrics``: what was measured, as a table with sparklines or as JSON."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from christmas import config as configuration
from christmas.commands.common import TableOrJson, console, duration, engine, show
from christmas.errors import ArgumentError

if TYPE_CHECKING:
    from christmas.metrics.gauges import Gauges
    from christmas.metrics.store import Series

BARS = "▁▂▃▄▅▆▇█"
STEPS = 24
DAYS_MAX = 90


def metrics(
    vendor: Annotated[str | None, typer.Option(help="Only this vendor.")] = None,
    since: Annotated[str, typer.Option(help="How far back: 30m, 1h, 7d; at most 90d.")] = "1h",
    output: TableOrJson = "table",
) -> None:
    """Show latency, time to first byte, durations, counts, the queue and what is held.

    JSON is a list of vendor, metric, count, p50_ms, p95_ms, p99_ms; counts have no percentiles.
    """
    window = duration(since)
    if window is None or window > timedelta(days=DAYS_MAX):
        raise ArgumentError(f"--since {since!r} is not accepted: give 30m, 12h or 7d, at most {DAYS_MAX}d.")
    found, slots = _read(vendor, window.total_seconds())
    if output == "json":
        show((), [row for series in found for row in (*_durations(series), *_counts(series))], output)
        return
    from christmas.metrics import gauges

    if not found:
        who = f"of {vendor} " if vendor else ""
        typer.echo(f"Nothing {who}was measured within {since}; `christmas up` or `scrapy crawl` measures.")
    else:
        _print(found)
    _print_gauges(gauges.read(engine(), datetime.now(UTC), [vendor] if vendor else None), slots)


def _read(vendor: str | None, seconds: float) -> tuple[list[Series], dict[str, tuple[int, int]]]:
    """Give the vendors' series, and the used and all slots of the nodes."""
    from redis import RedisError

    from christmas import embedded
    from christmas.errors import RedisUnavailable
    from christmas.metrics import gauges, store

    until = time.time()
    client = embedded.connect(configuration.current())
    try:
        names = [name for name in store.vendors(client) if vendor in {None, name}]
        found = [store.read(client, name, until - seconds, until, STEPS) for name in names]
        slots = gauges.slots(client, datetime.now(UTC))
    except RedisError as error:
        raise RedisUnavailable(f"Redis has stopped answering: {error}.") from error
    finally:
        client.close()
    return [series for series in found if series.counts or series.histograms], slots


def _durations(series: Series) -> list[dict[str, Any]]:
    return [
        {
            "vendor": series.vendor,
            "metric": metric,
            "count": sum(counts.values()),
            **{f"p{share}_ms": _milliseconds(series.quantile(metric, share / 100)) for share in (50, 95, 99)},
        }
        for metric, counts in sorted(series.histograms.items())
    ]


def _counts(series: Series) -> list[dict[str, Any]]:
    """Give the counts, and what a refreshed product has cost in requests."""
    counts: dict[str, float] = {name.replace("|", "."): count for name, count in sorted(series.counts.items())}
    refreshed = series.counts.get("refreshed", 0)
    for page in ("listing", "product"):
        asked = series.counts.get(f"requests_by_page|{page}", 0)
        if refreshed:
            counts[f"requests_per_refreshed.{page}"] = round(asked / refreshed, 4)
    nothing = dict.fromkeys(("p50_ms", "p95_ms", "p99_ms"))
    return [{"vendor": series.vendor, "metric": name, "count": count} | nothing for name, count in counts.items()]


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


def _print(found: list[Series]) -> None:
    from rich.table import Table

    times = Table("Vendor", "Metric", "Count", "p50 ms", "p95 ms", "p99 ms", "p50 over time")
    counts = Table("Vendor", "Count of", "Number")
    for series in found:
        for row in _durations(series):
            shares = [f"{row[name]:,.1f}" for name in ("p50_ms", "p95_ms", "p99_ms")]
            line = sparkline([_median(step) for step in series.steps[row["metric"]]])
            times.add_row(series.vendor, row["metric"], f"{row['count']:,}", *shares, line)
        for row in _counts(series):
            counts.add_row(series.vendor, row["metric"], f"{row['count']:,}")
    screen = console()
    screen.print(times)
    screen.print(counts)


def _median(counts: dict[int, int]) -> float | None:
    from christmas.metrics.histogram import quantile

    return quantile(counts, 0.5)


def sparkline(values: list[float | None]) -> str:
    """Draw values as bars from 0 to the largest; a dot where there is none."""
    top = max((value for value in values if value is not None), default=0.0)
    if not top:
        return "·" * len(values)
    return "".join("·" if value is None else BARS[min(int(value / top * len(BARS)), len(BARS) - 1)] for value in values)


def _print_gauges(found: Gauges, slots: dict[str, tuple[int, int]]) -> None:
    from rich.table import Table

    now = Table("Now", "Of", "Number")
    for word, numbers in (("queued jobs", found.queued), ("running jobs", found.running), ("held changes", found.held)):
        for of, number in sorted(numbers.items()):
            now.add_row(word, of, f"{number:,}")
    now.add_row("oldest queued job", "", f"{found.oldest_seconds:,.0f} s")
    for node, (used, total) in slots.items():
        now.add_row("slots in use", node, f"{used} of {total}")
    for row in found.health:
        now.add_row("health", row.vendor, f"{row.state}: {row.reason}" if row.kind else row.state)
    console().print(now)
