"""Jobs: the open ones as a tree with their progress, a single job, and cancelling."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from christmas.access.gate import Caller
from christmas.catalog import changes
from christmas.errors import ArgumentError
from christmas.jobs import notify, queue, records
from christmas.jobs.records import JobRow
from christmas.jobs.spider_arguments import VENDOR_PATTERN
from christmas.server import lookup
from christmas.server.auth import needs
from christmas.server.paging import cursor, position
from christmas.server.state import state_of
from christmas.server.web import render
from christmas.server.web.operations.overview import Done, back

router = APIRouter(prefix="/operations/jobs")

# The part that is polled has a bound.
ROOTS_MAX, LINES_MAX = 20, 200
PER_PAGE = 50
CHANGES_SHOWN = 100
COUNTED = {
    "pages_read": "pages", "store_new_keys": "new keys", "store_new_products": "new products",
    "store_changes": "changes", "children": "jobs",
}  # fmt: skip

JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$")]
Viewer = Annotated[Caller, Depends(needs("jobs.read", page=True))]
State = Literal["queued", "running", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Line:
    """One job of a tree; ``depth`` from 0, and its progress: pages, or a root's child jobs."""

    job: JobRow
    depth: int
    done: int
    planned: int | None
    unit: str


@router.get("")
def list_jobs(
    request: Request, caller: Viewer, state: State | Literal[""] | None = None,
    vendor: Annotated[str | None, Query(pattern=VENDOR_PATTERN + "|^$")] = None,
    before: Annotated[str | None, Query(max_length=500)] = None, done: Done | None = None,
) -> Response:  # fmt: skip
    """Show open jobs as a tree, and below it the newest finished jobs, or those of a filter."""
    wanted = [state] if state else [one for one in records.STATES if one not in records.OPEN]
    with state_of(request).read() as connection:
        live = _live(connection, caller)
        rows = records.find(
            connection, states=wanted, vendor=vendor or None, vendors=caller.vendors, limit=PER_PAGE + 1,
            before=position(before, datetime, str),
        )  # fmt: skip
    more = cursor((rows[PER_PAGE - 1].queued_at, rows[PER_PAGE - 1].id)) if len(rows) > PER_PAGE else None
    return render.page(
        request, caller, "operations_jobs.html", live=live, rows=rows[:PER_PAGE], more=more, state=state,
        vendor=vendor or "", known=records.STATES, done=done,
    )  # fmt: skip


@router.get("/live")
def live_jobs(request: Request, caller: Viewer) -> Response:
    """Return the part of the list that is polled."""
    with state_of(request).read() as connection:
        found = _live(connection, caller)
    return render.page(request, caller, "_operations_live.html", live=found)


@router.get("/{job_id}")
def show_job(request: Request, caller: Viewer, job_id: JobId, done: Done | None = None) -> Response:
    """Show one job: arguments, progress, child jobs, changes and log."""
    return render.page(request, caller, "operations_job.html", done=done, **_details(request, caller, job_id))


@router.get("/{job_id}/live")
def live_job(request: Request, caller: Viewer, job_id: JobId) -> Response:
    """Return the part of a job's page that is polled until the job has finished."""
    return render.page(request, caller, "_operations_job.html", **_details(request, caller, job_id))


@router.post("/{job_id}/cancel")
def cancel(
    request: Request, job_id: JobId, caller: Annotated[Caller, Depends(needs("jobs.cancel", page=True))]
) -> Response:
    """Cancel a job and its child jobs."""
    state = state_of(request)
    with state.begin() as connection:
        lookup.job(connection, caller, job_id)
        if queue.cancel(connection, job_id, datetime.now(UTC)) is None:
            raise ArgumentError(f"The job {job_id} has finished already: there is nothing to cancel.")
    notify.nodes(state.config)
    return back(f"/operations/jobs/{job_id}", "cancelled")


def _details(request: Request, caller: Caller, job_id: str) -> dict[str, Any]:
    with state_of(request).read() as connection:
        job = lookup.job(connection, caller, job_id)
        rows = [row for row in records.tree(connection, job_id) if caller.sees(row.vendor)]
        children = [one for one in records.children(connection, job_id) if caller.sees(one.job.vendor)]
        made = changes.of_jobs(connection, [row.id for row in rows], job.queued_at, job.finished_at, CHANGES_SHOWN)
    lines = lines_of(rows)
    return {"job": job, "line": lines[0], "children": children, "changes": made, "shown": CHANGES_SHOWN,
            "open": job.state in records.OPEN}  # fmt: skip


def _live(connection: Connection, caller: Caller) -> dict[str, Any]:
    """Return the open jobs as lines of trees, and whether some are left out."""
    rows = records.find(connection, states=records.OPEN, vendors=caller.vendors, limit=LINES_MAX + 1)
    ids = {row.id for row in rows}
    roots = [row for row in rows if row.parent_id not in ids]
    lines: list[Line] = []
    for root in roots[:ROOTS_MAX]:
        below = (
            [root] if root.consumer else [row for row in records.tree(connection, root.id) if caller.sees(row.vendor)]
        )
        lines += lines_of(below)
    shown = lines
    if len(lines) > LINES_MAX:
        shown = [line for line in lines if line.job.state in records.OPEN][:LINES_MAX]
    return {"lines": shown, "more": len(rows) > LINES_MAX or len(roots) > ROOTS_MAX or len(shown) < len(lines)}


def lines_of(rows: list[JobRow]) -> list[Line]:
    """Return the lines of a tree whose root is the first row; a job of an earlier root is put below it."""
    depth: dict[str, int] = {}
    below: Counter[str | None] = Counter()
    ended: Counter[str | None] = Counter()
    for row in rows:
        depth[row.id] = depth.get(row.parent_id or "", 0) + 1 if depth else 0
        below[row.parent_id] += 1
        ended[row.parent_id] += row.state not in records.OPEN
    return [
        Line(row, depth[row.id], *records.pages_of(row.outcome), "pages")
        if row.consumer
        else Line(row, depth[row.id], ended[row.id], below[row.id] or None, "jobs")
        for row in rows
    ]


def result(job: JobRow) -> str:
    """Summarise the outcome."""
    outcome = job.outcome or {}
    counts = ", ".join(f"{outcome[name]:,} {word}" for name, word in COUNTED.items() if outcome.get(name))
    return str(outcome.get("error") or counts)


render.templates.filters["result"] = result
