"""The vendors' health as it is recorded, and the runs that are the measure."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, insert

from christmas.catalog import vendor_health
from christmas.catalog.vendor_health import HISTORY_DAYS, HISTORY_RUNS, HealthRow
from christmas.db.tables import jobs
from tests.catalog.making import DAY, VENDOR, at

BROKEN: dict[str, Any] = {"state": "broken", "kind": "prices_scaled", "reason": "The prices are 100 times theirs."}
HEALTHY: dict[str, Any] = {"state": "healthy", "kind": None, "reason": "All is well."}


def record(connection: Connection, hours: float, vendor: str = VENDOR, job: str = "job-1", **values: Any) -> None:
    vendor_health.record(connection, vendor, job_id=job, now=at(hours), **values)


def known(connection: Connection, vendor: str = VENDOR) -> HealthRow:
    found = vendor_health.get(connection, vendor)
    assert found is not None
    return found


def ran(connection: Connection, *runs: tuple[float, dict[str, Any] | None], **more: Any) -> None:
    """Record runs by when they were queued, with their outcome."""
    common = {
        "name": "integrator.sync_links", "vendor": VENDOR, "arguments": {}, "settings": {}, "state": "succeeded"
    } | more  # fmt: skip
    for hours, outcome in runs:
        id_ = f"{common['vendor']} {hours}"
        values = {"id": id_, "root_id": id_, "fingerprint": id_, "queued_at": at(hours), "outcome": outcome}
        connection.execute(insert(jobs), common | values)


def well(number: int, state: str = "healthy", **facts: int) -> dict[str, Any]:
    return {"facts": {"number": number, "entries": 5} | facts, "health": {"state": state}}


def numbers(connection: Connection, hours: float = 100) -> list[int]:
    return [facts["number"] for facts in vendor_health.history(connection, VENDOR, at(hours))]


def test_a_first_run_is_recorded(connection: Connection) -> None:
    assert vendor_health.get(connection, VENDOR) is None
    record(connection, 1, **BROKEN)
    assert known(connection) == HealthRow(
        VENDOR, "broken", "prices_scaled", BROKEN["reason"], "job-1", at(1), at(1), None
    )


def test_since_stays_while_state_and_kind_do(connection: Connection) -> None:
    record(connection, 1, **BROKEN)
    record(connection, 2, job="job-2", **BROKEN | {"reason": "The prices are 99 times theirs."})
    row = known(connection)
    assert (row.since, row.checked_at, row.job_id) == (at(1), at(2), "job-2")
    assert row.reason == "The prices are 99 times theirs."


@pytest.mark.parametrize("other", [HEALTHY, BROKEN | {"kind": "prices_missing"}, BROKEN | {"state": "degraded"}])
def test_since_begins_with_another_state_or_kind(connection: Connection, other: dict[str, Any]) -> None:
    record(connection, 1, **BROKEN)
    record(connection, 2, **other)
    assert (known(connection).since, known(connection).state) == (at(2), other["state"])
    record(connection, 3, **BROKEN)
    assert known(connection).since == at(3)


def test_a_healthy_vendor_is_so_since_its_first_run(connection: Connection) -> None:
    for hours in (1, 2, 3):
        record(connection, hours, **HEALTHY)
    assert (known(connection).since, known(connection).kind) == (at(1), None)


def test_accepting(connection: Connection) -> None:
    assert not vendor_health.accept(connection, VENDOR, at(1))
    record(connection, 1, **BROKEN)
    record(connection, 1, vendor="other_example", **BROKEN)
    assert vendor_health.accept(connection, VENDOR, at(5))
    row = known(connection)
    assert (row.state, row.kind, row.since, row.accepted_at) == ("healthy", None, at(5), at(5))
    record(connection, 6, **HEALTHY)
    assert (known(connection).since, known(connection).accepted_at) == (at(5), at(5))
    assert known(connection, "other_example").state == "broken"


def test_finding(connection: Connection) -> None:
    for vendor in ("b_example", "a_example", "c_example"):
        record(connection, 1, vendor=vendor, **HEALTHY)
    assert [row.vendor for row in vendor_health.find(connection)] == ["a_example", "b_example", "c_example"]
    assert [row.vendor for row in vendor_health.find(connection, ["c_example", "a_example"])] == [
        "a_example",
        "c_example",
    ]
    assert vendor_health.find(connection, []) == []


def test_healthy_runs_are_the_measure(connection: Connection) -> None:
    ran(connection, (1, well(1)), (2, well(2, "broken")), (3, well(3, "degraded")), (4, well(4)))
    ran(connection, (5, None), (6, {}), (7, {"facts": {"number": 7, "entries": 5}}), (8, {"held": 0}))
    ran(connection, (9, well(9)), state="failed")
    ran(connection, (10, well(10)), vendor="other_example")
    assert numbers(connection) == [4, 1]


def test_a_run_that_read_no_item_is_no_measure(connection: Connection) -> None:
    ran(connection, (1, well(1, entries=0)), (2, well(2, entries=0, products=1)))
    assert numbers(connection) == [2]


def test_ten_of_each_kind(connection: Connection) -> None:
    pages = [(hours, well(hours, entries=0, products=5)) for hours in range(12)]
    listings = [(hours, well(hours)) for hours in range(12, 40)]
    ran(connection, *pages, *listings)
    assert numbers(connection) == [*range(39, 39 - HISTORY_RUNS, -1), *range(11, 11 - HISTORY_RUNS, -1)]


def test_a_run_of_both_kinds_counts_for_both(connection: Connection) -> None:
    ran(connection, *((hours, well(hours, products=5)) for hours in range(15)))
    assert numbers(connection) == [*range(14, 14 - HISTORY_RUNS, -1)]


def test_what_is_long_ago_is_no_measure(connection: Connection) -> None:
    ran(connection, (0, well(0)), (1, well(1)))
    assert numbers(connection, 24 * HISTORY_DAYS) == [1, 0]
    assert numbers(connection, 24 * HISTORY_DAYS + 0.5) == [1]
    assert vendor_health.history(connection, VENDOR, at(1) + HISTORY_DAYS * 2 * DAY) == []


def test_what_was_before_the_vendor_was_accepted_is_no_measure(connection: Connection) -> None:
    ran(connection, (1, well(1)), (2, well(2)))
    record(connection, 2, **BROKEN)
    assert numbers(connection) == [2, 1]
    vendor_health.accept(connection, VENDOR, at(3))
    assert numbers(connection) == []
    ran(connection, (4, well(4)))
    assert numbers(connection) == [4]
