"""Operations: the vendors and their health, their response times, the queue and the nodes."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from christmas.access.gate import Caller
from christmas.catalog import vendor_health
from christmas.catalog.vendors import VendorRow
from christmas.errors import RedisUnavailable
from christmas.jobs import records
from christmas.jobs.records import JobRow
from christmas.jobs.spider_arguments import VENDOR_PATTERN
from christmas.metrics import gauges, report
from christmas.metrics.report import Report
from christmas.metrics.store import Series
from christmas.server import lookup
from christmas.server.auth import may, needs
from christmas.server.problems import NotFound
from christmas.server.state import State, state_of
from christmas.server.web import render, words

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/operations")

PER_PAGE = 50
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# How far back a chart goes, and in how many steps.
WINDOWS = {"1h": (HOUR, 60), "24h": (DAY, 96), "7d": (7 * DAY, 168)}
WINDOW_TITLES = {"1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days"}
CHARTS = {"ttfb": "Time to first byte", "latency": "Latency"}
# What a page says after something was done; nothing else can be put into its address.
NOTICES = {
    "cancelled": "The job is being cancelled.", "submitted": "The job is submitted.",
    "paused": "The schedule is paused.", "resumed": "The schedule fires again.",
    "released": "The changes are applied.", "discarded": "The changes are discarded; the catalog stays as it is.",
    "accepted": "The current state is accepted; later runs are compared with those from now on.",
}  # fmt: skip
HEALTH_TAGS = {"healthy": "tag-ok", "degraded": "tag-warn"}
JOB_TAGS = {"succeeded": "tag-ok", "failed": "tag-bad", "cancelled": "tag-warn", "running": "badge", "queued": "badge"}

Done = Literal["cancelled", "submitted", "paused", "resumed", "released", "discarded", "accepted"]
Vendor = Annotated[str, Path(pattern=VENDOR_PATTERN)]
Viewer = Annotated[Caller, Depends(needs("health.read", page=True))]
render.templates.globals.update(notices=NOTICES, health_tags=HEALTH_TAGS, job_tags=JOB_TAGS)


@dataclass(frozen=True, slots=True)
class VendorLine:
    """One vendor in the list; ``series`` None without measurements, or while Redis does not answer."""

    vendor: VendorRow
    last: JobRow | None
    series: Series | None


@router.get("")
def overview(
    request: Request, caller: Viewer, page: Annotated[int, Query(ge=1, le=10_000)] = 1, done: Done | None = None
) -> Response:
    """Show all vendors, the unhealthy first, and the current numbers."""
    state = state_of(request)
    with state.read() as connection:
        found = lookup.all_vendors(request, connection, caller)
        found.sort(key=lambda row: (row.health is None or row.health.state == "healthy", row.name))
        rows = found[(page - 1) * PER_PAGE : page * PER_PAGE]
        shown = [row.name for row in rows]
        runs = {name: records.last(connection, name) for name in shown}
    measured = _report(state, shown, HOUR, 1) if may(request, caller, "metrics.read") else None
    series = {one.vendor: one for one in measured.series} if measured else {}
    lines = [VendorLine(row, runs[row.name], series.get(row.name)) for row in rows]
    pages = -(-len(found) // PER_PAGE)
    return render.page(
        request, caller, "operations.html", lines=lines, total=len(found), page=page, pages=pages, done=done,
        milliseconds=milliseconds, **_now(state, caller),
    )  # fmt: skip


@router.get("/now")
def now(request: Request, caller: Viewer) -> Response:
    """Render the part of the overview that is polled."""
    return render.page(request, caller, "_operations_now.html", **_now(state_of(request), caller))


@router.get("/vendors/{vendor}")
def vendor_page(
    request: Request, caller: Viewer, vendor: Vendor, window: Literal["1h", "24h", "7d"] = "1h",
    done: Done | None = None,
) -> Response:  # fmt: skip
    """Show one vendor: its health, its last runs, and its response times."""
    state = state_of(request)
    with state.read() as connection:
        found = lookup.vendor(request, connection, caller, vendor)
        runs = records.find(connection, vendors=[vendor], limit=10)
    back_to, steps = WINDOWS[window]
    measured = _report(state, [vendor], back_to, steps) if may(request, caller, "metrics.read") else None
    series = next(iter(measured.series), None) if measured else None
    chart = _chart(measured, series, steps) if measured and series else None
    return render.page(
        request, caller, "operations_vendor.html", vendor=vendor, health=found.health, runs=runs, count=found.count,
        window=window, windows=WINDOW_TITLES, measured=measured, series=series, chart=chart, charts=CHARTS, done=done,
        milliseconds=milliseconds,
    )  # fmt: skip


@router.post("/vendors/{vendor}/accept")
def accept(
    request: Request, vendor: Vendor, caller: Annotated[Caller, Depends(needs("health.write", page=True))]
) -> Response:
    """Make a vendor's current state the one that later runs are compared with."""
    with state_of(request).begin() as connection:
        if not caller.sees(vendor) or not vendor_health.accept(connection, vendor, datetime.now(UTC)):
            raise NotFound(f"Nothing is known of the health of {vendor}.")
    return back(f"/operations/vendors/{vendor}", "accepted")


def back(path: str, done: Done) -> Response:
    """Redirect to a page with a notice of what was done."""
    return RedirectResponse(f"{quote(path)}?done={done}", 303)


def took(job: JobRow) -> str:
    """Format a job's duration; an empty text before its start."""
    if job.started_at is None:
        return ""
    return str((job.finished_at or datetime.now(UTC)) - job.started_at).partition(".")[0]


def clock(seconds: int) -> str:
    """Format a time in seconds since 1970."""
    return words.moment(datetime.fromtimestamp(seconds, UTC))


def milliseconds(series: Series | None, metric: str, share: int) -> str:
    """Format a percentile of a duration; a dash without measurements."""
    found = None if series is None else series.quantile(metric, share / 100)
    return "\N{EN DASH}" if found is None else f"{found * 1000:,.0f} ms"


def _chart(measured: Report, series: Series, steps: int) -> dict[str, Any]:
    """Return the lines of the charts: ``times`` in seconds since 1970, and by metric and percentile milliseconds."""
    points = {metric: report.chart(measured, series, metric, steps) for metric in CHARTS}
    return {
        "times": [round(point.at.timestamp()) for point in points["ttfb"]],
        "lines": {
            metric: {"p50": [point.p50_ms for point in found], "p95": [point.p95_ms for point in found]}
            for metric, found in points.items()
        },
    }


def _report(state: State, vendors: list[str], back_to: timedelta, steps: int) -> Report | None:
    """Return the measurements of vendors; None where Redis does not answer."""
    try:
        return report.read(state.config, back_to, vendors, steps)
    except RedisUnavailable as error:
        logger.warning("Measurements cannot be shown: %s", error)
        return None


def _now(state: State, caller: Caller) -> dict[str, Any]:
    """Return the numbers of queue, nodes and quarantine; ``slots`` None where Redis does not answer."""
    measured = _report(state, [], HOUR, 1)
    return {
        "gauges": gauges.read(state.engine, datetime.now(UTC), caller.vendors),
        "slots": measured.slots if measured else None,
    }


render.templates.filters.update(took=took, clock=clock)
