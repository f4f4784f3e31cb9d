"""``christmas metrics``: measurements as a table with sparklines or as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from christmas.commands.common import TableOrJson, console, engine, show
from christmas.config import current
from christmas.metrics import gauges, report
from christmas.metrics.histogram import quantile

if TYPE_CHECKING:
    from christmas.metrics.gauges import Gauges
    from christmas.metrics.store import Series

BARS = "▁▂▃▄▅▆▇█"


def metrics(
    vendor: Annotated[str | None, typer.Option(help="Only this vendor.")] = None,
    since: Annotated[str, typer.Option(help="How far back: 30m, 1h, 7d; at most 90d.")] = "1h",
    output: TableOrJson = "table",
) -> None:
    """Show latency, time to first byte, counts, the queue and the quarantine.

    JSON is a list of vendor, metric, count, p50_ms, p95_ms, p99_ms; counts have no percentiles.
    """
    window = report.window(since, "--since")
    seen = None if vendor is None else [vendor]
    read = report.read(current(), window, seen)
    found = read.series
    if output == "json":
        show((), [row for series in found for row in report.rows(series)], output)
        return
    if not found:
        who = f"of {vendor} " if vendor else ""
        typer.echo(f"Nothing {who}was measured within {since}; `christmas up` or `scrapy crawl` measures.")
    else:
        _print(found)
    _print_gauges(gauges.read(engine(), datetime.now(UTC), seen), read.slots)


def _print(found: list[Series]) -> None:
    times = Table("Vendor", "Metric", "Count", "p50 ms", "p95 ms", "p99 ms", "p50 over time")
    counts = Table("Vendor", "Count of", "Number")
    for series in found:
        for row in report.durations(series):
            shares = [f"{row[name]:,.1f}" for name in ("p50_ms", "p95_ms", "p99_ms")]
            line = sparkline([_median(step) for step in series.steps[row["metric"]]])
            times.add_row(series.vendor, row["metric"], f"{row['count']:,}", *shares, line)
        for row in report.counts(series):
            counts.add_row(series.vendor, row["metric"], f"{row['count']:,}")
    screen = console()
    screen.print(times)
    screen.print(counts)


def _median(counts: dict[int, int]) -> float | None:
    return quantile(counts, 0.5)


def sparkline(values: list[float | None]) -> str:
    """Draw values as bars from 0 to the largest; a dot where there is none."""
    top = max((value for value in values if value is not None), default=0.0)
    if not top:
        return "·" * len(values)
    return "".join("·" if value is None else BARS[min(int(value / top * len(BARS)), len(BARS) - 1)] for value in values)


def _print_gauges(found: Gauges, slots: dict[str, tuple[int, int]]) -> None:
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
