"""Logs of all processes, or of one job, followed as new lines arrive."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from christmas import valkey
from christmas.access.gate import Caller
from christmas.jobs import records
from christmas.jobs.spider_arguments import VENDOR_PATTERN
from christmas.logs import reading
from christmas.logs.lines import as_text
from christmas.logs.reading import Line, Wanted
from christmas.server import lookup
from christmas.server.auth import needs
from christmas.server.state import state_of
from christmas.server.web import render
from christmas.server.web.operations.jobs import JobId

router = APIRouter(prefix="/operations")

LINES_SHOWN = 200
# The last lines of a job arrive within this time after its end.
LAST_LINES = timedelta(seconds=5)

Viewer = Annotated[Caller, Depends(needs("logs.read", page=True))]
Vendor = Annotated[str | None, Query(pattern=VENDOR_PATTERN + "|^$")]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
# The ID of a line in the stream.
Position = Annotated[str | None, Query(pattern=r"^\d{1,19}-\d{1,19}$")]


@dataclass(frozen=True, slots=True)
class Seen(Wanted):
    """The wanted lines that the caller may see."""

    sees: Callable[[str | None], bool] = lambda _: True

    def has(self, line: Line) -> bool:
        """Return whether a line is to be shown."""
        return Wanted.has(self, line) and self.sees(line["vendor"] or None)


@router.get("/logs")
def show_logs(request: Request, caller: Viewer, vendor: Vendor = None, level: Level = "INFO") -> Response:
    """Show the newest lines, and follow new ones."""
    with valkey.connect(state_of(request).config) as redis:
        newest = reading.newest_id(redis)
    wanted = Seen(vendor=vendor or None, level=level, sees=caller.sees)
    lines, reached = _until(request, wanted, newest)
    return render.page(
        request, caller, "operations_logs.html", lines=lines, levels=reading.LEVELS, level=level, vendor=vendor or "",
        more=_address("after", newest, vendor or "", level), earlier=_address("before", reached, vendor or "", level),
        ended=False, done=None,
    )  # fmt: skip


@router.get("/logs/more")
def more_logs(
    request: Request, caller: Viewer, after: Position = None, before: Position = None, vendor: Vendor = None,
    level: Level = "INFO",
) -> Response:  # fmt: skip
    """Render the lines since a position, or earlier ones."""
    wanted = Seen(vendor=vendor or None, level=level, sees=caller.sees)
    more = earlier = None
    if before is not None:
        lines, reached = _until(request, wanted, f"({before}")
        earlier = _address("before", reached, vendor or "", level)
    else:
        lines, position = _after(request, wanted, after or reading.BEGINNING)
        more = _address("after", position, vendor or "", level)
    return render.page(request, caller, "_operations_lines.html", lines=lines, more=more, earlier=earlier, ended=False)


@router.get("/jobs/{job_id}/logs")
def job_logs(
    request: Request, caller: Viewer, job_id: JobId, after: Position = None, before: Position = None
) -> Response:
    """Render the lines of a job and its child jobs: the newest, those since a position, or earlier ones."""
    with state_of(request).read() as connection:
        job = lookup.job(connection, caller, job_id)
        below = {row.id for row in records.tree(connection, job_id)}
    ended = job.finished_at is not None and datetime.now(UTC) - job.finished_at > LAST_LINES
    wanted = Seen(jobs=below, since=job.queued_at, sees=caller.sees)
    position: str | None = None
    reached: str | None = None
    if before is not None:
        lines, reached = _until(request, wanted, f"({before}")
    elif after is not None:
        lines, position = _after(request, wanted, after)
    else:
        with valkey.connect(state_of(request).config) as redis:
            position = reading.newest_id(redis)
        lines, reached = _until(request, wanted, position)
    address = f"/operations/jobs/{job_id}/logs"
    return render.page(
        request, caller, "_operations_lines.html", lines=lines, ended=ended,
        more=position and f"{address}?after={position}", earlier=reached and f"{address}?before={reached}",
    )  # fmt: skip


def _until(request: Request, wanted: Wanted, until: str) -> tuple[list[str], str | None]:
    """Return the newest lines up to an ID, and the ID to continue before; None at the beginning."""
    with valkey.connect(state_of(request).config) as redis:
        lines, reached = reading.before(redis, wanted, limit=LINES_SHOWN, until=until)
    return [as_text(line) for line in lines], reached


def _after(request: Request, wanted: Wanted, position: str) -> tuple[list[str], str]:
    with valkey.connect(state_of(request).config) as redis:
        lines, reached = reading.after(redis, wanted, position, limit=LINES_SHOWN)
    return [as_text(line) for line in lines], reached


def _address(way: str, position: str | None, vendor: str, level: str) -> str | None:
    """Return the address of the lines on one side of a position; None where there are none."""
    return position and f"/operations/logs/more?{way}={position}&vendor={vendor}&level={level}"
