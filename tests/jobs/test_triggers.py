"""When a schedule is due: cron lines in time zones and over both changes of the clock, periods, jitter."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from christmas.config import ScheduleConfig
from christmas.errors import ArgumentError
from christmas.jobs.triggers import in_words, jitter, next_time

BERLIN = "Europe/Berlin"
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def cron(line: str, zone: str = "UTC") -> ScheduleConfig:
    return ScheduleConfig(job="j", cron=line, timezone=zone)


def every(seconds: int) -> ScheduleConfig:
    return ScheduleConfig(job="j", every_seconds=seconds)


def due(schedule: ScheduleConfig, after: str, count: int) -> list[str]:
    """Return the next due times in the schedule's own time zone, as ISO texts."""
    at, found = datetime.fromisoformat(after).astimezone(UTC), []
    for _ in range(count):
        at = next_time(schedule, at)
        assert at.tzinfo is UTC
        found.append(at.astimezone(ZoneInfo(schedule.timezone)).isoformat())
    return found


@pytest.mark.parametrize(
    ("line", "times"),
    [
        ("30 3 * * *", ["2026-11-24T03:30:00+00:00", "2026-11-25T03:30:00+00:00"]),
        ("0 9 * * mon-fri", ["2026-11-23T09:00:00+00:00", "2026-11-24T09:00:00+00:00"]),
        ("0 9 * * sat,sun", ["2026-11-28T09:00:00+00:00", "2026-11-29T09:00:00+00:00"]),
        ("0 9 * * SUN", ["2026-11-29T09:00:00+00:00", "2026-12-06T09:00:00+00:00"]),
        ("*/20 * * * *", ["2026-11-23T04:20:00+00:00", "2026-11-23T04:40:00+00:00"]),
        ("0 0 1 jan *", ["2027-01-01T00:00:00+00:00", "2028-01-01T00:00:00+00:00"]),
        ("0 0 29 2 *", ["2028-02-29T00:00:00+00:00", "2032-02-29T00:00:00+00:00"]),
        ("0 0 last * *", ["2026-11-30T00:00:00+00:00", "2026-12-31T00:00:00+00:00"]),
        ("  5   4 *  * * ", ["2026-11-23T04:05:00+00:00", "2026-11-24T04:05:00+00:00"]),
    ],
)
def test_cron_lines(line: str, times: list[str]) -> None:
    assert due(cron(line), "2026-11-23T04:00:00+00:00", 2)[: len(times)] == times  # a Monday


def test_a_time_that_the_clock_skips_is_due_after_the_change() -> None:
    assert due(cron("30 2 * * *", BERLIN), "2026-03-28T00:00:00+00:00", 3) == [
        "2026-03-28T02:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00",
    ]  # fmt: skip


def test_a_time_that_comes_twice_is_due_once() -> None:
    schedule = cron("30 2 * * *", BERLIN)
    expected = ["2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
    assert due(schedule, "2026-10-24T00:00:00+00:00", 3) == expected
    for between in ("2026-10-25T00:45:00+00:00", "2026-10-25T01:15:00+00:00", "2026-10-25T01:45:00+00:00"):
        assert due(schedule, between, 1) == expected[2:]


@pytest.mark.parametrize(("line", "minutes"), [("0 * * * *", 60), ("*/20 * * * *", 20), ("7-59/20 */1 * * *", 20)])
@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_what_is_due_every_hour_is_so_in_both_changes(line: str, minutes: int, day: str) -> None:
    at, times = datetime.fromisoformat(f"{day}T00:00:00+00:00") - timedelta(hours=1), []
    for _ in range(12):
        at = next_time(cron(line, BERLIN), at)
        times.append(at)
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(minutes=minutes)}


@pytest.mark.parametrize(
    "zone", [BERLIN, "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata"]
)
@pytest.mark.parametrize("time", ["0 0", "15 0", "15 1", "45 1", "15 2", "45 2", "0 3"])
def test_a_daily_schedule_is_due_once_on_each_day_of_the_year(zone: str, time: str) -> None:
    at, days = datetime(2026, 1, 1, 12, tzinfo=UTC), []
    while at < datetime(2027, 1, 1, 12, tzinfo=UTC):
        following = next_time(cron(f"{time} * * *", zone), at)
        assert following > at
        at = following
        local = at.astimezone(ZoneInfo(zone))
        minute, hour = map(int, time.split())
        assert (
            timedelta()
            <= local.replace(tzinfo=None) - local.replace(hour=hour, minute=minute, second=0, tzinfo=None)
            <= timedelta(hours=1)
        )
        days.append(local.date())
    assert days == [date.fromordinal(days[0].toordinal() + number) for number in range(len(days))]
    assert len(days) in {365, 366}


@pytest.mark.parametrize(
    "line",
    [
        "", "x", "@daily", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *",
        "* * * 13 *", "* * * * someday", "*/0 * * * *", "5-1 * * * *", "0 0 * * fri-mon", "-1 * * * *", "1,,2 * * * *",
    ],
)  # fmt: skip
def test_a_wrong_cron_line_is_refused(line: str) -> None:
    with pytest.raises(ArgumentError, match=r"is not accepted .*such as '30 3 \* \* \*'") as refused:
        next_time(cron(line), datetime(2026, 1, 1, tzinfo=UTC))
    assert repr(line) in str(refused.value)


@pytest.mark.parametrize("weekdays", ["1", "0", "1-5", "mon,3", "2/2"])
def test_numbers_of_weekdays_are_refused_because_programs_count_them_differently(weekdays: str) -> None:
    with pytest.raises(ArgumentError, match="weekdays have names here"):
        next_time(cron(f"0 9 * * {weekdays}"), datetime(2026, 1, 1, tzinfo=UTC))
    assert due(cron("0 9 * * */2"), "2026-11-23T10:00:00+00:00", 1) == ["2026-11-25T09:00:00+00:00"]


def test_a_cron_line_that_is_never_due_is_refused() -> None:
    with pytest.raises(ArgumentError, match="cron='0 0 30 2 \\*' is never due"):
        next_time(cron("0 0 30 2 *"), datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "zone", ["", "Berlin", "Europe/Atlantis", "../../etc/passwd", "/etc/localtime", "Europe", "x\x00"]
)
def test_a_wrong_time_zone_is_refused(zone: str) -> None:
    for schedule in (cron("0 0 * * *", zone), every(60).model_copy(update={"timezone": zone})):
        with pytest.raises(ArgumentError, match="is not known: give an IANA name"):
            next_time(schedule, datetime(2026, 1, 1, tzinfo=UTC))


@settings(deadline=None)
@given(MOMENTS, st.integers(1, 366 * 86400))
def test_periods_are_the_same_whenever_a_scheduler_starts(after: datetime, seconds: int) -> None:
    at = next_time(every(seconds), after)
    assert after < at <= after + timedelta(seconds=seconds)
    assert at.timestamp() % seconds == 0
    assert next_time(every(seconds), at) == at + timedelta(seconds=seconds)
    assert next_time(every(seconds), at - timedelta(microseconds=1)) == at


@settings(deadline=None)
@given(
    MOMENTS,
    st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 0 1 * *", "15 4 * * sun"]),
    st.sampled_from([BERLIN, "UTC"]),
)
def test_the_time_after_any_moment_is_the_next_one(after: datetime, line: str, zone: str) -> None:
    schedule = cron(line, zone)
    at = next_time(schedule, after)
    assert at > after
    assert next_time(schedule, at - timedelta(microseconds=1)) == at
    assert next_time(schedule, after + (at - after) / 2) == at


@settings(deadline=None)
@given(MOMENTS, st.integers(0, 86400), st.text(max_size=20))
def test_jitter_is_bounded_and_the_same_for_every_scheduler(at: datetime, seconds: int, name: str) -> None:
    found = jitter(name, at, seconds)
    assert timedelta() <= found < timedelta(seconds=max(seconds, 1))
    assert found == jitter(name, at, seconds)
    assert jitter(name, at, 0) == timedelta()


def test_jitter_spreads_schedules_and_firings() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    names = [jitter(f"schedule {number}", at, 600).total_seconds() for number in range(400)]
    times = [jitter("links", at + timedelta(hours=number), 600).total_seconds() for number in range(400)]
    for found in (names, times):
        for low in range(0, 600, 100):  # 67 of 400 in each sixth
            assert 30 < sum(low <= one < low + 100 for one in found) < 110


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "every second"), (90, "every 90 seconds"), (60, "every minute"), (900, "every 15 minutes"),
        (3600, "every hour"), (86_400, "every day"), (172_800, "every 2 days"),
    ],
)  # fmt: skip
def test_a_period_in_words(seconds: int, words: str) -> None:
    assert in_words(every(seconds)) == words


def test_a_cron_line_in_words() -> None:
    assert in_words(cron("30 3 * * *", "Europe/Berlin")) == "30 3 * * * (Europe/Berlin)"
