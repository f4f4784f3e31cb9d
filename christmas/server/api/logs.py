"""The log lines of a job, on whatever nodes it ran; and those that come."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from christmas import valkey
from christmas.access.gate import Caller
from christmas.errors import ArgumentError
from christmas.logs import reading
from christmas.logs.reading import Wanted
from christmas.server.api import inputs
from christmas.server.api.jobs import tree
from christmas.server.auth import needs
from christmas.server.problems import responses
from christmas.server.state import state_of

router = APIRouter(tags=["jobs"])

LINES_MAX, LINES_DEFAULT = 1000, 200
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
POSITION = r"^[0-9]{1,18}-[0-9]{1,18}$"
Position = Annotated[str | None, Query(pattern=POSITION, description="`next` of the answer before: what came since")]


class LogLine(BaseModel):
    """One line; what there is nothing of is an empty text."""

    time: str = Field(examples=["2026-11-20T08:15:30.123Z"])
    level: str = Field(examples=["INFO"])
    service: str = Field(examples=["spider"])
    node: str = Field(examples=["node-1"])
    job: str = Field(examples=["0b6f5a2c4d1e48f7a9c3b2d1e0f9a8b7"])
    vendor: str = Field(examples=["ornament_shop_com"])
    logger: str = Field(examples=["christmas.extensions.run_report"])
    event: str = Field(examples=["40 pages were read"])
    traceback: str = Field(examples=[""])


class LogLines(BaseModel):
    """Lines, the newest last."""

    items: list[LogLine]
    next: str = Field(
        description="`after` of a request for later lines; there may be more now where `items` has `limit`, and "
        "never the end while the job is open",
        examples=["1795432530123-0"],
    )
    previous: str | None = Field(
        description="`before` of a request for earlier lines: there may be some however few `items` are; null at the "
        "beginning, and with `after`",
        examples=["1795432529001-0"],
    )
    ended: bool = Field(description="whether the job has ended, so that few more lines will come", examples=[True])


@router.get("/jobs/{job_id}/logs", summary="The log lines of a job", responses=responses(404))
def get_logs(
    request: Request,
    job_id: inputs.JobPath,
    caller: Annotated[Caller, Depends(needs("logs.read"))],
    level: Annotated[Level | None, Query(description="at least so bad")] = None,
    after: Position = None,
    before: Annotated[
        str | None, Query(pattern=POSITION, description="`previous` of the answer before: what came earlier")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=LINES_MAX, description="the most lines")] = LINES_DEFAULT,
) -> LogLines:
    """Return the newest lines of a job and of those below it, with ``after`` the first since then, or those before.

    Of a long log a part is looked at: fewer lines than asked for, even none, need not be all.
    """
    if after is not None and before is not None:
        raise ArgumentError("Give after or before, not both.")
    state = state_of(request)
    rows = tree(state, job_id, caller)
    wanted = Wanted({row.id for row in rows}, level=level, since=rows[0].queued_at)
    previous: str | None = None
    with valkey.connect(state.config) as client:
        if after is not None:
            found, position = reading.after(client, wanted, after, limit=limit)
        else:
            position = before or reading.newest_id(client)
            until = position if before is None else f"({before}"
            found, previous = reading.before(client, wanted, limit=limit, until=until)
    lines: list[dict[str, Any]] = [*found]
    ended = rows[0].finished_at is not None
    return LogLines(items=[LogLine(**line) for line in lines], next=position, previous=previous, ended=ended)
