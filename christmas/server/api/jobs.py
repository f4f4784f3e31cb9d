"""Jobs: which can be submitted, which were, and how far they are."""

import inspect
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from christmas.access.gate import Caller
from christmas.errors import AccessDenied
from christmas.jobs import notify, queue, records, submission
from christmas.jobs.definitions import base, registry
from christmas.jobs.records import JobRow
from christmas.server import lookup, paging
from christmas.server.api import inputs
from christmas.server.api.job_models import (
    Definition,
    DefinitionArgument,
    DefinitionList,
    Job,
    JobList,
    JobTree,
    JobWithChildren,
    NewJob,
)  # fmt: skip
from christmas.server.auth import needs
from christmas.server.problems import responses
from christmas.server.state import State, state_of

router = APIRouter(tags=["jobs"])

Reader = Annotated[Caller, Depends(needs("jobs.read"))]
State_ = Literal["queued", "running", "succeeded", "failed", "cancelled"]


@router.get("/job-definitions", summary="The jobs that can be submitted", responses=responses())
def list_definitions(caller: Reader) -> DefinitionList:
    """Return name, consumer, arguments and meaning of every job."""
    return DefinitionList(items=[_shown(registry.DEFINITIONS[name]) for name in sorted(registry.DEFINITIONS)])


@router.get("/jobs", summary="The newest jobs", responses=responses())
def list_jobs(
    request: Request,
    caller: Reader,
    state: Annotated[list[State_] | None, Query(max_length=5, description="only in these states")] = None,
    vendor: inputs.VendorFilter = None,
    name: Annotated[inputs.JobName | None, Query(description="only of this name")] = None,
    cursor: inputs.Cursor = None,
    limit: inputs.Limit = inputs.LIMIT_DEFAULT,
) -> JobList:
    """Return jobs, the newest first; a key for some vendors sees theirs."""
    before = paging.position(cursor, datetime, str)
    with state_of(request).read() as connection:
        rows = records.find(
            connection, states=state or records.STATES, vendor=vendor, vendors=caller.vendors, name=name,
            before=None if before is None else (before[0], before[1]), limit=limit + 1,
        )  # fmt: skip
    last = rows[limit - 1] if len(rows) > limit else None
    return JobList(
        items=[Job.from_record(row) for row in rows[:limit]],
        next=None if last is None else paging.cursor((last.queued_at, last.id)),
    )


@router.post(
    "/jobs",
    summary="Submit a job",
    status_code=201,
    responses=responses(400, 409, 413, 415)
    | {200: {"model": Job, "description": "The same job is open already: that one"}},
)
def submit(
    request: Request, response: Response, body: NewJob, caller: Annotated[Caller, Depends(needs("jobs.submit"))]
) -> Job:
    """Submit a job, or give the one with the same name and arguments that is queued or running already."""
    inputs.check_job(body.name)
    state = state_of(request)
    job_id = uuid4().hex
    try:
        row = submission.submit(
            body.name, body.arguments, config=state.config, submitted_by=caller.user, job_id=job_id,
            priority=body.priority, allowed_vendors=caller.vendors,
        )  # fmt: skip
    except AccessDenied as error:
        state.gate.refused(caller, "jobs.submit", error)
        raise
    response.status_code = 201 if row.id == job_id else 200
    response.headers["Location"] = f"{request.url.path}/{row.id}"
    return Job.from_record(row)


@router.get("/jobs/{job_id}", summary="A job and its children", responses=responses(404))
def get_job(request: Request, job_id: inputs.JobPath, caller: Reader) -> JobWithChildren:
    """Return a job, its children of the first generation, and when each of them completed."""
    with state_of(request).read() as connection:
        row = lookup.job(connection, caller, job_id)
        children = [one for one in records.children(connection, job_id) if caller.sees(one.job.vendor)]
    return JobWithChildren.of_family(row, children)


@router.get("/jobs/{job_id}/tree", summary="A job and everything below it", responses=responses(404))
def get_tree(request: Request, job_id: inputs.JobPath, caller: Reader) -> JobTree:
    """Return a job, and behind it everything below it in the order of submission."""
    return JobTree.from_record(tree(state_of(request), job_id, caller))


@router.post("/jobs/{job_id}/cancel", summary="Cancel a job", responses=responses(404, 409))
def cancel(request: Request, job_id: inputs.JobPath, caller: Annotated[Caller, Depends(needs("jobs.cancel"))]) -> Job:
    """Cancel a job and what it has started, on whatever node it runs; one that is running ends some seconds later."""
    state = state_of(request)
    with state.begin() as connection:
        row = lookup.job(connection, caller, job_id)
        if queue.cancel(connection, job_id, datetime.now(UTC)) is None:
            raise HTTPException(409, f"The job {job_id} has ended: it {row.state}.")
        row = lookup.job(connection, caller, job_id)
    notify.nodes(state.config)
    return Job.from_record(row)


def tree(state: State, job_id: str, caller: Caller) -> list[JobRow]:
    """Return a job and what is below it, the job first; raise NotFound."""
    with state.read() as connection:
        lookup.job(connection, caller, job_id)
        rows = records.tree(connection, job_id)
    return [row for row in rows if caller.sees(row.vendor)]


def _shown(job: type[base.Definition]) -> Definition:
    name = job.job_name()
    schemas = job.model_json_schema()["properties"] if job.model_fields else {}
    arguments = [
        DefinitionArgument(
            name=one,
            type=_words(schemas[one]),
            required=field.is_required(),
            default=None if field.is_required() else field.get_default(call_default_factory=True),
            values=_values(schemas[one]),
        )
        for one, field in job.model_fields.items()
    ]
    return Definition(
        name=name,
        consumer=name.partition(".")[0] if issubclass(job, base.SpiderJob) else None,
        priority=job.priority,
        doc=inspect.getdoc(job) or "",
        arguments=arguments,
    )


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value that is given: null only stands for one that is not."""
    found: list[dict[str, Any]] = [one for one in schema.get("anyOf", []) if one.get("type") != "null"]
    return found[0] if found else schema


def _values(schema: dict[str, Any]) -> list[str] | None:
    given = _without_null(schema)
    return [given["const"]] if "const" in given else given.get("enum")


def _words(schema: dict[str, Any]) -> str:
    given = _without_null(schema)
    if "const" in given or "enum" in given:
        return "one of the values"
    if given["type"] == "integer":
        most = given["maximum"] if "maximum" in given else given["exclusiveMaximum"] - 1
        return f"integer from {given['minimum']} to {most}"
    return "list of texts" if given["type"] == "array" else "text"
