"""Post hooks of ended jobs: which are due, and how they went. What they do is in ``jobs.hooks``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select, update

from christmas.db.permissions import binds
from christmas.db.tables import jobs
from christmas.jobs.records import JobRow, as_job

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


@binds("jobs", "write")
def claim(connection: Connection, now: datetime, again_at: datetime) -> JobRow | None:
    """Take a job whose hooks are due; they are due again at ``again_at`` where this process dies meanwhile."""
    query = select(jobs).where(jobs.c.hooks_at <= now).order_by(jobs.c.hooks_at).limit(1)
    row = connection.execute(query.with_for_update(skip_locked=True)).first()
    if row is None:
        return None
    connection.execute(update(jobs).where(jobs.c.id == row.id).values(hooks_at=again_at))
    return as_job(row)


@binds("jobs", "write")
def record(connection: Connection, job_id: str, results: Sequence[dict[str, Any]], again_at: datetime | None) -> None:
    """Write how a job's hooks went, and when those that failed are tried again."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(hooks=list(results), hooks_at=again_at))
