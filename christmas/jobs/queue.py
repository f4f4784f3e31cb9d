"""The jobs table as the queue: submit, claim, heartbeat, release, requeue, complete, cancel.

``attempt`` is the fence: every step of a run names its attempt, and one that was taken over finds nothing to change.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, case, insert, select, update
from sqlalchemy.exc import IntegrityError

from christmas.db import dialects
from christmas.db.permissions import binds
from christmas.db.tables import job_children, jobs
from christmas.errors import ArgumentError
from christmas.jobs import tree
from christmas.jobs.records import JobRow, as_job, get

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be submitted; without a consumer it runs no process and ends with its last child."""

    id: str
    name: str
    vendor: str | None
    consumer: str | None
    arguments: dict[str, Any]
    settings: dict[str, str] = field(default_factory=dict)
    version: str | None = None
    priority: int = 0
    attempts_max: int = 1
    parent: JobRow | None = None
    after_id: str | None = None
    submitted_by: str | None = None
    hooks: Sequence[str] = ()
    always_new: bool = False

    @property
    def fingerprint(self) -> str:
        """Return a hash that is equal for the same job with the same arguments."""
        what = [self.name, self.vendor, self.arguments, self.settings, self.version, self.after_id]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


@binds("jobs", "write")
def submit(connection: Connection, new: NewJob, now: datetime) -> tuple[JobRow, bool]:
    """Add a job, or return the open one that is the same, and whether it is new.

    Raise ArgumentError where another job has the id.
    """
    fingerprint = new.fingerprint
    found = _open_one(connection, fingerprint)
    if found is not None and new.always_new:
        fingerprint, found = new.id, None
    is_new = False
    while found is None:
        row = _row(new, now) | {"fingerprint": fingerprint}
        statement = dialects.insert(connection, jobs).values(row).on_conflict_do_nothing().returning(jobs.c.id)
        is_new = connection.scalar(statement) is not None
        found = get(connection, new.id) if is_new else _open_one(connection, fingerprint)
        if found is None and get(connection, new.id) is not None:
            raise ArgumentError(f"There is a job {new.id!r} already.")
    if new.parent is not None:
        _link(connection, new.parent.id, found.id)
    return found, is_new


def _row(new: NewJob, now: datetime) -> dict[str, Any]:
    root = new.consumer is None
    return {
        "id": new.id,
        "root_id": new.parent.root_id if new.parent else new.id,
        "parent_id": new.parent.id if new.parent else None,
        "after_id": new.after_id,
        "name": new.name,
        "vendor": new.vendor,
        "consumer": new.consumer,
        "arguments": new.arguments,
        "settings": new.settings,
        "version": new.version,
        "priority": new.priority,
        "fingerprint": new.fingerprint,
        "state": "running" if root else "queued",
        "attempts_max": new.attempts_max,
        "submitted_by": new.submitted_by,
        "queued_at": now,
        "started_at": now if root else None,
        "hooks": [{"name": name, "state": "waiting", "attempts": 0} for name in new.hooks],
    }


def _open_one(connection: Connection, fingerprint: str) -> JobRow | None:
    query = select(jobs).where(jobs.c.fingerprint == fingerprint, jobs.c.state.in_(["queued", "running"]))
    row = connection.execute(query.with_for_update()).first()
    return None if row is None else as_job(row)


def _link(connection: Connection, parent_id: str, child_id: str) -> None:
    link = {"parent_id": parent_id, "child_id": child_id}
    connection.execute(dialects.insert(connection, job_children).values(link).on_conflict_do_nothing())


@binds("jobs", "write")
def claim(
    connection: Connection, consumers: Sequence[str] | None, node: str, now: datetime, vendors: Sequence[str] = ()
) -> JobRow | None:
    """Claim the next job by priority and age whose vendor has no live run; return None where there is none.

    ``consumers`` None means all. ``vendors`` are left out: another node has just claimed them.
    """
    busy = select(jobs.c.vendor).where(jobs.c.state == "running", jobs.c.node.is_not(None))
    before = jobs.alias("before")
    ready = (
        jobs.c.after_id.is_(None)
        | select(before.c.id).where(before.c.id == jobs.c.after_id, before.c.state == "succeeded").exists()
    )
    query = select(jobs.c.id, jobs.c.vendor).where(jobs.c.state == "queued", jobs.c.vendor.not_in(busy), ready)
    query = query.where(jobs.c.consumer.is_not(None) if consumers is None else jobs.c.consumer.in_(consumers))
    query = query.where(jobs.c.vendor.not_in(vendors)) if vendors else query
    query = query.order_by(jobs.c.priority.desc(), jobs.c.queued_at, jobs.c.id).limit(1)
    row = connection.execute(query.with_for_update(skip_locked=True, of=jobs)).first()
    if row is None:
        return None
    values = {"state": "running", "node": node, "heartbeat_at": now, "started_at": now, "process": None}
    statement = update(jobs).where(jobs.c.id == row.id).values(values | {"attempt": jobs.c.attempt + 1})
    try:
        with connection.begin_nested():
            connection.execute(statement)
    except IntegrityError:  # another node has begun to read that vendor in this moment
        return claim(connection, consumers, node, now, [*vendors, row.vendor])
    return get(connection, row.id)


@binds("jobs", "write")
def start(connection: Connection, new: NewJob, *, node: str, process: str, now: datetime) -> JobRow:
    """Record a run that was started without the queue; raise IntegrityError where the vendor has a live run."""
    row = _row(new, now) | {"state": "running", "attempt": 1, "node": node, "process": process}
    connection.execute(insert(jobs), row | {"started_at": now, "heartbeat_at": now, "fingerprint": new.id})
    job = get(connection, new.id)
    assert job is not None  # noqa: S101  # inserted above
    return job


@binds("jobs", "write")
def heartbeat(
    connection: Connection,
    job_id: str,
    attempt: int,
    now: datetime,
    *,
    process: str | None = None,
    outcome: dict[str, Any] | None = None,
) -> str:
    """Record a run's heartbeat and progress; return ``held``, ``cancelled`` (stop) or ``lost`` (taken over)."""
    values: dict[str, Any] = {"heartbeat_at": now}
    values |= {"process": process} if process is not None else {}
    values |= {"outcome": outcome} if outcome is not None else {}
    if not connection.execute(_mine(job_id, attempt).values(values)).rowcount:
        return "lost"
    cancelled = connection.scalar(select(jobs.c.cancel_requested).where(jobs.c.id == job_id))
    return "cancelled" if cancelled else "held"


@binds("jobs", "write")
def complete(
    connection: Connection, job_id: str, attempt: int, *, state: str, outcome: dict[str, Any], now: datetime
) -> bool:
    """Write how a run ended; return False, with nothing written, where another attempt has the job."""
    if not connection.execute(_mine(job_id, attempt).values(heartbeat_at=now)).rowcount:
        return False
    tree.close(connection, job_id, state, outcome, now)
    return True


@binds("jobs", "write")
def release(connection: Connection, job_id: str, attempt: int) -> bool:
    """Return a run's job to the queue, for a node that shuts down; this costs none of the job's attempts."""
    values = {"state": "queued", "node": None, "process": None, "attempts_max": jobs.c.attempts_max + 1}
    return bool(connection.execute(_mine(job_id, attempt).values(values)).rowcount)


@binds("jobs", "write")
def requeue(connection: Connection, job: JobRow, error: str, now: datetime, *, by_itself: bool = False) -> str | None:
    """Requeue a job whose run has died, or (``by_itself``) cannot go on; fail it where no attempt is left.

    Return the job's new state; None where the run is alive after all, or another attempt has the job.
    """
    same = (jobs.c.attempt == job.attempt) & (jobs.c.state == "running")
    if not by_itself:
        same &= jobs.c.heartbeat_at == job.heartbeat_at
    again = case((jobs.c.attempt < jobs.c.attempts_max, "queued"), else_="running")
    statement = update(jobs).where(jobs.c.id == job.id, same).values(state=again, node=None, process=None)
    if not connection.execute(statement).rowcount:
        return None
    current = get(connection, job.id)
    assert current is not None  # noqa: S101  # changed above
    if current.cancel_requested:
        _close_at(connection, job, "cancelled", None, now)
        return "cancelled"
    outcome = {**(current.outcome or {}), "error": error}
    if current.state == "queued":
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(outcome=outcome))
        return "queued"
    _close_at(connection, job, "failed", outcome, now)
    return "failed"


def _close_at(connection: Connection, job: JobRow, state: str, outcome: dict[str, Any] | None, now: datetime) -> None:
    """Close a requeued job for good; it keeps its node, so that the node still lists it."""
    tree.close(connection, job.id, state, outcome, now)
    connection.execute(update(jobs).where(jobs.c.id == job.id).values(node=job.node))


def running(connection: Connection, vendor: str | None = None) -> list[JobRow]:
    """Return the runs that have a process, of one vendor or of all."""
    query = select(jobs).where(jobs.c.state == "running", jobs.c.node.is_not(None))
    if vendor is not None:
        query = query.where(jobs.c.vendor == vendor)
    return [as_job(row) for row in connection.execute(query)]


@binds("jobs", "write")
def cancel(connection: Connection, job_id: str, now: datetime) -> str | None:
    """Cancel a job and its descendants; return the state it was in, None where there is no such open job."""
    _lock(connection, job_id)
    return _cancel(connection, job_id, now)


def _lock(connection: Connection, job_id: str) -> None:
    """Lock a job and its descendants in the order in which completions do: processes first, the root last."""
    job = get(connection, job_id)
    if job is None:
        return
    query = select(jobs.c.id).where(jobs.c.id == job_id if job.consumer else jobs.c.root_id == job.root_id)
    query = query.where(jobs.c.state.in_(["queued", "running"])).with_for_update()
    connection.execute(query.where(jobs.c.consumer.is_not(None)).order_by(jobs.c.queued_at, jobs.c.id)).all()
    connection.execute(query.where(jobs.c.consumer.is_(None)).order_by(jobs.c.queued_at.desc(), jobs.c.id)).all()


def _cancel(connection: Connection, job_id: str, now: datetime) -> str | None:
    job = get(connection, job_id)
    if job is None or job.state not in {"queued", "running"}:
        return None
    if job.state == "queued":
        tree.close(connection, job_id, "cancelled", None, now)
        return "queued"
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(cancel_requested=True))
    if job.node is None:
        own = select(jobs.c.id).where(jobs.c.parent_id == job_id, jobs.c.state.in_(["queued", "running"]))
        for child_id in connection.scalars(own.order_by(jobs.c.queued_at.desc())).all():
            _cancel(connection, child_id, now)
    return "running"


def _mine(job_id: str, attempt: int) -> Any:
    return update(jobs).where(jobs.c.id == job_id, jobs.c.attempt == attempt, jobs.c.state == "running")
