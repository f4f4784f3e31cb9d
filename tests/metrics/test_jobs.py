"""Durations of jobs: each ended job once, however many nodes look, and whatever goes wrong between."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Engine, update

from christmas import valkey
from christmas.config import Config
from christmas.db import database
from christmas.db.tables import jobs as table
from christmas.jobs import queue, records
from christmas.jobs.queue import NewJob
from christmas.metrics import jobs, store

pytestmark = pytest.mark.integration

VENDOR, OTHER = "ornament_shop_com", "hookedonhallmark_com"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Redis]:
    with valkey.connect(Config(var_path=tmp_path)) as client:
        yield client
    valkey.release(tmp_path / "valkey")


@pytest.fixture
def begun(engine: Engine, client: Redis) -> Engine:
    """Return a catalog whose jobs are counted from an hour ago on."""
    jobs.collect(engine, client, NOW - timedelta(hours=1))
    return engine


def run(
    engine: Engine, job_id: str, *, vendor: str = VENDOR, waited: float = 2, took: float = 30,
    ended: datetime = NOW - timedelta(minutes=10), state: str = "succeeded",
) -> None:  # fmt: skip
    """Submit, claim and end a job at times of the test's."""
    started = ended - timedelta(seconds=took)
    job = NewJob(job_id, "integrator.sync_links", vendor, "integrator", {"id": job_id})
    with database.begin(engine) as connection:
        queue.submit(connection, job, started - timedelta(seconds=waited))
        claimed = queue.claim(connection, None, "node", started)
        assert claimed is not None
        assert claimed.id == job_id
        queue.complete(connection, job_id, 1, state=state, outcome={}, now=ended)


def total(client: Redis, vendor: str, metric: str) -> int:
    return sum(store.totals(client, [vendor])[0].histograms.get(metric, {}).values())


def test_wait_and_duration_are_kept_by_vendor(begun: Engine, client: Redis) -> None:
    run(begun, "a", waited=4, took=60)
    run(begun, "b", vendor=OTHER, took=600, state="failed")
    assert jobs.collect(begun, client, NOW) == 2
    found = store.totals(client, [VENDOR])[0]
    assert found.quantile("queue_wait", 0.5) == pytest.approx(4, rel=0.02)
    assert found.quantile("run_duration", 0.5) == pytest.approx(60, rel=0.02)
    assert found.counts == {"jobs|succeeded": 1}
    assert store.totals(client, [OTHER])[0].counts == {"jobs|failed": 1}
    # In the minute they ended in, not in that of the look.
    recent = store.read(client, VENDOR, (NOW - timedelta(minutes=5)).timestamp(), NOW.timestamp())
    assert recent.histograms == {}


def test_children_complete_after_their_roots_start(begun: Engine, client: Redis) -> None:
    began = NOW - timedelta(minutes=20)
    root = NewJob("root", "integrator.sync_all", None, None, {"stage": "links"})
    with database.begin(begun) as connection:
        queue.submit(connection, root, began)
    children = {"one": 2, "two": 4}
    for job_id in children:
        with database.begin(begun) as connection:
            above = records.get(connection, "root")
            child = NewJob(job_id, "integrator.sync_links", job_id, "integrator", {}, parent=above)
            queue.submit(connection, child, began)
        with database.begin(begun) as connection:
            assert queue.claim(connection, None, "node", began) is not None
    with database.begin(begun) as connection:
        for job_id, minutes in children.items():
            ended = began + timedelta(minutes=minutes)
            queue.complete(connection, job_id, 1, state="succeeded", outcome={}, now=ended)
    assert jobs.collect(begun, client, NOW) == 3
    found = store.totals(client, [jobs.NO_VENDOR])[0]
    assert found.counts == {"jobs|succeeded": 1}
    assert found.quantile("child_completion", 0.5) == pytest.approx(120, rel=0.02)
    assert found.quantile("child_completion", 1) == pytest.approx(240, rel=0.02)
    assert found.quantile("run_duration", 0.5) == pytest.approx(240, rel=0.02)


def test_many_nodes_that_look_at_once_count_each_job_once(
    begun: Engine, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "AT_ONCE", 7)
    for number in range(40):
        run(begun, f"job-{number}", ended=NOW - timedelta(minutes=30) + timedelta(seconds=number // 3))

    def look(_: int) -> int:
        return jobs.collect(begun, client, NOW)

    with ThreadPoolExecutor(6) as nodes:
        counted = sum(nodes.map(look, range(60)))
    assert counted == 40
    assert total(client, VENDOR, "run_duration") == 40
    assert jobs.collect(begun, client, NOW) == 0


def test_an_end_that_is_committed_late_is_not_missed(begun: Engine, client: Redis) -> None:
    """One that waits for the lock is visible after jobs that ended later."""
    run(begun, "first", ended=NOW - timedelta(seconds=9))
    run(begun, "late", ended=NOW - timedelta(seconds=5))
    with database.begin(begun) as connection:  # not committed yet
        connection.execute(update(table).where(table.c.id == "first").values(finished_at=None))
    jobs.collect(begun, client, NOW)
    with database.begin(begun) as connection:
        values = {"finished_at": NOW - timedelta(seconds=9)}
        connection.execute(update(table).where(table.c.id == "first").values(values))
    jobs.collect(begun, client, NOW + timedelta(minutes=1))
    assert total(client, VENDOR, "run_duration") == 2


def test_nothing_is_counted_where_the_write_fails(
    begun: Engine, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(begun, "a")

    def fail(*_: object) -> None:
        raise ConnectionError("the connection broke")

    with monkeypatch.context() as patch:
        patch.setattr(store, "queue", fail)
        with pytest.raises(ConnectionError):
            jobs.collect(begun, client, NOW)
    assert jobs.collect(begun, client, NOW) == 1
    assert total(client, VENDOR, "run_duration") == 1


def test_what_ended_before_the_first_look_is_not_counted(engine: Engine, client: Redis) -> None:
    run(engine, "old")
    assert jobs.collect(engine, client, NOW) == 0
    assert jobs.collect(engine, client, NOW + timedelta(minutes=1)) == 0
    assert store.vendors(client) == []
