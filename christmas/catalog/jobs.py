"""The record of every run, from its start to its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from christmas.catalog.tables import jobs

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class JobRow:
    """One run; ``outcome`` is its progress while it is running."""

    id: str
    name: str
    vendor: str
    arguments: dict[str, Any]
    state: str
    started_at: datetime
    finished_at: datetime | None
    outcome: dict[str, Any] | None


def start(
    connection: Connection, *, job_id: str, name: str, vendor: str, arguments: dict[str, Any], now: datetime
) -> None:
    """Record that a run has started; one of the same id is started anew."""
    connection.execute(delete(jobs).where(jobs.c.id == job_id))
    row = {"id": job_id, "name": name, "vendor": vendor, "arguments": arguments, "state": "running", "started_at": now}
    connection.execute(insert(jobs), row)


def progress(connection: Connection, *, job_id: str, outcome: dict[str, Any]) -> None:
    """Record how far a running run is."""
    connection.execute(update(jobs).where(jobs.c.id == job_id, jobs.c.state == "running").values(outcome=outcome))


def finish(connection: Connection, *, job_id: str, state: str, outcome: dict[str, Any], now: datetime) -> None:
    """Record how a run ended: ``succeeded`` or ``failed``."""
    statement = update(jobs).where(jobs.c.id == job_id).values(state=state, outcome=outcome, finished_at=now)
    connection.execute(statement)


def get(connection: Connection, job_id: str) -> JobRow | None:
    """Give one run; None where there is no such record."""
    return _row(connection.execute(select(jobs).where(jobs.c.id == job_id)).first())


def last(connection: Connection, vendor: str) -> JobRow | None:
    """Give a vendor's latest run; None where there was none."""
    query = select(jobs).where(jobs.c.vendor == vendor).order_by(jobs.c.started_at.desc()).limit(1)
    return _row(connection.execute(query).first())


def _row(row: Row[Any] | None) -> JobRow | None:
    return None if row is None else JobRow(*tuple(row))
