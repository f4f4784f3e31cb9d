"""Requests and responses of the routes of jobs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from christmas.jobs.records import Child, JobRow
from christmas.server.api import inputs

PRIORITY_MAX = 1000
JOB = "0b6f5a2c4d1e48f7a9c3b2d1e0f9a8b7"


class NewJob(inputs.Body):
    """A job to be submitted."""

    name: inputs.JobName = Field(description="one of `GET /job-definitions`")
    arguments: inputs.Arguments = Field(default_factory=dict)
    priority: int | None = Field(
        None,
        ge=-PRIORITY_MAX,
        le=PRIORITY_MAX,
        strict=True,
        description="higher runs earlier; null is the job's own",
        examples=[10],
    )


class JobState(BaseModel):
    """Which job, and how far it is."""

    id: str = Field(examples=[JOB])
    name: str = Field(examples=["integrator.sync_links"])
    vendor: str | None = Field(description="null for a job of all vendors", examples=["ornament_shop_com"])
    state: str = Field(description="queued, running, succeeded, failed or cancelled", examples=["running"])


class Job(JobState):
    """One job."""

    parent: str | None = Field(description="the job that has created it", examples=[None])
    root: str = Field(description="the job that was submitted", examples=[JOB])
    after: str | None = Field(description="waits until that job has succeeded", examples=[None])
    consumer: str | None = Field(
        description="the nodes that may take it; null for a job without a process", examples=["integrator"]
    )
    arguments: dict[str, Any] = Field(examples=[{"year": 1998}])
    priority: int = Field(examples=[10])
    attempt: int = Field(examples=[1])
    attempts_max: int = Field(examples=[3])
    node: str | None = Field(description="who runs it", examples=["node-1"])
    cancel_requested: bool = Field(examples=[False])
    submitted_by: str | None = Field(examples=["ann"])
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    outcome: dict[str, Any] | None = Field(
        description="while it is running: its progress", examples=[{"pages_read": 12, "pages_planned": 40}]
    )
    hooks: list[dict[str, Any]] = Field(
        description="what is called when it has ended", examples=[[{"name": "confirm_held", "state": "waiting"}]]
    )

    @classmethod
    def from_record(cls, row: JobRow, **more: Any) -> Self:
        """Make it of a record; ``more`` are a subclass's fields."""
        return cls(
            id=row.id, name=row.name, vendor=row.vendor, state=row.state, parent=row.parent_id, root=row.root_id,
            after=row.after_id, consumer=row.consumer, arguments=row.arguments, priority=row.priority,
            attempt=row.attempt, attempts_max=row.attempts_max, node=row.node, cancel_requested=row.cancel_requested,
            submitted_by=row.submitted_by, queued_at=row.queued_at, started_at=row.started_at,
            finished_at=row.finished_at, outcome=row.outcome, hooks=row.hooks, **more,
        )  # fmt: skip


class JobList(BaseModel):
    """A page of jobs."""

    items: list[Job]
    next: str | None = Field(description="the cursor of the next page; null at the end", examples=[None])


class ChildJob(JobState):
    """A child of a job."""

    completed_at: datetime | None = Field(description="when it completed, as its parent has noted it")


class JobWithChildren(Job):
    """One job with its children of the first generation, in the order of submission."""

    children: list[ChildJob]

    @classmethod
    def of_family(cls, row: JobRow, children: Sequence[Child]) -> Self:
        """Make it of a record and those of its children."""
        return cls.from_record(
            row,
            children=[
                ChildJob(
                    id=one.job.id, name=one.job.name, vendor=one.job.vendor, state=one.job.state,
                    completed_at=one.completed_at,
                )
                for one in children
            ],
        )  # fmt: skip


class JobOfTree(Job):
    """One job of a tree."""

    depth: int = Field(description="how far it is below the job that was asked for", examples=[0])


class JobTree(BaseModel):
    """A job, and behind it everything below it in the order of submission."""

    items: list[JobOfTree]

    @classmethod
    def from_record(cls, rows: Sequence[JobRow]) -> Self:
        """Make it of records, the top first."""
        depth: dict[str, int] = {}
        for row in rows:
            # One that another root had submitted already has its parent elsewhere.
            depth[row.id] = depth.get(row.parent_id or "", 0) + 1 if depth else 0
        return cls(items=[JobOfTree.from_record(row, depth=depth[row.id]) for row in rows])


class Definition(BaseModel):
    """A job that can be submitted."""

    name: str = Field(examples=["integrator.sync_links"])
    consumer: str | None = Field(
        description="the nodes that take it; null for a job that only has children", examples=["integrator"]
    )
    priority: int = Field(examples=[10])
    doc: str = Field(examples=["Refresh a vendor's year links, keys and listing entries."])
    arguments: list["DefinitionArgument"]


class DefinitionArgument(BaseModel):
    """An argument of a job."""

    name: str = Field(examples=["year"])
    type: str = Field(description="in words", examples=["integer from 1900 to 2100"])
    required: bool = Field(examples=[False])
    default: Any = Field(examples=[None])
    values: list[str] | None = Field(description="all that are accepted, where they are few", examples=[None])


class DefinitionList(BaseModel):
    """The jobs that can be submitted, by name."""

    items: list[Definition]
    next: None = Field(default=None, description="always null: they are few")
