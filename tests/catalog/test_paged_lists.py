"""Lists in pages: every page goes on where the one before ended, and none reads a whole table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from christmas.access import api_keys, audit_log
from christmas.catalog import held_changes
from christmas.errors import ArgumentError
from christmas.jobs import queue, records, schedules
from christmas.jobs.queue import NewJob
from tests.catalog.holding import GROUP, hold_group, ids
from tests.catalog.making import VENDOR, at, product, write
from tests.catalog.plans import collected, whole_tables
from tests.catalog.watches import doubt

OTHER = "other_example"
LIMIT = 2


def submit(connection: Connection, job_id: str, hours: float, vendor: str = VENDOR, name: str = "a.b") -> None:
    queue.submit(connection, NewJob(job_id, name, vendor, "integrator", {"id": job_id}), at(hours))


def paged(page: Callable[[Any], Sequence[Any]], position: Callable[[Any], Any]) -> list[Any]:
    """Return all pages one after the other."""
    found: list[Any] = []
    after = None
    while rows := page(after):
        assert len(rows) <= LIMIT
        found += rows
        after = position(rows[-1])
    return found


def test_jobs(connection: Connection) -> None:
    for number in range(7):  # several of them at one moment
        submit(
            connection, f"job{number}", number // 3, VENDOR if number % 2 else OTHER, "a.c" if number == 4 else "a.b"
        )
    whole = records.find(connection)
    assert [row.id for row in whole] == ["job6", "job3", "job4", "job5", "job0", "job1", "job2"]
    found = paged(
        lambda before: records.find(connection, before=before, limit=LIMIT), lambda row: (row.queued_at, row.id)
    )
    assert found == whole
    assert [row.id for row in records.find(connection, vendor=VENDOR)] == ["job3", "job5", "job1"]
    assert [row.id for row in records.find(connection, name="a.c")] == ["job4"]
    assert records.find(connection, vendor=VENDOR, vendors=[OTHER]) == []
    assert records.find(connection, states=["failed"]) == []


def test_held_changes(connection: Connection) -> None:
    group = hold_group(connection, 5)
    whole = held_changes.find(connection)
    assert len(whole) == len(group)
    assert paged(lambda before: held_changes.find(connection, before=before, limit=LIMIT), lambda row: row.id) == whole


def test_what_is_decided_on_is_chosen_by_ids_vendor_or_group(connection: Connection) -> None:
    group = sorted(ids(hold_group(connection, 3)))
    write(connection, product("9"))
    single = [row.id for row in doubt(connection, product("9", 1, price_minor=5000)) if row.key == "9"]
    everything = sorted(group + single)
    assert held_changes.choose(connection, ids=everything) == (everything, [])
    assert held_changes.choose(connection, vendor=VENDOR) == (everything, [])
    assert held_changes.choose(connection, group=GROUP) == (group, [])
    assert held_changes.choose(connection, ids=[*single, 998, 999]) == (single, [998, 999])
    assert held_changes.choose(connection, ids=single, vendors=[OTHER]) == ([], single)
    assert held_changes.choose(connection, vendor=VENDOR, vendors=[OTHER]) == ([], [])
    held_changes.discard(connection, single, by="noel", now=at(3))
    assert held_changes.choose(connection, ids=single) == ([], single)
    for wrong in ({}, {"ids": single, "vendor": VENDOR}, {"vendor": VENDOR, "group": GROUP}):
        with pytest.raises(ArgumentError):
            held_changes.choose(connection, **wrong)


def test_firings(connection: Connection) -> None:
    for number in range(5):
        for name in ("a", "b"):
            schedules.fire(connection, name, at(number), at(number))
    whole = schedules.history(connection, "a")
    assert [row.due_at for row in whole] == [at(number) for number in reversed(range(5))]
    found = paged(lambda before: schedules.history(connection, "a", LIMIT, before), lambda row: row.due_at)
    assert found == whole


def test_keys_and_users(connection: Connection) -> None:
    for number in range(5):
        api_keys.create_key(connection, user=f"user{number}", role="user", now=at(number // 3))
    api_keys.bind(connection, "user3", "internal", at(2))
    api_keys.unbind(connection, "user4", "user")
    keys = api_keys.list_keys(connection)
    assert len(keys) == 5
    found = paged(lambda after: api_keys.list_keys(connection, after, LIMIT), lambda row: (row.created_at, row.id))
    assert found == keys
    names = api_keys.list_users(connection)
    assert names == [
        ("user0", ["user"]), ("user1", ["user"]), ("user2", ["user"]), ("user3", ["internal", "user"]), ("user4", []),
    ]  # fmt: skip
    assert paged(lambda after: api_keys.list_users(connection, after or "", LIMIT), lambda row: row[0]) == names
    assert api_keys.list_users(connection, "user4") == []


def test_the_access_log(connection: Connection) -> None:
    for number in range(5):
        audit_log.record(
            connection, at=at(number), address="::1", user=None, role=None, key_id=None, resource="jobs",
            action=str(number), allowed=True, reason=None,
        )  # fmt: skip
    found = paged(lambda before: audit_log.page(connection, LIMIT, before), lambda row: row[0])
    assert [row.action for _, row in found] == ["4", "3", "2", "1", "0"]
    assert [row for _, row in found] == audit_log.latest(connection)


PAGES: dict[str, Callable[[Connection], object]] = {
    "jobs": lambda connection: records.find(connection, before=(at(50), "job50"), limit=50),
    "jobs of a vendor": lambda connection: records.find(connection, vendor=VENDOR, before=(at(50), "job50"), limit=50),
    "jobs that may be seen": lambda connection: records.find(connection, vendors=[VENDOR, OTHER], limit=50),
    "failed jobs": lambda connection: records.find(connection, states=["failed"], before=(at(50), "job50"), limit=50),
    "jobs of a name": lambda connection: records.find(connection, name="a.b", before=(at(50), "job50"), limit=50),
    "held of a vendor": lambda connection: held_changes.find(connection, vendor=VENDOR, before=50, limit=50),
    "firings": lambda connection: schedules.history(connection, "a", 50, at(50)),
    "access log": lambda connection: audit_log.page(connection, 50, 50),
}


@pytest.mark.parametrize("name", PAGES)
def test_no_page_reads_a_whole_table(connection: Connection, name: str) -> None:
    for number in range(100):
        submit(connection, f"job{number}", number, VENDOR if number % 2 else OTHER)
    connection.execute(text("ANALYZE"))
    with collected(connection) as statements:
        PAGES[name](connection)
    assert statements
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL enable_seqscan = off"))
    for statement, parameters in statements:
        steps = whole_tables(connection, statement, parameters)
        # The newest ones: it walks back in time, and ends when the page is full.
        allowed = ["SCAN jobs USING INDEX ix_jobs_queued_at"] if name == "jobs that may be seen" else []
        assert [step for step in steps if step not in allowed] == [], statement


def test_a_page_behind_the_end_is_empty(connection: Connection) -> None:
    submit(connection, "job", 1)
    assert records.find(connection, before=(at(1) - timedelta(hours=1), "job")) == []
    assert held_changes.find(connection, before=1) == []
