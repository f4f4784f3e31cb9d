"""The schedules: their next firings; pause, resume and run now."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from christmas.access.gate import Caller
from christmas.errors import ArgumentError
from christmas.jobs import schedules, submission, triggers
from christmas.server.auth import needs, read_form
from christmas.server.state import State, state_of
from christmas.server.web import render
from christmas.server.web.operations.overview import Done, back

router = APIRouter(prefix="/operations/schedule")

FIRINGS_SHOWN = 20
NAME_MAX = 200

Viewer = Annotated[Caller, Depends(needs("schedules.read", page=True, all_vendors=True))]
Changer = Annotated[Caller, Depends(needs("schedules.write", page=True, all_vendors=True))]
Form = Annotated[FormData, Depends(read_form)]


@router.get("")
def show_schedule(request: Request, caller: Viewer, done: Done | None = None) -> Response:
    """Show the next and the newest firings."""
    state = state_of(request)
    with state.read() as connection:
        rows = schedules.planned(connection, state.config.schedules, datetime.now(UTC))
        firings = schedules.history(connection, limit=FIRINGS_SHOWN)
    return render.page(
        request, caller, "operations_schedule.html", rows=rows, firings=firings, when=triggers.in_words, done=done
    )


@router.post("/pause")
def pause(request: Request, caller: Changer, form: Form) -> Response:
    """Pause a schedule until it is resumed."""
    _change(state_of(request), _name(form), paused=True)
    return back("/operations/schedule", "paused")


@router.post("/resume")
def resume(request: Request, caller: Changer, form: Form) -> Response:
    """Resume a schedule from its next due time on."""
    _change(state_of(request), _name(form), paused=False)
    return back("/operations/schedule", "resumed")


@router.post("/run")
def run_now(request: Request, caller: Changer, form: Form) -> Response:
    """Submit a schedule's job now, whatever the time; redirect to the job."""
    state = state_of(request)
    state.gate.require(caller, "jobs.submit", all_vendors=True)
    with state.begin() as connection:
        schedules.begin(connection, state.config.schedules, datetime.now(UTC))
        row = schedules.existing(connection, _name(form))
    by = f"schedule {row.name}, by {caller.user}"
    job = submission.submit(row.job, row.arguments, config=state.config, submitted_by=by)
    return back(f"/operations/jobs/{job.id}", "submitted")


def _change(state: State, name: str, *, paused: bool) -> None:
    now = datetime.now(UTC)
    with state.begin() as connection:
        schedules.begin(connection, state.config.schedules, now)
        schedules.change(connection, name, now, paused=paused)


def _name(form: FormData) -> str:
    name = form.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= NAME_MAX or "\0" in name:
        raise ArgumentError("The form names no schedule: reload the page.")
    return name
