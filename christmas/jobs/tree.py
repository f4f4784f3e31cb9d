"""Closing a job completes its parents, and cancels the jobs that waited for its success."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Text, case, cast, func, literal, select, update

from christmas.db.permissions import binds
from christmas.db.tables import job_children, jobs
from christmas.db.types import UtcDateTime

if TYPE_CHECKING:
    from datetime import datetime


@binds("jobs", "write")
def close(connection: Connection, job_id: str, state: str, outcome: dict[str, Any] | None, now: datetime) -> None:
    """Write how an open job ended, at any attempt; complete its parents, cancel what waited for its success."""
    values: dict[str, Any] = {"state": state, "finished_at": now}
    if outcome is not None:
        values["outcome"] = outcome
    values["hooks_at"] = case(
        (func.length(cast(jobs.c.hooks, Text)) > len("[]"), literal(now, UtcDateTime)), else_=None
    )
    statement = update(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(["queued", "running"])).values(values)
    if not connection.execute(statement).rowcount:
        return
    if state != "succeeded":
        waiting = select(jobs.c.id).where(jobs.c.after_id == job_id, jobs.c.state == "queued")
        for later in connection.scalars(waiting).all():
            close(connection, later, "cancelled", {"error": f"The job before it {state}: {job_id}."}, now)
    connection.execute(update(job_children).where(job_children.c.child_id == job_id).values(completed_at=now))
    # In one order for all: two children that end at once lock their common parents one after the other.
    parents = select(job_children.c.parent_id).where(job_children.c.child_id == job_id).order_by("parent_id")
    for parent_id in connection.scalars(parents).all():
        _complete(connection, parent_id, now)


def _complete(connection: Connection, parent_id: str, now: datetime) -> None:
    """Close a parent whose children have all ended; two that end at once must not each see the other one open."""
    parent = connection.execute(
        select(jobs.c.cancel_requested, jobs.c.state).where(jobs.c.id == parent_id).with_for_update()
    ).one()
    rows = connection.execute(
        select(jobs.c.state, func.count(), func.max(job_children.c.completed_at))
        .join(job_children, job_children.c.child_id == jobs.c.id)
        .where(job_children.c.parent_id == parent_id)
        .group_by(jobs.c.state)
    ).all()
    states = {row[0]: row[1] for row in rows}
    if parent.state != "running" or "queued" in states or "running" in states:
        return
    outcome: dict[str, Any] = {"children": sum(states.values()), **states}
    unsuccessful = outcome["children"] - states.get("succeeded", 0)
    state = "cancelled" if parent.cancel_requested else "failed" if unsuccessful else "succeeded"
    if unsuccessful:
        outcome["error"] = f"{unsuccessful} of {outcome['children']} jobs below it did not succeed."
    # The child whose end is written last may have ended before another, for whose lock it waited.
    close(connection, parent_id, state, outcome, max([now, *(row[2] for row in rows if row[2])]))
