"""Schedules of the configuration and those that people add or change, on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from christmas.config import Config, ScheduleConfig
from christmas.db import database
from christmas.errors import ArgumentError, JobRefused
from christmas.jobs import schedules
from christmas.jobs.schedules import ScheduleRow

NOW = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=5)
ALL = "integrator.sync_all"


def one(**values: Any) -> ScheduleConfig:
    return ScheduleConfig(**({"job": ALL, "every_seconds": 3600} | values))


def row(connection: Connection, name: str = "links") -> ScheduleRow:
    found = schedules.get(connection, name)
    assert found is not None
    return found


def test_the_defaults_are_links_hourly_unscraped_often_and_stale_daily(connection: Connection, config: Config) -> None:
    schedules.sync(connection, config.schedules, NOW)
    found = {one.name: one for one in schedules.find(connection)}
    assert {name: (one.every_seconds or one.cron) for name, one in found.items()} == {
        "links": 3600, "unscraped": 900, "stale": "30 3 * * *", "held": "15 */6 * * *", "gone": "0 5 * * *",
        "sample": "0 6 * * sun",
    }  # fmt: skip
    assert {name: one.arguments for name, one in found.items()} == {
        "links": {"stage": "links"},
        "unscraped": {"stage": "products", "which": "unscraped", "limit": 400},
        "stale": {"stage": "products", "which": "stale"},
        "held": {"which": "confirm_held"},
        "gone": {"which": "confirm_gone"},
        "sample": {"which": "verify_sample"},
    }
    assert found["links"].next_at == datetime(2026, 11, 24, 13, tzinfo=UTC)
    assert found["stale"].next_at == datetime(2026, 11, 25, 3, 30, tzinfo=UTC)
    assert {one.origin for one in found.values()} == {"configuration"}


def test_what_stays_the_same_keeps_its_due_time_so_that_missed_ones_are_noticed(connection: Connection) -> None:
    schedules.sync(connection, {"links": one()}, NOW)
    before = row(connection)
    schedules.sync(connection, {"links": one()}, LATER)
    assert row(connection) == before


def test_only_a_scheduler_s_start_brings_what_is_configured_once_there_are_schedules(connection: Connection) -> None:
    schedules.begin(connection, {"links": one()}, NOW)
    assert row(connection).origin == "configuration"
    schedules.begin(connection, {"links": one(every_seconds=60), "new": one()}, NOW)
    assert [(found.name, found.every_seconds) for found in schedules.find(connection)] == [("links", 3600)]


def test_what_the_configuration_changes_or_removes_is_changed_or_removed(connection: Connection) -> None:
    schedules.sync(connection, {"links": one(), "gone": one()}, NOW)
    schedules.sync(connection, {"links": one(every_seconds=60, arguments={"limit": 5})}, LATER)
    (left,) = schedules.find(connection)
    assert (left.name, left.every_seconds, left.arguments) == ("links", 60, {"limit": 5})
    assert left.next_at == LATER + timedelta(seconds=30)
    schedules.sync(connection, {}, LATER)
    assert schedules.find(connection) == []


def test_what_people_added_or_changed_stays(connection: Connection) -> None:
    schedules.sync(connection, {"links": one()}, NOW)
    schedules.add(connection, "mine", one(cron="0 9 * * mon", every_seconds=None), NOW)
    schedules.change(connection, "links", NOW, paused=True)
    schedules.sync(connection, {"links": one(every_seconds=60), "new": one()}, LATER)
    assert (row(connection).every_seconds, row(connection).paused) == (3600, True)
    schedules.sync(connection, {}, LATER)
    assert {one.name: one.origin for one in schedules.find(connection)} == {"links": "user", "mine": "user"}


def test_the_configuration_may_begin_with_a_paused_schedule(connection: Connection) -> None:
    schedules.sync(connection, {"links": one(paused=True)}, NOW)
    assert row(connection).paused
    assert (row(connection).origin, row(connection).next_at) == (
        "configuration",
        datetime(2026, 11, 24, 13, tzinfo=UTC),
    )


def test_a_schedule_is_added_once(connection: Connection) -> None:
    added = schedules.add(connection, "mine", one(), NOW)
    assert row(connection, "mine") == added
    with pytest.raises(ArgumentError, match="a schedule 'mine' already"):
        schedules.add(connection, "mine", one(every_seconds=60), NOW)
    assert row(connection, "mine") == added


def test_a_change_leaves_the_rest_and_one_trigger_takes_the_other_s_place(connection: Connection) -> None:
    schedules.add(connection, "mine", one(arguments={"limit": 5}, jitter_seconds=7, missed="all"), NOW)
    schedules.change(connection, "mine", NOW, cron="0 9 * * *", timezone="Europe/Berlin")
    changed = row(connection, "mine")
    assert (changed.cron, changed.every_seconds, changed.timezone) == ("0 9 * * *", None, "Europe/Berlin")
    assert (changed.arguments, changed.jitter_seconds, changed.missed) == ({"limit": 5}, 7, "all")
    assert changed.next_at == datetime(2026, 11, 25, 8, tzinfo=UTC)
    schedules.change(connection, "mine", NOW, every_seconds=90)
    changed = row(connection, "mine")
    assert (changed.cron, changed.every_seconds) == (None, 90)


def test_one_that_is_resumed_does_not_make_up_for_the_pause(connection: Connection) -> None:
    schedules.add(connection, "mine", one(missed="all"), NOW)
    schedules.change(connection, "mine", NOW, paused=True)
    resumed = schedules.change(connection, "mine", LATER, paused=False)
    assert resumed.next_at == datetime(2026, 11, 24, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"job": "integrator.sync_everything"}, "no job 'integrator.sync_everything'; there are auditor.audit_all"),
        ({"arguments": {"colour": "red"}}, "there is no argument colour"),
        ({"arguments": {"limit": -1}}, "limit=-1"),
        ({"cron": "0 9 * * 1", "every_seconds": None}, "weekdays"),
        ({"cron": "0 0 30 2 *", "every_seconds": None}, "never due"),
        ({"timezone": "Nowhere"}, "timezone='Nowhere'"),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(
    values: dict[str, Any], part: str, connection: Connection
) -> None:
    schedules.add(connection, "mine", one(), NOW)
    before = schedules.find(connection)
    for attempt in (
        lambda: schedules.add(connection, "wrong", one(**values), NOW),
        lambda: schedules.change(connection, "mine", NOW, **values),
        lambda: schedules.sync(connection, {"wrong": one(**values)}, NOW),
    ):
        with pytest.raises((ArgumentError, JobRefused), match=part):
            attempt()
    assert schedules.find(connection) == before


@pytest.mark.parametrize(
    "values",
    [
        {"every_seconds": 0}, {"every_seconds": 10**14}, {"jitter_seconds": -1}, {"jitter_seconds": 10**9},
        {"missed": "never"}, {"cron": "* * * * *", "every_seconds": 60}, {"every_seconds": None, "cron": None},
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused(values: dict[str, Any], connection: Connection) -> None:
    with pytest.raises(ArgumentError, match="The schedule is not accepted"):
        schedules.wanted(job=ALL, **({"every_seconds": 60} | values))
    if "cron" not in values:
        before = schedules.add(connection, "mine", one(), NOW)
        with pytest.raises(ArgumentError, match=f"The schedule is not accepted: {next(iter(values))}"):
            schedules.change(connection, "mine", NOW, **values)
        assert row(connection, "mine") == before


def test_a_name_that_is_none_is_answered_with_those_there_are(connection: Connection) -> None:
    with pytest.raises(ArgumentError, match="no schedule 'links'; there are none"):
        schedules.change(connection, "links", NOW, paused=True)
    schedules.sync(connection, {"links": one(), "stale": one()}, NOW)
    with pytest.raises(ArgumentError, match="no schedule 'nothing'; there are links, stale"):
        schedules.existing(connection, "nothing")


def test_schedulers_that_start_at_the_same_moment_agree(engine: Engine) -> None:
    barrier, failed = threading.Barrier(6), []

    def start() -> None:
        barrier.wait()
        try:
            with database.begin(engine) as connection:
                schedules.sync(connection, {f"schedule {number}": one() for number in range(20)}, NOW)
        except BaseException as error:  # noqa: BLE001  # told by the test
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    with database.read(engine) as connection:
        assert len(schedules.find(connection)) == 20
