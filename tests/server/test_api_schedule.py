"""Schedules over the API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from christmas.config.sections import default_schedules
from christmas.db import database
from christmas.jobs import records, schedules
from christmas.jobs.schedules import ScheduleRow
from tests.server import filled
from tests.server.browsing import Browser, buttons
from tests.server.filled import VENDORS
from tests.server.running import Answer, Server, serving

SYNC: dict[str, Any] = {"job": "integrator.sync_links", "arguments": {"vendor": VENDORS[0], "year": 1985}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("schedules")
    filled.file(folder, 1)
    with serving(folder, CHRISTMAS__CONTACT_URL="mailto:tester@example.org") as server:
        yield server


def stored(server: Server, name: str) -> ScheduleRow | None:
    with database.read(server.engine) as connection:
        return schedules.get(connection, name)


def put(server: Server, name: str, **values: Any) -> Answer:
    return server.ask(f"/api/v1/schedules/{name}", method="PUT", json=SYNC | values)


def test_the_schedules_are_those_of_the_configuration(server: Server) -> None:
    found = {one["name"]: one for one in server.ask("/api/v1/schedules").json["items"]}
    assert set(default_schedules()) <= set(found)
    links = found["links"]
    assert (links["job"], links["arguments"]) == ("integrator.sync_all", {"stage": "links"})
    assert (links["every_seconds"], links["cron"], links["origin"]) == (3600, None, "configuration")
    assert links["next_at"].endswith("Z")
    assert server.ask("/api/v1/schedules/links").json == links


@pytest.mark.integration
def test_looking_writes_nothing_where_no_scheduler_has_ever_run(tmp_path: Path) -> None:
    with serving(tmp_path) as fresh:
        browser = Browser(fresh, fresh.sign_in())
        listed = fresh.ask("/api/v1/schedules").json["items"]
        assert {one["name"] for one in listed} == set(default_schedules())
        assert [one["next_at"] for one in listed] == sorted(one["next_at"] for one in listed)
        assert fresh.ask("/api/v1/schedules/links").json["every_seconds"] == 3600
        assert fresh.ask("/api/v1/schedules/links/firings").json == {"items": [], "next": None}
        assert fresh.ask("/api/v1/schedules/none").status == 404
        assert "Pause links" in buttons(browser.open("/operations/schedule"))
        with database.read(fresh.engine) as connection:
            assert schedules.find(connection) == []
        assert browser.follows(browser.press("/operations/schedule", "Pause links")) == "The schedule is paused."
        row = stored(fresh, "links")
        assert row is not None
        assert row.paused
        with database.read(fresh.engine) as connection:
            assert {one.name for one in schedules.find(connection)} == set(default_schedules())


def test_a_schedule_is_added_replaced_and_removed(server: Server) -> None:
    answer = put(server, "nightly", cron="30 3 * * *", timezone="Europe/Berlin", jitter_seconds=60, missed="skip")
    assert answer.status == 201, answer.text
    made = answer.json
    assert (made["cron"], made["timezone"], made["origin"], made["missed"]) == (
        "30 3 * * *", "Europe/Berlin", "user", "skip",
    )  # fmt: skip
    assert datetime.fromisoformat(made["next_at"]) > datetime.now(UTC)
    replaced = put(server, "nightly", every_seconds=600, paused=True)
    assert replaced.status == 200, replaced.text
    row = stored(server, "nightly")
    assert row is not None
    assert (row.every_seconds, row.cron, row.paused, row.timezone, row.missed) == (600, None, True, "UTC", "once")
    again = put(server, "nightly", cron="0 9 * * mon-fri")
    assert (again.json["cron"], again.json["every_seconds"], again.json["paused"]) == ("0 9 * * mon-fri", None, False)
    gone = server.ask("/api/v1/schedules/nightly", method="DELETE")
    assert (gone.status, gone.body) == (204, b"")
    assert stored(server, "nightly") is None
    assert server.ask("/api/v1/schedules/nightly", method="DELETE").status == 404


def test_a_replaced_one_of_the_configuration_is_the_users(server: Server) -> None:
    body = {"job": "auditor.audit_all", "arguments": {"which": "verify_sample"}, "cron": "0 7 * * sun"}
    answer = server.ask("/api/v1/schedules/sample", method="PUT", json=body)
    assert (answer.status, answer.json["origin"], answer.json["cron"]) == (200, "user", "0 7 * * sun")


def test_pausing_and_resuming(server: Server) -> None:
    paused = server.ask("/api/v1/schedules/stale/pause", method="POST")
    assert (paused.status, paused.json["paused"]) == (200, True)
    row = stored(server, "stale")
    assert row is not None
    assert (row.paused, row.origin) == (True, "user")
    assert [one["name"] for one in server.ask("/api/v1/schedules").json["items"]][-1] == "stale"
    assert server.ask("/api/v1/schedules/stale/resume", method="POST").json["paused"] is False


def test_running_now_submits_the_job(server: Server) -> None:
    assert put(server, "now", every_seconds=86_400).status == 201
    first = server.ask("/api/v1/schedules/now/run", method="POST")
    again = server.ask("/api/v1/schedules/now/run", method="POST")
    assert (first.status, again.status, again.json["id"]) == (201, 200, first.json["id"])
    assert first.headers["location"] == f"/api/v1/jobs/{first.json['id']}"
    with database.read(server.engine) as connection:
        job = records.get(connection, first.json["id"])
    assert job is not None
    assert (job.name, job.arguments) == ("integrator.sync_links", {"year": 1985})
    assert job.submitted_by == "schedule now, by tester"


def test_firings_are_paged_the_newest_first(server: Server) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with database.begin(server.engine) as connection:
        for number in range(5):
            at = start + timedelta(hours=number)
            schedules.fire(connection, "fired", at, at)
            schedules.fired(connection, "fired", at, job_id=f"job-{number}", error=None)
    found, path = [], "/api/v1/schedules/fired/firings?limit=2"
    while path:
        answer = server.ask(path).json
        assert len(answer["items"]) <= 2
        found += [one["job"] for one in answer["items"]]
        path = answer["next"] and f"/api/v1/schedules/fired/firings?limit=2&cursor={answer['next']}"
    assert found == [f"job-{number}" for number in reversed(range(5))]
    assert server.ask("/api/v1/schedules/gone/firings").json["items"] == []
    assert server.ask("/api/v1/schedules/nothing/firings").status == 404


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "expected either cron or every_seconds"),
        ({"cron": "0 3 * * *", "every_seconds": 60}, "expected either cron or every_seconds"),
        ({"cron": "never"}, "cron='never' is not accepted"),
        ({"cron": "0 3 * *"}, "is not accepted"),
        ({"cron": "0 3 * * 1"}, "weekdays have names here"),
        ({"cron": "0 0 30 feb *"}, "is never due"),
        ({"cron": "0 3 * * *\0"}, "cron"),
        ({"cron": "x" * 201}, "cron"),
        ({"cron": "0 3 * * *", "timezone": "Mars/Olympus"}, "timezone='Mars/Olympus' is not known"),
        ({"cron": "0 3 * * *", "timezone": "../../etc/passwd"}, "is not known"),
        ({"cron": "0 3 * * *", "timezone": "Europe"}, "is not known"),
        ({"every_seconds": 0}, "every_seconds"),
        ({"every_seconds": 2**40}, "every_seconds"),
        ({"every_seconds": 60, "jitter_seconds": -1}, "jitter_seconds"),
        ({"every_seconds": 60, "missed": "some"}, "missed"),
        ({"every_seconds": 60, "job": "integrator.nothing"}, "There is no job"),
        ({"every_seconds": 60, "arguments": {"vendor": "x y"}}, "vendor"),
        ({"every_seconds": 60, "arguments": {"vendor": "\0"}}, "vendor"),
        ({"every_seconds": 60, "hurry": True}, "hurry"),
    ],
)
def test_wrong_schedules_are_refused_with_what_is_wrong(server: Server, values: dict[str, Any], told: str) -> None:
    for name in ("wrong", "links"):  # a new one, and one that is there
        before = stored(server, name)
        answer = put(server, name, **values)
        assert answer.status == 422, answer.text
        assert told in answer.json["detail"]
        assert stored(server, name) == before


@pytest.mark.parametrize("name", ["nothing", "%00", "a%0Ab", "x" * 101])
def test_a_schedule_that_is_not_there(server: Server, name: str) -> None:
    expected = 404 if name == "nothing" else 422
    for method, more in (("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/run")):
        assert server.ask(f"/api/v1/schedules/{name}{more}", method=method).status == expected, (method, more)
    assert "links" in server.ask("/api/v1/schedules").text


def test_who_may_not(server: Server) -> None:
    writes = [("PUT", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/run")]
    for key, reads in (
        (server.key("user"), 403),
        (server.key("service:auditor"), 403),
        (server.key(user="scoped", vendors=[VENDORS[0]]), 403),
    ):
        assert server.ask("/api/v1/schedules", key=key).status == reads
        assert server.ask("/api/v1/schedules/links/firings", key=key).status == reads
        for method, more in writes:
            body = SYNC | {"every_seconds": 60} if method == "PUT" else None
            assert server.ask(f"/api/v1/schedules/links{more}", method=method, key=key, json=body).status == 403
    row = stored(server, "links")
    assert row is not None
    assert (row.origin, row.paused) == ("configuration", False)


def test_running_needs_the_permission_to_submit_as_well(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("planner")
    policy = folder / "policy.csv"
    planner = "p, planner, schedules, read\np, planner, schedules, write\n"
    policy.write_text((files("christmas.policy") / "policy.csv").read_text() + planner)
    filled.file(folder, 1)
    with serving(folder, CHRISTMAS__ACCESS__POLICY_PATH=str(policy)) as limited:
        key = limited.key("planner")
        assert limited.ask("/api/v1/schedules/links/pause", method="POST", key=key).status == 200
        answer = limited.ask("/api/v1/schedules/links/run", method="POST", key=key)
        assert (answer.status, "jobs.submit" in answer.json["detail"]) == (403, True)
        line = limited.access_log()[0]
        assert (line.user, line.resource, line.action, line.allowed) == ("planner", "jobs", "submit", False)
