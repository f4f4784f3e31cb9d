"""What every look of a node, every submission and every heartbeat does finds its rows by an index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from christmas.jobs import hooks, queue, records
from christmas.jobs.queue import NewJob
from tests.catalog.plans import collected, whole_tables

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ROOT = NewJob("root", "integrator.sync_all", None, None, {}, hooks=["log_run"])


def new(number: int, **more: object) -> NewJob:
    values = {"consumer": "integrator", "arguments": {"n": number}, "hooks": ["log_run"], **more}
    return NewJob(f"job{number}", "integrator.sync_links", f"shop_{number}", **values)  # type: ignore[arg-type]


@pytest.fixture
def busy(connection: Connection) -> Connection:
    """Return a table with a root, of whose children some have ended and one is running."""
    root, _ = queue.submit(connection, ROOT, NOW)
    for number in range(200):
        queue.submit(connection, new(number, parent=root), NOW)
    for _ in range(100):
        job = queue.claim(connection, None, "node", NOW)
        assert job is not None
        queue.complete(connection, job.id, 1, state="succeeded", outcome={}, now=NOW)
    assert queue.claim(connection, None, "node", NOW) is not None
    return connection


def running(connection: Connection) -> records.JobRow:
    return queue.running(connection)[0]


DONE: dict[str, Callable[[Connection], object]] = {
    "submit": lambda connection: queue.submit(connection, new(500), LATER),
    "submit again": lambda connection: queue.submit(connection, new(99), LATER),
    "claim": lambda connection: queue.claim(connection, ["integrator"], "node", LATER),
    "claim of any": lambda connection: queue.claim(connection, None, "node", LATER),
    "renew": lambda connection: queue.heartbeat(connection, "job150", 1, LATER),
    "finish": lambda connection: queue.complete(
        connection, running(connection).id, 1, state="failed", outcome={}, now=LATER
    ),
    "lose": lambda connection: queue.requeue(connection, running(connection), "x", LATER),
    "cancel": lambda connection: queue.cancel(connection, "root", LATER),
    "running": queue.running,
    "hooks": lambda connection: hooks.claim_due(connection, LATER, LATER),
    "newest": lambda connection: records.find(connection, limit=50),
    "ended here": lambda connection: records.find(connection, states=["succeeded"], node="node", limit=50),
    "running here": lambda connection: records.find(connection, states=["running"], node="node"),
    "tree": lambda connection: records.tree(connection, "root"),
    "children": lambda connection: records.children(connection, "root"),
}


def bad_steps(connection: Connection, act: Callable[[Connection], object]) -> list[str]:
    """Do something, explain all its statements, and undo it; return the steps that read a whole table."""
    found = []
    with connection.begin_nested() as point:
        with collected(connection) as statements:
            act(connection)
        assert statements
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        for statement, parameters in statements:
            if not statement.startswith(("INSERT", "SAVEPOINT", "RELEASE")):
                found += [f"{step} in {statement}" for step in whole_tables(connection, statement, parameters)]
        point.rollback()
    return found


def test_the_queue_is_never_read_whole(busy: Connection) -> None:
    found = {name: bad_steps(busy, act) for name, act in DONE.items()}
    # A page of the newest walks back in time, and ends when it is full.
    newest = [step for step in found.pop("newest") if not step.startswith("SCAN jobs USING INDEX ix_jobs_queued_at")]
    assert {name: steps for name, steps in found.items() if steps} | {"newest": newest} == {"newest": []}
