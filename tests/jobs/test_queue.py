"""The jobs table as the queue, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from christmas.db import database
from christmas.errors import ArgumentError
from christmas.jobs import queue, records
from christmas.jobs.queue import NewJob

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def new(job_id: str, vendor: str = "shop_a", name: str = "integrator.sync_links", **more: Any) -> NewJob:
    values: dict[str, Any] = {"consumer": "integrator", "arguments": {"n": job_id}, "attempts_max": 3}
    return NewJob(job_id, name, vendor, **(values | more))


def root(job_id: str = "root") -> NewJob:
    return NewJob(job_id, "integrator.sync_vendor", "shop_a", None, {})


def state(connection: Connection, job_id: str) -> str:
    job = records.get(connection, job_id)
    assert job is not None
    return job.state


def test_priority_then_age_decide_and_a_vendor_is_read_once(connection: Connection) -> None:
    queue.submit(connection, new("old"), at(0))
    queue.submit(connection, new("young"), at(1))
    queue.submit(connection, new("urgent", priority=5), at(2))
    queue.submit(connection, new("elsewhere", vendor="shop_b"), at(3))
    claimed = [queue.claim(connection, None, "node", at(4)) for _ in range(3)]
    assert [job and job.id for job in claimed] == ["urgent", "elsewhere", None]
    queue.complete(connection, "urgent", 1, state="succeeded", outcome={}, now=at(5))
    following = queue.claim(connection, None, "node", at(6))
    assert following is not None
    assert (following.id, following.attempt, following.node) == ("old", 1, "node")


def test_a_node_takes_the_jobs_of_its_consumers_only(connection: Connection) -> None:
    queue.submit(connection, new("browser", consumer="integrator.browser"), at(0))
    queue.submit(connection, new("audit", vendor="shop_b", consumer="auditor"), at(0))
    assert queue.claim(connection, ["integrator"], "node", at(1)) is None
    found = queue.claim(connection, ["integrator", "auditor"], "node", at(1))
    assert found is not None
    assert found.id == "audit"


def test_the_same_job_is_answered_with_the_open_one(connection: Connection) -> None:
    first, is_new = queue.submit(connection, new("a", arguments={"year": 1998}), at(0))
    assert is_new
    again, is_new = queue.submit(connection, new("b", arguments={"year": 1998}), at(1))
    assert (again.id, is_new) == (first.id, False)
    other, is_new = queue.submit(connection, new("c", arguments={"year": 1999}), at(1))
    assert (other.id, is_new) == ("c", True)
    queue.cancel(connection, "a", at(2))
    later, is_new = queue.submit(connection, new("d", arguments={"year": 1998}), at(3))
    assert (later.id, is_new) == ("d", True)


def test_an_id_is_given_once(connection: Connection) -> None:
    queue.submit(connection, new("a"), at(0))
    with pytest.raises(ArgumentError, match="There is a job 'a' already"):
        queue.submit(connection, new("a", arguments={"year": 1999}), at(1))
    assert state(connection, "a") == "queued"


def test_a_lost_run_is_tried_three_times_and_then_failed(connection: Connection) -> None:
    queue.submit(connection, new("a"), at(0))
    for attempt in (1, 2, 3):
        job = queue.claim(connection, None, "node", at(attempt))
        assert job is not None
        assert job.attempt == attempt
        assert queue.requeue(connection, job, f"death {attempt}", at(attempt)) == (
            "failed" if attempt == 3 else "queued"
        )
    ended = records.get(connection, "a")
    assert ended is not None
    assert (ended.state, ended.outcome) == ("failed", {"error": "death 3"})
    assert queue.claim(connection, None, "node", at(9)) is None


def test_an_attempt_that_was_taken_over_changes_nothing(connection: Connection) -> None:
    queue.submit(connection, new("a"), at(0))
    first = queue.claim(connection, None, "one", at(1))
    assert first is not None
    queue.requeue(connection, first, "not heard of", at(20))
    queue.claim(connection, None, "two", at(21))
    assert queue.heartbeat(connection, "a", 1, at(22), outcome={"pages": 9}) == "lost"
    assert not queue.complete(connection, "a", 1, state="succeeded", outcome={}, now=at(22))
    assert not queue.release(connection, "a", 1)
    assert queue.heartbeat(connection, "a", 2, at(22)) == "held"
    assert state(connection, "a") == "running"


def test_a_run_that_renewed_is_not_taken_over(connection: Connection) -> None:
    queue.submit(connection, new("a"), at(0))
    seen = queue.claim(connection, None, "one", at(1))
    assert seen is not None
    queue.heartbeat(connection, "a", 1, at(2))
    assert queue.requeue(connection, seen, "not heard of", at(20)) is None
    assert state(connection, "a") == "running"


def test_handing_back_costs_no_attempt(connection: Connection) -> None:
    queue.submit(connection, new("a", attempts_max=1), at(0))
    for attempt in (1, 2, 3, 4):
        job = queue.claim(connection, None, "node", at(attempt))
        assert job is not None
        assert queue.release(connection, "a", attempt)
    assert state(connection, "a") == "queued"


def test_cancelling_a_queued_a_running_and_an_ended_job(connection: Connection) -> None:
    queue.submit(connection, new("a"), at(0))
    assert queue.cancel(connection, "a", at(1)) == "queued"
    assert state(connection, "a") == "cancelled"
    assert queue.cancel(connection, "a", at(2)) is None
    assert queue.cancel(connection, "unknown", at(2)) is None
    queue.submit(connection, new("b"), at(3))
    job = queue.claim(connection, None, "node", at(4))
    assert job is not None
    assert queue.cancel(connection, "b", at(5)) == "running"
    assert queue.heartbeat(connection, "b", 1, at(6)) == "cancelled"
    assert state(connection, "b") == "running"
    renewed = records.get(connection, "b")
    assert renewed is not None
    assert queue.requeue(connection, renewed, "killed", at(7)) == "cancelled"


def test_a_job_waits_for_the_one_before_it(connection: Connection) -> None:
    parent, _ = queue.submit(connection, root(), at(0))
    queue.submit(connection, new("links", parent=parent), at(0))
    queue.submit(connection, new("products", parent=parent, after_id="links", priority=9), at(0))
    assert (job := queue.claim(connection, None, "node", at(1))) is not None
    assert job.id == "links"
    queue.complete(connection, "links", 1, state="succeeded", outcome={}, now=at(2))
    assert (job := queue.claim(connection, None, "node", at(3))) is not None
    assert job.id == "products"
    assert state(connection, "root") == "running"
    queue.complete(connection, "products", 1, state="succeeded", outcome={}, now=at(5))
    done = records.get(connection, "root")
    assert done is not None
    assert (done.state, done.started_at, done.finished_at) == ("succeeded", at(0), at(5))
    assert done.outcome == {"children": 2, "succeeded": 2}
    assert [(one.job.id, one.completed_at) for one in records.children(connection, "root")] == [
        ("links", at(2)),
        ("products", at(5)),
    ]


def test_what_waited_for_a_failed_job_is_cancelled_and_the_root_fails(connection: Connection) -> None:
    parent, _ = queue.submit(connection, root(), at(0))
    queue.submit(connection, new("links", parent=parent), at(0))
    queue.submit(connection, new("products", parent=parent, after_id="links"), at(0))
    queue.claim(connection, None, "node", at(1))
    queue.complete(connection, "links", 1, state="failed", outcome={"error": "x"}, now=at(2))
    assert (state(connection, "products"), state(connection, "root")) == ("cancelled", "failed")
    assert [row.id for row in records.tree(connection, "root")] == ["root", "links", "products"]


def test_a_shared_child_completes_both_parents(connection: Connection) -> None:
    first, _ = queue.submit(connection, root("one"), at(0))
    second, _ = queue.submit(connection, NewJob("two", "integrator.sync_all", None, None, {}), at(0))
    queue.submit(connection, new("a", parent=first, arguments={}), at(0))
    queue.submit(connection, new("b", parent=second, arguments={}), at(0))
    queue.claim(connection, None, "node", at(1))
    queue.complete(connection, "a", 1, state="succeeded", outcome={}, now=at(2))
    assert (state(connection, "one"), state(connection, "two")) == ("succeeded", "succeeded")


def test_a_root_ends_with_its_last_child_whichever_is_written_last(connection: Connection) -> None:
    parent, _ = queue.submit(connection, root(), at(0))
    for number, vendor in enumerate(("a_com", "b_com")):
        queue.submit(connection, new(vendor, parent=parent, vendor=vendor, arguments={"n": number}), at(0))
        queue.claim(connection, None, "node", at(1))
    queue.complete(connection, "a_com", 1, state="succeeded", outcome={}, now=at(5))
    queue.complete(connection, "b_com", 1, state="succeeded", outcome={}, now=at(3))
    done = records.get(connection, "root")
    assert done is not None
    assert (done.state, done.finished_at) == ("succeeded", at(5))


def test_cancelling_a_root_cancels_what_it_started(connection: Connection) -> None:
    parent, _ = queue.submit(connection, root(), at(0))
    queue.submit(connection, new("links", parent=parent), at(0))
    queue.submit(connection, new("products", parent=parent, after_id="links"), at(0))
    queue.claim(connection, None, "node", at(1))
    assert queue.cancel(connection, "root", at(2)) == "running"
    assert queue.heartbeat(connection, "links", 1, at(3)) == "cancelled"
    queue.complete(connection, "links", 1, state="cancelled", outcome={}, now=at(4))
    assert [state(connection, job) for job in ("root", "links", "products")] == ["cancelled"] * 3


def test_post_hooks_become_due_when_the_job_ends(connection: Connection) -> None:
    queue.submit(connection, new("a", hooks=["log_run"]), at(0))
    queue.submit(connection, new("b", vendor="shop_b"), at(0))
    for job_id in ("a", "b"):
        queue.claim(connection, None, "node", at(1))
        queue.complete(connection, job_id, 1, state="succeeded", outcome={}, now=at(2))
    due = {row.id: row.hooks_at for row in records.find(connection)}
    assert due == {"a": at(2), "b": None}


def test_a_run_nobody_queued_takes_the_vendor_like_any_other(connection: Connection) -> None:
    queue.start(connection, new("mine"), node="here", process="p", now=at(0))
    queue.submit(connection, new("a"), at(1))
    assert queue.claim(connection, None, "node", at(2)) is None
    with pytest.raises(IntegrityError), connection.begin_nested():
        queue.start(connection, new("other"), node="there", process="p", now=at(3))


def test_many_nodes_claim_every_job_once(engine: Engine) -> None:
    with database.begin(engine) as connection:
        for number in range(60):
            queue.submit(connection, new(f"job{number:02}", vendor=f"shop_{number % 6}"), at(number))
    done: list[str] = []
    overlaps: list[str] = []
    reading: set[str] = set()
    changed = threading.Condition()
    ended: list[str] = []

    def work(name: str) -> None:
        while True:
            before = len(ended)
            with database.begin(engine) as connection:
                job = queue.claim(connection, None, name, datetime.now(UTC))
                left = records.count(connection)["queued"]
            if job is None and not left:
                return
            with changed:
                if job is None:  # others are reading all vendors: a claim can succeed when one of them has ended
                    assert changed.wait_for(lambda before=before: len(ended) > before, 60)  # type: ignore[misc]
                    continue
                overlaps.extend([str(job.vendor)] if job.vendor in reading else [])
                reading.add(str(job.vendor))
                done.append(job.id)
            with database.begin(engine) as connection, changed:
                # Together: nobody can claim the vendor before this is committed.
                reading.discard(str(job.vendor))
                queue.complete(connection, job.id, job.attempt, state="succeeded", outcome={}, now=datetime.now(UTC))
            with changed:
                ended.append(job.id)
                changed.notify_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, [f"node{number}" for number in range(6)]))
    assert sorted(done) == [f"job{number:02}" for number in range(60)]
    assert not overlaps


def test_children_that_end_at_the_same_moment_complete_their_root(engine: Engine) -> None:
    with database.begin(engine) as connection:
        parent, _ = queue.submit(connection, root(), at(0))
        for number in range(8):
            queue.submit(connection, new(f"child{number}", vendor=f"shop_{number}", parent=parent), at(0))
            queue.claim(connection, None, "node", at(1))
    barrier = threading.Barrier(8)

    def end(job_id: str) -> None:
        barrier.wait()
        with database.begin(engine) as connection:
            queue.complete(connection, job_id, 1, state="succeeded", outcome={}, now=at(2))

    threads = [threading.Thread(target=end, args=(f"child{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with database.read(engine) as connection:
        assert state(connection, "root") == "succeeded"


def test_a_root_may_be_new_although_the_same_one_is_open(connection: Connection) -> None:
    first, _ = queue.submit(connection, root("one"), at(0))
    queue.submit(connection, new("slow", parent=first, arguments={}), at(0))
    second, is_new = queue.submit(connection, replace(root("two"), always_new=True), at(1))
    assert (second.id, is_new) == ("two", True)
    shared, is_new = queue.submit(connection, new("again", parent=second, arguments={}), at(1))
    assert (shared.id, is_new) == ("slow", False)
    assert [one.job.id for one in records.children(connection, "two")] == ["slow"]


def test_old_records_go_when_they_have_ended_and_nobody_waits_for_them(connection: Connection) -> None:
    parent, _ = queue.submit(connection, root(), at(0))
    queue.submit(connection, new("ended", parent=parent), at(0))
    queue.submit(connection, new("awaited", vendor="shop_b"), at(0))
    queue.submit(connection, new("waiting", vendor="shop_b", after_id="awaited", arguments={}), at(0))
    for _ in range(2):
        job = queue.claim(connection, None, "node", at(1))
        assert job is not None
        queue.complete(connection, job.id, 1, state="succeeded", outcome={}, now=at(2))
    queue.submit(connection, new("young", vendor="shop_c"), at(9))
    assert records.prune(connection, at(5)) == 2
    assert {job.id for job in records.find(connection)} == {"awaited", "waiting", "young"}
    assert records.prune(connection, at(5)) == 0
