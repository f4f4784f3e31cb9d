"""Ticks on both databases: what is due fires once, after outages, with many schedulers, and whatever the clock does."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from christmas.config import Config, ScheduleConfig
from christmas.db import database
from christmas.errors import JobRefused
from christmas.jobs import hooks, records, schedules
from christmas.jobs.schedules import FiringRow, ScheduleRow
from christmas.jobs.triggers import jitter
from christmas.scheduler.tick import GRACE, MISSED_MAX, tick

SHOP = "ornament_shop_com"
START = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def minute(number: int) -> datetime:
    """Return a due time of a schedule of every minute."""
    return START.replace(second=0) + number * MINUTE


def add(engine: Engine, name: str = "links", **values: Any) -> None:
    given = {"job": "integrator.sync_links", "arguments": {"vendor": SHOP}, "every_seconds": 60} | values
    with database.begin(engine) as connection:
        schedules.add(connection, name, ScheduleConfig(**given), START)


def fired(engine: Engine, name: str = "links") -> list[FiringRow]:
    """Return the firings, the oldest first."""
    with database.read(engine) as connection:
        return schedules.history(connection, name, 100_000)[::-1]


def times(engine: Engine, name: str = "links") -> list[datetime]:
    return [one.due_at for one in fired(engine, name)]


def stored(engine: Engine, name: str = "links") -> ScheduleRow:
    with database.read(engine) as connection:
        found = schedules.get(connection, name)
    assert found is not None
    return found


def test_what_is_due_is_submitted_once_and_recorded(engine: Engine, config: Config) -> None:
    add(engine)
    assert tick(engine, config, minute(1) - timedelta(microseconds=1)) == 0
    assert tick(engine, config, minute(1)) == 1
    assert tick(engine, config, minute(1)) == 0
    assert tick(engine, config, minute(1) + 20 * timedelta(seconds=1)) == 0
    assert stored(engine).next_at == minute(2)
    (one,) = fired(engine)
    assert (one.due_at, one.fired_at, one.error) == (minute(1), minute(1), None)
    with database.read(engine) as connection:
        job = records.get(connection, str(one.job_id))
    assert job is not None
    assert (job.name, job.vendor, job.state, job.submitted_by) == ("integrator.sync_links", SHOP, "queued", "scheduler")


def test_a_job_that_is_still_open_is_the_next_firing_s_too(engine: Engine, config: Config) -> None:
    add(engine)
    assert [tick(engine, config, minute(number)) for number in (1, 2, 3)] == [1, 1, 1]
    assert len({one.job_id for one in fired(engine)}) == 1
    with database.read(engine) as connection:
        assert len(records.find(connection)) == 1


def test_every_firing_of_a_root_has_a_root_of_its_own_with_the_open_children(engine: Engine, config: Config) -> None:
    add(engine, job="integrator.sync_all", arguments={"stage": "links"}, missed="all")
    assert [tick(engine, config, minute(1)), tick(engine, config, minute(3))] == [1, 2]
    roots = [str(one.job_id) for one in fired(engine)]
    assert len(set(roots)) == 3
    with database.read(engine) as connection:
        below = [{child.job.id for child in records.children(connection, root)} for root in roots]
        assert len(records.find(connection)) == 6
    assert below[0] == below[1] == below[2]
    assert len(below[0]) == 3


@pytest.mark.parametrize(
    ("missed", "expected"),
    [("skip", []), ("once", [minute(301)]), ("all", [minute(number) for number in range(202, 302)])],
)
def test_what_was_missed_in_an_outage_of_hours(
    missed: str, expected: list[datetime], engine: Engine, config: Config
) -> None:
    add(engine, missed=missed)
    back = minute(301) + GRACE * 0.99
    expected = [minute(301)] if missed == "skip" else expected
    assert tick(engine, config, back) == len(expected)
    assert times(engine) == expected
    assert len(expected) <= MISSED_MAX
    assert stored(engine).next_at == minute(302)
    assert tick(engine, config, minute(302)) == 1


def test_one_that_is_late_beyond_grace_is_skipped_where_that_is_wanted(engine: Engine, config: Config) -> None:
    add(engine, every_seconds=3600, missed="skip")
    add(engine, "once", every_seconds=3600)
    late = START.replace(minute=0, second=0) + HOUR + GRACE
    assert tick(engine, config, late + timedelta(seconds=1)) == 1
    assert (times(engine), times(engine, "once")) == ([], [late - GRACE])
    assert stored(engine).next_at == late - GRACE + HOUR
    assert tick(engine, config, late + HOUR) == 2  # not later than the grace
    assert times(engine) == [late - GRACE + HOUR]


def test_all_that_were_missed_of_a_daily_schedule_are_made_up_for(engine: Engine, config: Config) -> None:
    add(engine, cron="30 3 * * *", every_seconds=None, missed="all", timezone="Europe/Berlin")
    assert tick(engine, config, START + timedelta(days=40)) == 40
    assert times(engine)[0] == datetime(2026, 11, 25, 2, 30, tzinfo=UTC)
    assert set(Counter(times(engine)).values()) == {1}


def test_jitter_delays_a_firing_and_loses_none(engine: Engine, config: Config) -> None:
    add(engine, jitter_seconds=300, missed="all")
    delays = {number: jitter("links", minute(number), 300) for number in range(1, 11)}
    seen: list[datetime] = []
    for second in range(0, 1200, 7):
        now = START + timedelta(seconds=second)
        tick(engine, config, now)
        new = times(engine)[len(seen) :]
        seen += new
        assert all(at + jitter("links", at, 300) <= now for at in new)
    assert seen == [minute(number) for number in range(1, len(seen) + 1)]
    assert len(seen) > len(delays)
    assert max(delays.values()) > MINUTE


def test_a_paused_schedule_fires_no_more_until_it_is_resumed(engine: Engine, config: Config) -> None:
    add(engine, missed="all")
    with database.begin(engine) as connection:
        schedules.change(connection, "links", START, paused=True)
    assert tick(engine, config, minute(5)) == 0
    with database.begin(engine) as connection:
        schedules.change(connection, "links", minute(5), paused=False)
    assert tick(engine, config, minute(5) + timedelta(seconds=59)) == 0
    assert tick(engine, config, minute(6)) == 1
    assert times(engine) == [minute(6)]


def test_a_removed_schedule_keeps_its_history(engine: Engine, config: Config) -> None:
    add(engine)
    tick(engine, config, minute(1))
    with database.begin(engine) as connection:
        assert schedules.remove(connection, "links")
        assert not schedules.remove(connection, "links")
    assert tick(engine, config, minute(2)) == 0
    assert times(engine) == [minute(1)]


@pytest.mark.parametrize("missed", ["skip", "once", "all"])
def test_many_schedulers_fire_each_time_once(missed: str, engine: Engine, config: Config) -> None:
    names = ["first", "second", "third"]
    for number, name in enumerate(names):
        add(engine, name, arguments={"vendor": SHOP, "year": 2000 + number}, missed=missed)
    submitted: list[int] = []
    failed: list[BaseException] = []

    def schedule(moments: list[datetime]) -> None:
        try:
            for now in moments:
                barrier.wait(60)
                submitted.append(tick(engine, config, now))
        except BaseException as error:  # noqa: BLE001  # told by the test
            failed.append(error)
            barrier.abort()

    moments = [minute(number) + offset for number in range(1, 7) for offset in (timedelta(), timedelta(seconds=1))]
    barrier = threading.Barrier(4)
    threads = [threading.Thread(target=schedule, args=(moments,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failed == []
    assert sum(submitted) == 18
    for name in names:
        assert times(engine, name) == [minute(number) for number in range(1, 7)]


def test_schedulers_whose_clocks_differ_fire_each_time_once(engine: Engine, config: Config) -> None:
    add(engine, missed="all")
    for number in range(1, 30):
        for apart in (timedelta(seconds=45), timedelta(), timedelta(seconds=-45), timedelta(seconds=90)):
            tick(engine, config, minute(number) + apart)
    assert times(engine) == [minute(number) for number in range(1, len(times(engine)) + 1)]
    assert len(times(engine)) >= 29


@pytest.mark.parametrize("values", [{"every_seconds": 1}, {"cron": "* * * * *", "every_seconds": None}, {}])
@pytest.mark.parametrize("missed", ["once", "all"])
def test_a_clock_that_jumps_a_year_ahead_and_back_leaves_the_schedule_as_it_was(
    values: dict[str, Any], missed: str, engine: Engine, config: Config
) -> None:
    add(engine, missed=missed, **values)
    tick(engine, config, minute(1))
    before = times(engine)
    begin = time.monotonic()
    assert tick(engine, config, minute(1) + timedelta(days=365)) == (1 if missed == "once" else MISSED_MAX)
    assert time.monotonic() - begin < 20  # a year of seconds is not counted through; that would take minutes
    there = [at for at in times(engine) if at not in before]
    assert all(at > minute(1) + timedelta(days=364) for at in there)
    assert tick(engine, config, minute(1) + timedelta(seconds=10)) == 0
    assert stored(engine).next_at <= minute(2)
    assert tick(engine, config, minute(2)) >= 1
    assert times(engine)[-1] == there[-1]
    assert minute(2) in times(engine)


@pytest.mark.parametrize("seconds", [60, 900, 3600])
def test_a_clock_that_goes_back_an_hour_fires_nothing_twice(seconds: int, engine: Engine, config: Config) -> None:
    add(engine, every_seconds=seconds, missed="all")
    for number in range(125):
        tick(engine, config, START + number * MINUTE)
    before = fired(engine)
    for number in range(65, 125):
        assert tick(engine, config, START + number * MINUTE) == 0
    assert fired(engine) == before
    for number in range(125, 190):
        tick(engine, config, START + number * MINUTE)
    passed = 189 * MINUTE // timedelta(seconds=seconds)
    assert times(engine) == [minute(0) + number * timedelta(seconds=seconds) for number in range(1, passed + 1)]


def test_a_refused_job_is_recorded_and_the_schedule_goes_on(
    engine: Engine, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(job: object, config: Config) -> None:
        raise JobRefused("not now")

    def failing(job: object, config: Config) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(hooks, "_pre", {"refusing": refusing, "failing": failing})
    add(engine, "a refused")
    add(engine, "b failed", job="integrator.sync_all", arguments={})
    add(engine, "c unknown vendor", arguments={"vendor": "no_such_shop"})
    add(engine, "d fine", job="integrator.sync_products", arguments={"vendor": SHOP})
    pre_hooks = {"integrator.sync_links": ["refusing"], "integrator.sync_all": ["failing"]}
    config = config.model_copy(update={"jobs": config.jobs.model_copy(update={"pre_hooks": pre_hooks})})
    for number in (1, 2):
        assert tick(engine, config, minute(number)) == 1
    parts = {"a refused": "not now", "b failed": "ZeroDivisionError", "c unknown vendor": "no vendor 'no_such_shop'"}
    for name, part in parts.items():
        found = fired(engine, name)
        assert [one.due_at for one in found] == [minute(1), minute(2)]
        assert all(one.job_id is None and part in str(one.error) for one in found)
    assert [one.error for one in fired(engine, "d fine")] == [None, None]
    with database.read(engine) as connection:
        assert [job.name for job in records.find(connection)] == ["integrator.sync_products"]


def test_a_job_that_exists_no_more_is_recorded_and_the_schedule_goes_on(engine: Engine, config: Config) -> None:
    add(engine)
    with database.begin(engine) as connection:
        row = stored(engine)
        schedules.put(connection, replaced(row, job="integrator.of_an_older_version"))
    assert tick(engine, config, minute(1)) == 0
    (one,) = fired(engine)
    assert "there are auditor.audit_all" in str(one.error)
    assert stored(engine).next_at == minute(2)


def replaced(row: ScheduleRow, **values: Any) -> ScheduleRow:
    return ScheduleRow(**{name: values.get(name, getattr(row, name)) for name in ScheduleRow.__slots__})


def test_old_firings_are_forgotten(engine: Engine, config: Config) -> None:
    add(engine)
    assert [tick(engine, config, minute(number)) for number in range(1, 6)] == [1] * 5
    with database.begin(engine) as connection:
        assert schedules.prune(connection, minute(3)) == 2
    assert times(engine) == [minute(3), minute(4), minute(5)]
