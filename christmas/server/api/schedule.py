"""What is done when: list, set, pause, resume, run and remove schedules. For keys of all vendors only."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from christmas.access.gate import Caller
from christmas.jobs import schedules, submission
from christmas.jobs.schedules import FiringRow, ScheduleRow
from christmas.server import paging
from christmas.server.api import inputs
from christmas.server.api.job_models import Job
from christmas.server.auth import needs
from christmas.server.problems import NotFound, responses
from christmas.server.state import State, state_of

router = APIRouter(tags=["schedules"])

Reader = Annotated[Caller, Depends(needs("schedules.read", all_vendors=True))]
Writer = Annotated[Caller, Depends(needs("schedules.write", all_vendors=True))]
Name = Annotated[inputs.ScheduleName, Path()]
EVERY_MAX, JITTER_MAX = 366 * 86_400, 86_400


class NewSchedule(inputs.Body):
    """What a schedule is to be; exactly one of ``cron`` and ``every_seconds``."""

    job: inputs.JobName = Field(description="one of `GET /job-definitions`", examples=["integrator.sync_all"])
    arguments: inputs.Arguments = Field(default_factory=dict, examples=[{"stage": "links"}])
    cron: inputs.Text | None = Field(
        None, max_length=200, description="minute hour day month weekday (mon-fri)", examples=["30 3 * * *"]
    )
    every_seconds: int | None = Field(
        None, ge=1, le=EVERY_MAX, strict=True, description="or the seconds between two", examples=[None]
    )
    timezone: inputs.Text = Field("UTC", max_length=100, examples=["Europe/Berlin"])
    jitter_seconds: int = Field(0, ge=0, le=JITTER_MAX, strict=True, description="up to so much later")
    missed: Literal["skip", "once", "all"] = Field("once", description="what to do with firings that were missed")
    paused: bool = Field(False, strict=True, examples=[False])


class Schedule(BaseModel):
    """One schedule."""

    name: str = Field(examples=["links"])
    job: str = Field(examples=["integrator.sync_all"])
    arguments: dict[str, Any] = Field(examples=[{"stage": "links"}])
    cron: str | None = Field(examples=[None])
    every_seconds: int | None = Field(examples=[3600])
    timezone: str = Field(examples=["UTC"])
    jitter_seconds: int = Field(examples=[60])
    missed: str = Field(examples=["once"])
    paused: bool = Field(examples=[False])
    origin: str = Field(description="configuration, or user where somebody has set it", examples=["configuration"])
    next_at: datetime = Field(description="when it is due, without the jitter; while it is paused: would be")
    changed_at: datetime

    @classmethod
    def from_record(cls, row: ScheduleRow) -> "Schedule":
        """Make it of a record."""
        return cls.model_validate(row, from_attributes=True)


class ScheduleList(BaseModel):
    """All schedules, the next to fire first; those that are paused last."""

    items: list[Schedule]
    next: None = Field(default=None, description="always null: they are few")


class Firing(BaseModel):
    """One firing; either a job or an error."""

    due_at: datetime
    fired_at: datetime
    job: str | None = Field(examples=["0b6f5a2c4d1e48f7a9c3b2d1e0f9a8b7"])
    error: str | None = Field(examples=[None])

    @classmethod
    def from_record(cls, row: FiringRow) -> "Firing":
        """Make it of a record."""
        return cls(due_at=row.due_at, fired_at=row.fired_at, job=row.job_id, error=row.error)


class FiringList(BaseModel):
    """A page of firings, the newest first."""

    items: list[Firing]
    next: str | None = Field(examples=[None])


@router.get("/schedules", summary="What is done when", responses=responses())
def list_schedules(request: Request, caller: Reader) -> ScheduleList:
    """Return all schedules."""
    state = state_of(request)
    with state.read() as connection:
        rows = schedules.planned(connection, state.config.schedules, datetime.now(UTC))
    return ScheduleList(items=[Schedule.from_record(row) for row in rows])


@router.get("/schedules/{name}", summary="One schedule", responses=responses(404))
def get_schedule(request: Request, name: Name, caller: Reader) -> Schedule:
    """Return one schedule."""
    state = state_of(request)
    with state.read() as connection:
        rows = schedules.planned(connection, state.config.schedules, datetime.now(UTC))
    row = next((row for row in rows if row.name == name), None)
    if row is None:
        raise _not_found(name)
    return Schedule.from_record(row)


@router.put(
    "/schedules/{name}",
    summary="Add or replace a schedule",
    responses=responses(400, 413, 415) | {201: {"model": Schedule, "description": "It is new"}},
)
def put_schedule(request: Request, response: Response, name: Name, body: NewSchedule, caller: Writer) -> Schedule:
    """Add a schedule, or make it what is given; from then on the configuration does not touch it."""
    state, now = state_of(request), datetime.now(UTC)
    inputs.check_job(body.job)
    wanted = schedules.wanted(**body.model_dump())
    with state.begin() as connection:
        schedules.begin(connection, state.config.schedules, now)
        if schedules.get(connection, name, locked=True) is None:
            row = schedules.add(connection, name, wanted, now)
            response.status_code = 201
        else:
            row = schedules.change(connection, name, now, **wanted.model_dump())
    return Schedule.from_record(row)


@router.delete("/schedules/{name}", summary="Remove a schedule", status_code=204, responses=responses(404))
def delete_schedule(request: Request, name: Name, caller: Writer) -> None:
    """Remove a schedule; one of the configuration comes back at a scheduler's start: pause it instead."""
    state = state_of(request)
    with state.begin() as connection:
        _existing(state, connection, name)
        schedules.remove(connection, name)


@router.post("/schedules/{name}/pause", summary="Fire no more", responses=responses(404))
def pause(request: Request, name: Name, caller: Writer) -> Schedule:
    """Fire no more, until it is resumed."""
    return _set_paused(state_of(request), name, paused=True)


@router.post("/schedules/{name}/resume", summary="Fire again", responses=responses(404))
def resume(request: Request, name: Name, caller: Writer) -> Schedule:
    """Fire again, from the next due time on."""
    return _set_paused(state_of(request), name, paused=False)


@router.post(
    "/schedules/{name}/run",
    summary="Submit its job now",
    status_code=201,
    responses=responses(404, 409) | {200: {"model": Job, "description": "Its job is open already: that one"}},
)
def run(request: Request, response: Response, name: Name, caller: Writer) -> Job:
    """Submit a schedule's job now, whatever the time; needs the permission jobs.submit as well."""
    state = state_of(request)
    state.gate.require(caller, "jobs.submit")
    with state.begin() as connection:
        row = _existing(state, connection, name)
    job_id = uuid4().hex
    by = f"schedule {name}, by {caller.user}"
    job = submission.submit(row.job, row.arguments, config=state.config, submitted_by=by, job_id=job_id)
    response.status_code = 201 if job.id == job_id else 200
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return Job.from_record(job)


@router.get("/schedules/{name}/firings", summary="When it has fired", responses=responses(404))
def list_firings(
    request: Request,
    name: Name,
    caller: Reader,
    cursor: inputs.Cursor = None,
    limit: inputs.Limit = inputs.LIMIT_DEFAULT,
) -> FiringList:
    """Return a schedule's firings, the newest first; they stay when it is removed."""
    before = paging.position(cursor, datetime)
    state = state_of(request)
    with state.read() as connection:
        rows = schedules.history(connection, name, limit + 1, None if before is None else before[0])
        known = [] if rows else schedules.planned(connection, state.config.schedules, datetime.now(UTC))
    if not rows and name not in {row.name for row in known}:
        raise _not_found(name)
    following = paging.cursor((rows[limit - 1].due_at,)) if len(rows) > limit else None
    return FiringList(items=[Firing.from_record(row) for row in rows[:limit]], next=following)


def _set_paused(state: State, name: str, *, paused: bool) -> Schedule:
    with state.begin() as connection:
        _existing(state, connection, name)
        return Schedule.from_record(schedules.change(connection, name, datetime.now(UTC), paused=paused))


def _existing(state: State, connection: Connection, name: str) -> ScheduleRow:
    schedules.begin(connection, state.config.schedules, datetime.now(UTC))
    row = schedules.get(connection, name, locked=True)
    if row is None:
        raise _not_found(name)
    return row


def _not_found(name: str) -> NotFound:
    return NotFound(f"There is no schedule {name!r}; GET /api/v1/schedules lists them.")
