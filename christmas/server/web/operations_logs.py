"""Logs: what all processes have logged, or those of one job, and what comes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from christmas import embedded
from christmas.catalog import jobs
from christmas.logs import reading
from christmas.logs.lines import as_text
from christmas.logs.reading import Line, Wanted
from christmas.platforms.arguments import VENDOR_PATTERN
from christmas.server import seen
from christmas.server import state as states
from christmas.server.guard import Caller, needs
from christmas.server.web import render
from christmas.server.web.operations_jobs import JobId

router = APIRouter(prefix="/operations")

LINES_SHOWN = 200
# After a job has ended, its last lines are on their way for so long.
LAST_LINES = timedelta(seconds=5)

Viewer = Annotated[Caller, Depends(needs("logs.read", page=True))]
Vendor = Annotated[str | None, Query(pattern=VENDOR_PATTERN + "|^$")]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
# The ID of a line in the stream.
After = Annotated[str | None, Query(pattern=r"^\d{1,19}-\d{1,19}$")]


@dataclass(frozen=True, slots=True)
class Seen(Wanted):
    """What is wanted, of that what the caller may see."""

    sees: Callable[[str | None], bool] = lambda _: True

    def has(self, line: Line) -> bool:
        """Say whether a line is to be shown."""
        return Wanted.has(self, line) and self.sees(line["vendor"] or None)


@router.get("/logs")
def show_logs(request: Request, caller: Viewer, vendor: Vendor = None, level: Level = "INFO") -> Response:
    """Show the newest lines, and what comes."""
    lines, after = _newest(request, Seen(vendor=vendor or None, level=level, sees=caller.sees))
    return render.page(
        request, caller, "operations_logs.html", lines=lines, levels=reading.LEVELS, level=level, vendor=vendor or "",
        more=_address(after, vendor or "", level), ended=False, done=None,
    )  # fmt: skip


@router.get("/logs/more")
def more_logs(
    request: Request, caller: Viewer, after: After = None, vendor: Vendor = None, level: Level = "INFO"
) -> Response:
    """Give the lines that have come since a page was made."""
    wanted = Seen(vendor=vendor or None, level=level, sees=caller.sees)
    lines, reached = _after(request, wanted, after or reading.BEGINNING)
    return render.page(
        request, caller, "_operations_lines.html", lines=lines, more=_address(reached, vendor or "", level), ended=False
    )


@router.get("/jobs/{job_id}/logs")
def job_logs(request: Request, caller: Viewer, job_id: JobId, after: After = None) -> Response:
    """Give a job's lines and those of the jobs below it: the newest, or those that have come since."""
    with states.of(request).read() as connection:
        job = seen.job(connection, caller, job_id)
        below = {row.id for row in jobs.tree(connection, job_id)}
    ended = job.finished_at is not None and datetime.now(UTC) - job.finished_at > LAST_LINES
    wanted = Seen(jobs=below, since=job.queued_at, sees=caller.sees)
    lines, reached = _newest(request, wanted) if after is None else _after(request, wanted, after)
    more = f"/operations/jobs/{job_id}/logs?after={reached}"
    return render.page(request, caller, "_operations_lines.html", lines=lines, more=more, ended=ended)


def _newest(request: Request, wanted: Wanted) -> tuple[list[str], str]:
    with embedded.connect(states.of(request).config) as redis:
        newest = reading.newest_id(redis)
        return [as_text(line) for line in reading.read(redis, wanted, limit=LINES_SHOWN, until=newest)], newest


def _after(request: Request, wanted: Wanted, position: str) -> tuple[list[str], str]:
    with embedded.connect(states.of(request).config) as redis:
        lines, reached = reading.after(redis, wanted, position, limit=LINES_SHOWN)
    return [as_text(line) for line in lines], reached


def _address(after: str, vendor: str, level: str) -> str:
    return f"/operations/logs/more?after={after}&vendor={vendor}&level={level}"
