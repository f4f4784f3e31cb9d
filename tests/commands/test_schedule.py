"""``christmas schedule``: what comes next, and changing it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from christmas import config
from christmas.db import database
from christmas.demo.server import DemoServer
from christmas.scheduler.tick import tick
from tests.commands.conftest import Command
from tests.farm import Farm

SHOP = "ornament_shop_com"
LINKS, ALL = "integrator.sync_links", "integrator.sync_all"
SCHEDULES = {
    "links": {"job": ALL, "arguments": {"stage": "links"}, "every_seconds": 3600},
    "stale": {"job": ALL, "cron": "30 3 * * *", "timezone": "Europe/Berlin", "missed": "skip", "paused": True},
}


@pytest.fixture(autouse=True)
def _configured(christmas: Command) -> None:
    christmas.set("CHRISTMAS__SCHEDULES", json.dumps(SCHEDULES))


def names(christmas: Command) -> list[str]:
    return [row["name"] for row in christmas.json("schedule")]


@pytest.mark.integration
def test_the_list_says_what_comes_next(christmas: Command) -> None:
    christmas.out("schedule", "add", "often", LINKS, f"vendor={SHOP}", "--every", "1m")
    rows = christmas.json("schedule")
    times = [datetime.fromisoformat(row["next_at"]) for row in rows[:2]]
    assert times == sorted(times)  # in the last minute of an hour both are due at once
    often, links, stale = (next(row for row in rows if row["name"] == name) for name in ("often", "links", "stale"))
    assert rows[2] == stale
    assert [(row["paused"], row["origin"]) for row in (often, links, stale)] == [
        (False, "user"), (False, "configuration"), (True, "configuration"),
    ]  # fmt: skip
    now = datetime.now(UTC)
    assert now - timedelta(minutes=1) < datetime.fromisoformat(often["next_at"]) <= now + timedelta(minutes=1)
    assert datetime.fromisoformat(links["next_at"]).minute == 0
    assert [row["when"] for row in (often, links, stale)] == [
        "every minute",
        "every hour",
        "30 3 * * * (Europe/Berlin)",
    ]
    assert (links["job"], links["arguments"], stale["missed"]) == (ALL, {"stage": "links"}, "skip")
    table = christmas.out("schedule")
    assert all(word in table for word in ("often", "links", "stale", "every minute", "stage=links", "next at"))


@pytest.mark.integration
def test_a_schedule_is_added_with_its_texts_and_its_job_runs_as_any_other(christmas: Command) -> None:
    out = christmas.out(
        "schedule", "add", "mondays", LINKS, f"vendor={SHOP}", "year=1998", "--cron", "0 9 * * mon", "--timezone",
        "Europe/Berlin", "--jitter", "60", "--missed", "all",
    )  # fmt: skip
    (row,) = [row for row in christmas.json("schedule") if row["name"] == "mondays"]
    due = datetime.fromisoformat(row["next_at"])
    assert out == f"mondays is due at {due:%Y-%m-%d %H:%M:%S} UTC\n"
    assert (due.weekday(), row["jitter_seconds"], row["missed"], row["timezone"]) == (0, 60, "all", "Europe/Berlin")
    assert tick(christmas.engine, config.current(), due + timedelta(seconds=60)) >= 1
    (firing,) = christmas.json("schedule", "history", "mondays")
    assert (firing["due_at"], firing["error"]) == (due.isoformat(), None)
    (job,) = christmas.json("jobs", firing["job_id"])
    assert (job["arguments"], job["submitted_by"]) == ({"year": 1998}, "scheduler")
    assert christmas.out("run", LINKS, f"vendor={SHOP}", "year=1998").split()[0] == job["id"]


def test_pause_and_resume(christmas: Command) -> None:
    assert christmas.out("schedule", "pause", "links") == "links is paused\n"
    in_days = datetime.now(UTC) + timedelta(days=3)
    assert tick(christmas.engine, config.current(), in_days) == 0
    assert christmas.out("schedule", "resume", "links").startswith("links is due at ")
    (row,) = [row for row in christmas.json("schedule") if row["name"] == "links"]
    assert (row["paused"], row["origin"]) == (False, "user")
    assert tick(christmas.engine, config.current(), in_days) == 1


@pytest.mark.integration
def test_run_submits_at_once_whatever_the_time(christmas: Command) -> None:
    job_id, state = christmas.out("schedule", "run", "stale").split()  # which is paused, and was never listed
    assert state == "running"  # a root
    rows = christmas.json("jobs", job_id)
    assert (rows[0]["name"], rows[0]["submitted_by"]) == (ALL, "schedule stale, by hand")
    assert christmas.json("schedule", "history", "stale") == []
    assert christmas.out("schedule", "run", "stale").split()[0] == job_id


def test_change_keeps_what_is_not_named(christmas: Command) -> None:
    christmas.out("schedule", "change", "links", "--every", "2h", "--jitter", "5")
    christmas.out("schedule", "change", "links", "stage=products", "which=stale")
    (row,) = [row for row in christmas.json("schedule") if row["name"] == "links"]
    assert (row["every_seconds"], row["jitter_seconds"], row["missed"]) == (7200, 5, "once")
    assert (row["arguments"], row["job"]) == ({"stage": "products", "which": "stale"}, ALL)
    christmas.out("schedule", "change", "links", "--cron", "*/5 * * * *")
    (row,) = [row for row in christmas.json("schedule") if row["name"] == "links"]
    assert (row["cron"], row["every_seconds"], row["arguments"]["which"]) == ("*/5 * * * *", None, "stale")


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("1h", 3600), ("366d", 31622400)])
def test_periods(text: str, seconds: int, christmas: Command) -> None:
    christmas.out("schedule", "add", "mine", ALL, "--every", text)
    assert {row["every_seconds"] for row in christmas.json("schedule") if row["name"] == "mine"} == {seconds}


def test_remove_and_history(christmas: Command) -> None:
    christmas.out("schedule", "add", "mine", LINKS, f"vendor={SHOP}", "--every", "1d")
    due = datetime.now(UTC) + timedelta(days=2)
    tick(christmas.engine, config.current(), due)
    assert christmas.out("schedule", "remove", "mine") == ""
    assert "mine" not in names(christmas)
    assert [row["schedule"] for row in christmas.json("schedule", "history", "mine")] == ["mine"]
    assert "mine" in christmas.out("schedule", "history")
    assert len(christmas.json("schedule", "history", "--limit", "1")) == 1


def test_the_history_has_the_error_of_what_was_refused(christmas: Command) -> None:
    christmas.out("schedule", "add", "mine", LINKS, "vendor=no_such_shop", "--every", "1h")
    tick(christmas.engine, config.current(), datetime.now(UTC) + timedelta(hours=1))
    (row,) = christmas.json("schedule", "history", "mine")
    assert row["job_id"] is None
    assert "no vendor 'no_such_shop'" in row["error"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["pause", "nothing"], "no schedule 'nothing'; there are links, stale"),
        (["resume", "nothing"], "no schedule 'nothing'"),
        (["run", "nothing"], "no schedule 'nothing'; there are links, stale"),
        (["remove", "nothing"], "no schedule 'nothing'"),
        (["change", "nothing", "--every", "1h"], "no schedule 'nothing'"),
        (["change", "links"], "Nothing to change"),
        (["change", "links", "--every", "1h", "--cron", "* * * * *"], "either --cron or --every"),
        (["change", "links", "--cron", ""], "cron='' is not accepted"),
        (["change", "links", "--timezone", "Nowhere"], "timezone='Nowhere'"),
        (["change", "links", "--every", "367d"], "every_seconds Input should be less than or equal to 31622400"),
        (["change", "links", "--every", "999999999d"], "every_seconds"),
        (["change", "links", "--jitter", "86401"], "jitter_seconds"),
        (["change", "links", "colour=red"], "there is no argument colour"),
        (["add", "links", ALL, "--every", "1h"], "a schedule 'links' already"),
        (["add", "mine", ALL], "expected either cron or every_seconds"),
        (["add", "mine", ALL, "--every", "1h", "--cron", "* * * * *"], "expected either cron or every_seconds"),
        (
            ["add", "mine", ALL, "--every", "0"],
            "--every 0 is not accepted: give seconds, or a number with s, m, h or d",
        ),
        (["add", "mine", ALL, "--every", "1w"], "--every 1w is not accepted"),
        (["add", "mine", ALL, "--every", "-5m"], "--every -5m is not accepted"),
        (["add", "mine", ALL, "--cron", "0 9 * * 1"], "weekdays have names here"),
        (["add", "mine", ALL, "--cron", "61 * * * *"], "cron='61 * * * *' is not accepted"),
        (["add", "mine", ALL, "--cron", "0 0 30 2 *"], "never due"),
        (
            ["add", "mine", ALL, "--every", "1h", "--missed", "never"],
            "--missed never is not known: use skip, once or all",
        ),
        (
            ["add", "mine", "sync_everything", "--every", "1h"],
            "no job 'sync_everything'; there are auditor.audit_all",
        ),
        (["add", "mine", LINKS, "--every", "1h"], "vendor is missing"),
        (["add", "mine", LINKS, "vendor", "--every", "1h"], "'vendor' is not an argument"),
        (["history", "--format", "xml"], "--format xml"),
        (["--format", "csv"], "--format csv"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments: list[str], part: str, christmas: Command) -> None:
    before = christmas.json("schedule")
    assert part in christmas.refused("schedule", *arguments)
    assert christmas.json("schedule") == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["add"], ["add", "mine"], ["pause"], ["nothing"], ["history", "--limit", "0"],
        ["change", "links", "--jitter", "-1"],
        ["history", "--limit", "99999999999999999999"], ["add", "mine", ALL, "--jitter", "much"], ["--colour"],
    ],
)  # fmt: skip
def test_a_command_line_that_cannot_be_read_is_status_2(arguments: list[str], christmas: Command) -> None:
    assert "Traceback" not in christmas.misused("schedule", *arguments)


def test_help_names_what_there_is(christmas: Command) -> None:
    out = christmas.out("schedule", "--help")
    assert all(word in out for word in ("pause", "resume", "run", "add", "change", "remove", "history", "--format"))
    out = christmas.out("schedule", "add", "--help")
    assert all(word in out for word in ("--cron", "--every", "--timezone", "--jitter", "--missed", "mon-fri"[:3]))


@pytest.mark.integration
def test_a_schedule_in_a_process_is_refused_without_a_traceback(tmp_path_factory: pytest.TempPathFactory) -> None:
    with DemoServer(size=12) as server:
        farm = Farm(tmp_path_factory.mktemp("schedule"), server)
        done = farm.run("schedule", "add", "mine", ALL, "--cron", "whenever")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("christmas: cron='whenever' is not accepted")
        assert done.stderr.count("\n") == 1
        with database.read(farm.engine) as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM schedules").scalar() == 0
