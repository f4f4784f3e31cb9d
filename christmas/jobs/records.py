"""The record of every job, from its submission to its outcome; ``queue`` moves jobs from state to state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Row, Text, delete, func, literal_column, select

from christmas.db.permissions import binds
from christmas.db.tables import job_children, jobs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

OPEN = ("queued", "running")
PRUNED_AT_ONCE = 1000
STATES = (*OPEN, "succeeded", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job; ``outcome`` is its progress while it is running. The fields are the columns of the table."""

    id: str
    root_id: str
    parent_id: str | None
    after_id: str | None
    name: str
    vendor: str | None
    consumer: str | None
    arguments: dict[str, Any]
    settings: dict[str, str]
    version: str | None
    priority: int
    fingerprint: str
    state: str
    attempt: int
    attempts_max: int
    node: str | None
    process: str | None
    cancel_requested: bool
    submitted_by: str | None
    queued_at: datetime
    started_at: datetime | None
    heartbeat_at: datetime | None
    finished_at: datetime | None
    outcome: dict[str, Any] | None
    hooks: list[dict[str, Any]]
    hooks_at: datetime | None


@dataclass(frozen=True, slots=True)
class Child:
    """A first-generation child of a job, and when it completed."""

    job: JobRow
    completed_at: datetime | None


def pages_of(outcome: Mapping[str, Any] | None) -> tuple[int, int | None]:
    """Return how many pages a run has tried, and how many there will be as far as it is known; None while it is not."""
    outcome = outcome or {}
    tried = sum(outcome.get(f"pages_{name}", 0) for name in ("read", "unreadable", "blocked", "failed"))
    planned = outcome.get("pages_planned", 0)
    return tried, max(planned, tried) if planned else None  # a listing's further pages come unplanned


def get(connection: Connection, job_id: str) -> JobRow | None:
    """Return one job; None where there is no such record."""
    row = connection.execute(select(jobs).where(jobs.c.id == job_id)).first()
    return None if row is None else as_job(row)


def last(connection: Connection, vendor: str) -> JobRow | None:
    """Return a vendor's latest run; None where there was none."""
    query = select(jobs).where(jobs.c.vendor == vendor, jobs.c.started_at.is_not(None))
    row = connection.execute(query.order_by(jobs.c.started_at.desc()).limit(1)).first()
    return None if row is None else as_job(row)


def find(
    connection: Connection,
    *,
    states: Sequence[str] = STATES,
    node: str | None = None,
    vendor: str | None = None,
    vendors: Sequence[str] | None = None,
    name: str | None = None,
    processes_only: bool = False,
    before: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> list[JobRow]:
    """Return the jobs in these states, the newest first.

    ``vendors`` are those that may be seen; ``before`` is ``queued_at`` and id of the last one of the page before.
    """
    query = select(jobs).order_by(jobs.c.queued_at.desc(), jobs.c.id)
    if set(states) != set(STATES):
        many = node is None and vendor is None and vendors is None and not set(states) <= set(OPEN)
        query = query.where((_by_time(connection) if many else jobs.c.state).in_(states))
    if vendor is not None:
        query = query.where(jobs.c.vendor == vendor)
    if name is not None:
        query = query.where(jobs.c.name == name)
    if before is not None:
        at, job_id = before
        query = query.where(jobs.c.queued_at <= at, (jobs.c.queued_at < at) | (jobs.c.id > job_id))
    if node is not None:
        query = query.where(jobs.c.node == node)
    if vendors is not None:
        query = query.where(jobs.c.vendor.in_(vendors))
    if processes_only:
        query = query.where(jobs.c.consumer.is_not(None))
    return [as_job(row) for row in connection.execute(query.limit(limit))]


def _by_time(connection: Connection) -> ColumnElement[str]:
    """Return the state as SQLite cannot look it up: ended jobs are many, and not all to be sorted for one page."""
    return literal_column("+jobs.state", Text) if connection.dialect.name == "sqlite" else jobs.c.state


def count(connection: Connection, *, node: str | None = None, vendors: Sequence[str] | None = None) -> dict[str, int]:
    """Return how many jobs with a process there are in each state; of one node or of some vendors, where given."""
    query = select(jobs.c.state, func.count()).where(jobs.c.consumer.is_not(None)).group_by(jobs.c.state)
    if node is not None:
        query = query.where(jobs.c.node == node)
    if vendors is not None:
        query = query.where(jobs.c.vendor.in_(vendors))
    return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in connection.execute(query)}


def ended(connection: Connection, since: datetime, until: datetime, *, limit: int) -> tuple[list[JobRow], datetime]:
    """Return the jobs that ended after ``since`` and not after ``until``, or some ``limit`` of them, and up to when.

    Jobs that ended at one moment, as those of one cancelling do, are given together.
    """
    later = jobs.c.finished_at > since
    moments = select(jobs.c.finished_at).where(later, jobs.c.finished_at <= until).order_by(jobs.c.finished_at)
    reached: datetime = connection.scalar(moments.offset(limit - 1).limit(1)) or until
    query = select(jobs).where(later, jobs.c.finished_at <= reached).order_by(jobs.c.finished_at, jobs.c.id)
    return [as_job(row) for row in connection.execute(query)], reached


def queue_depth(
    connection: Connection, state: str, vendors: Sequence[str] | None = None
) -> tuple[dict[str, int], datetime | None]:
    """Return how many jobs of each consumer are in a state, and when the first of them was submitted."""
    query = select(jobs.c.consumer, func.count(), func.min(jobs.c.queued_at)).where(
        jobs.c.state == state, jobs.c.consumer.is_not(None)
    )
    if vendors is not None:
        query = query.where(jobs.c.vendor.in_(vendors))
    rows = connection.execute(query.group_by(jobs.c.consumer)).all()
    return {row[0]: row[1] for row in rows}, min((row[2] for row in rows), default=None)


def tree(connection: Connection, root_id: str) -> list[JobRow]:
    """Return a job, and behind it everything below it in the order of submission."""
    found = {root_id: get(connection, root_id)}
    level = [root_id]
    while level:
        query = select(job_children.c.child_id).where(job_children.c.parent_id.in_(level))
        level = [child for child in connection.scalars(query) if child not in found]
        if level:
            found |= {row.id: as_job(row) for row in connection.execute(select(jobs).where(jobs.c.id.in_(level)))}
    return sorted((row for row in found.values() if row), key=lambda row: (row.id != root_id, row.queued_at))


def children(connection: Connection, parent_id: str) -> list[Child]:
    """Return a job's first-generation children, in the order of submission."""
    query = (
        select(jobs, job_children.c.completed_at)
        .join(job_children, job_children.c.child_id == jobs.c.id)
        .where(job_children.c.parent_id == parent_id)
        .order_by(jobs.c.queued_at, jobs.c.id)
    )
    return [Child(as_job(row[:-1]), row[-1]) for row in connection.execute(query)]


@binds("jobs", "delete")
def prune(connection: Connection, before: datetime) -> int:
    """Remove jobs that were queued before, and ended; at most a thousand at once. Return how many."""
    waiting = jobs.alias("waiting")
    awaited = select(waiting.c.id).where(waiting.c.after_id == jobs.c.id, waiting.c.state.in_(OPEN)).exists()
    old = select(jobs.c.id).where(jobs.c.queued_at < before, jobs.c.state.not_in(OPEN), ~awaited)
    ids = list(connection.scalars(old.limit(PRUNED_AT_ONCE)))
    for column in (job_children.c.parent_id, job_children.c.child_id):
        connection.execute(delete(job_children).where(column.in_(ids)))
    return connection.execute(delete(jobs).where(jobs.c.id.in_(ids))).rowcount


def as_job(row: Row[Any] | tuple[Any, ...]) -> JobRow:
    """Make a record of a row of the whole table."""
    return JobRow(*tuple(row))
