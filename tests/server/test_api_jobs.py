"""Jobs over the API: lists, submission, tree, cancelling, log lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from christmas import valkey
from christmas.db import database
from christmas.jobs import queue, records
from christmas.jobs.definitions import registry
from christmas.jobs.queue import NewJob
from christmas.logs.lines import FIELDS
from christmas.logs.stream import STREAM
from tests.farm import Key
from tests.server import filled
from tests.server.filled import FAILED, QUEUED, RUN, RUNNING, VENDORS
from tests.server.running import Answer, Server, serving

FIRST, SECOND, THIRD = VENDORS
CONTACT = {"CHRISTMAS__CONTACT_URL": "mailto:tester@example.org"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("jobs")
    filled.file(folder, 3)
    with serving(folder, **CONTACT) as server:
        yield server


@pytest.fixture(scope="module")
def scoped(server: Server) -> Key:
    """Return a key for one vendor only."""
    return server.key(user="scoped", vendors=[FIRST])


@pytest.fixture(scope="module")
def stream(server: Server) -> Iterator[Redis]:
    """Provide the Redis of the server, in which 40 lines of two jobs are."""
    folder = server.log_path.parent / "valkey"
    with Redis(unix_socket_path=str(valkey.socket_path(folder))) as client:
        for number in range(40):
            log(client, RUN if number % 2 else FAILED, f"line {number}", "ERROR" if number % 10 == 1 else "INFO")
        yield client


def log(client: Redis, job: str, event: str, level: str = "INFO") -> None:
    line: dict[Any, Any] = dict.fromkeys(FIELDS, "") | {"job": job, "event": event, "level": level, "vendor": FIRST}
    client.xadd(STREAM, line)


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [one["id"] for one in answer.json["items"]]


def submit(server: Server, name: str, key: Key | None = None, **arguments: Any) -> Answer:
    return server.ask("/api/v1/jobs", json={"name": name, "arguments": arguments}, key=key)


def state_of(engine: Engine, job_id: str) -> str:
    with database.read(engine) as connection:
        row = records.get(connection, job_id)
    assert row is not None
    return row.state


def test_the_newest_jobs_come_first(server: Server) -> None:
    found = server.ask("/api/v1/jobs").json
    assert {QUEUED, RUNNING, FAILED, RUN} <= {one["id"] for one in found["items"]}
    times = [one["queued_at"] for one in found["items"]]
    assert times == sorted(times, reverse=True)
    running = next(one for one in found["items"] if one["id"] == RUNNING)
    assert (running["state"], running["vendor"], running["node"]) == ("running", THIRD, "node-1")
    assert running["outcome"] == {"pages_read": 30, "pages_planned": 120}
    assert running["arguments"] == {"year": 1985}
    assert running["queued_at"].endswith("Z")


def test_jobs_are_filtered(server: Server) -> None:
    assert RUNNING in ids(server.ask("/api/v1/jobs?state=running&state=queued"))
    assert ids(server.ask("/api/v1/jobs?state=failed")) == [FAILED]
    assert ids(server.ask(f"/api/v1/jobs?state=failed&vendor={FIRST}")) == []
    assert ids(server.ask(f"/api/v1/jobs?vendor={SECOND}&name=integrator.sync_links")) == [FAILED]
    assert ids(server.ask("/api/v1/jobs?name=auditor.verify_sample")) == []


def test_each_state_is_a_filter(server: Server) -> None:
    cancelled = submit(server, "integrator.sync_links", vendor=SECOND, year=1951).json["id"]
    assert server.ask(f"/api/v1/jobs/{cancelled}/cancel", method="POST").status == 200
    everything = server.ask("/api/v1/jobs?limit=200").json["items"]
    for state in records.STATES:
        expected = [one["id"] for one in everything if one["state"] == state]
        assert expected
        assert ids(server.ask(f"/api/v1/jobs?limit=200&state={state}")) == expected
    for wrong in ("gone", "", "RUNNING"):
        answer = server.ask(f"/api/v1/jobs?state={wrong}")
        assert (answer.status, answer.json["errors"][0]["where"]) == (422, "state.0"), answer.text


def test_pages_give_every_job_once(server: Server) -> None:
    whole = ids(server.ask("/api/v1/jobs?limit=200"))
    assert len(whole) > 3
    found, path = [], "/api/v1/jobs?limit=1"
    while path:
        answer = server.ask(path).json
        found += [one["id"] for one in answer["items"]]
        path = answer["next"] and f"/api/v1/jobs?limit=1&cursor={answer['next']}"
    assert found == whole


def test_a_key_of_one_vendor_sees_only_its_jobs(server: Server, scoped: Key) -> None:
    root = submit(server, "integrator.sync_all", stage="products", limit=3).json["id"]
    seen = server.ask("/api/v1/jobs?limit=200", key=scoped).json["items"]
    assert {one["vendor"] for one in seen} == {FIRST}
    assert {RUN, QUEUED} <= {one["id"] for one in seen}
    assert ids(server.ask(f"/api/v1/jobs?vendor={SECOND}", key=scoped)) == []
    for path in (FAILED, root, f"{FAILED}/tree", f"{root}/tree", f"{FAILED}/logs"):
        assert server.ask(f"/api/v1/jobs/{path}", key=scoped).status == 404
    for job_id in (RUNNING, root):
        assert server.ask(f"/api/v1/jobs/{job_id}/cancel", method="POST", key=scoped).status == 404
        assert state_of(server.engine, job_id) == "running"
    assert server.ask(f"/api/v1/jobs/{RUN}", key=scoped).status == 200


def test_a_submitted_job_is_queued_by_who_asked(server: Server) -> None:
    answer = server.ask(
        "/api/v1/jobs",
        json={"name": "integrator.sync_links", "arguments": {"vendor": FIRST, "year": 1999}, "priority": 77},
    )
    assert answer.status == 201, answer.text
    made = answer.json
    assert (made["name"], made["vendor"], made["state"]) == ("integrator.sync_links", FIRST, "queued")
    assert (made["arguments"], made["priority"], made["submitted_by"]) == ({"year": 1999}, 77, "tester")
    assert answer.headers["location"] == f"/api/v1/jobs/{made['id']}"
    assert server.ask(answer.headers["location"]).json["id"] == made["id"]


def test_the_same_job_is_answered_with_the_open_one(server: Server) -> None:
    first = submit(server, "integrator.sync_links", vendor=SECOND, year=1997)
    again = submit(server, "integrator.sync_links", vendor=SECOND, year=1997)
    assert (first.status, again.status) == (201, 200)
    assert first.json["id"] == again.json["id"]
    assert again.headers["location"] == first.headers["location"]


def test_a_root_has_children_and_a_tree(server: Server) -> None:
    root = submit(server, "integrator.sync_year", year=1996).json["id"]
    found = server.ask(f"/api/v1/jobs/{root}").json
    assert (found["state"], found["consumer"]) == ("running", None)
    assert {one["vendor"] for one in found["children"]} >= set(VENDORS)
    assert {one["completed_at"] for one in found["children"]} == {None}
    tree = server.ask(f"/api/v1/jobs/{root}/tree").json["items"]
    assert tree[0]["id"] == root
    assert {one["depth"] for one in tree} == {0, 1, 2}
    by_id = {one["id"]: one for one in tree}
    below = [one for one in tree if one["name"] == "integrator.sync_links"]
    assert len(below) == len(found["children"])
    assert {by_id[one["parent"]]["name"] for one in below} == {"integrator.sync_vendor"}

    assert server.ask(f"/api/v1/jobs/{root}/cancel", method="POST").status == 200
    ended = server.ask(f"/api/v1/jobs/{root}").json
    assert ended["state"] == "cancelled"
    assert all(one["completed_at"] for one in ended["children"])
    again = server.ask(f"/api/v1/jobs/{root}/cancel", method="POST")
    assert again.status == 409
    assert "has ended" in again.json["detail"]


def test_a_running_job_is_asked_to_stop(server: Server) -> None:
    new = NewJob("to-stop", "integrator.sync_links", "stopping", "integrator", {})
    now = datetime.now(UTC)
    with database.begin(server.engine) as connection:
        queue.start(connection, new, node="node-9", process="", now=now)
    answer = server.ask("/api/v1/jobs/to-stop/cancel", method="POST")
    assert (answer.status, answer.json["state"], answer.json["cancel_requested"]) == (200, "running", True)
    with database.begin(server.engine) as connection:
        assert queue.heartbeat(connection, "to-stop", 1, now + timedelta(seconds=1)) == "cancelled"


def test_a_key_of_one_vendor_submits_for_it_only(server: Server, scoped: Key) -> None:
    assert submit(server, "integrator.sync_links", scoped, vendor=FIRST, year=1995).status == 201
    for name, arguments in (
        ("integrator.sync_links", {"vendor": SECOND}),
        ("integrator.sync_all", {}),
        ("integrator.sync_year", {"year": 1990}),
    ):
        answer = submit(server, name, scoped, **arguments)
        assert answer.status == 403, answer.text
        line = server.access_log()[0]
        assert (line.user, line.resource, line.action, line.allowed) == ("scoped", "jobs", "submit", False)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"name": "integrator.nothing"}, "There is no job 'integrator.nothing'; there are auditor.audit_all"),
        ({"name": "sync"}, "name"),
        ({"name": "integrator.sync_links", "arguments": {}}, "vendor"),
        ({"name": "integrator.sync_links", "arguments": {"vendor": "no_such"}}, "There is no vendor 'no_such'"),
        ({"name": "integrator.sync_links", "arguments": {"vendor": FIRST, "yaer": 1}}, "there is no argument yaer"),
        ({"name": "integrator.sync_links", "arguments": {"vendor": FIRST, "year": True}}, "year=True"),
        ({"name": "integrator.sync_links", "arguments": {"vendor": FIRST, "year": 2**70}}, "arguments.year"),
        ({"name": "integrator.sync_links", "arguments": {"vendor": f"{FIRST}\0"}}, "arguments.vendor"),
        ({"name": "integrator.sync_products", "arguments": {"vendor": FIRST, "keys": ["a\0"]}}, "arguments.keys"),
        ({"name": "integrator.sync_products", "arguments": {"vendor": FIRST, "keys": ["\ud800"]}}, "arguments.keys"),
        ({"name": "integrator.sync_product", "arguments": {"product": "x" * 2001}}, "arguments.product"),
        ({"name": "integrator.sync_product", "arguments": {"product": {"a": 1}}}, "arguments.product"),
        ({"name": "integrator.sync_links", "arguments": {"vendor": FIRST}, "priority": 1001}, "priority"),
        ({"name": "integrator.sync_links", "arguments": {"vendor": FIRST}, "hurry": 1}, "hurry"),
        ({"arguments": {}}, "name"),
        ([], "valid"),
    ],
)
def test_wrong_submissions_are_refused_with_what_is_wrong(server: Server, body: Any, told: str) -> None:
    answer = server.ask("/api/v1/jobs", json=body)
    assert answer.status == 422, answer.text
    assert told in answer.json["detail"]
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b'{"name": "integrator.sync_links"', "application/json", 422),
        (b'{"\\ud800": 1}', "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (b"[" * 100_000, "application/json", 400),
        (b'{"name": "a.b", "priority": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b"name=integrator.sync_links", "application/x-www-form-urlencoded", 415),
        (b'{"name": "integrator.sync_links"}', "text/plain", 415),
    ],
)
def test_bodies_that_are_no_json_are_refused(server: Server, body: bytes, media_type: str, status: int) -> None:
    answer = server.ask("/api/v1/jobs", body=body, headers={"Content-Type": media_type})
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "?state=lost", f"?vendor={FIRST}%00", "?vendor=A", "?name=x", "?limit=0", "?limit=201", "?limit=1e3",
        "?cursor=abc", "?cursor=WzFd", "?cursor=%00", "?colour=red", f"?vendor={'a' * 81}",
    ],
)  # fmt: skip
def test_wrong_filters_are_refused(server: Server, path: str) -> None:
    answer = server.ask(f"/api/v1/jobs{path}")
    assert answer.status == 422, answer.text


@pytest.mark.parametrize("job_id", ["no-such-job", "'; DROP TABLE jobs; --", "a%00b", "%3Cscript%3E", "x" * 65])
def test_a_job_that_is_not_there(server: Server, job_id: str) -> None:
    path = "/api/v1/jobs/" + job_id.replace(" ", "%20")
    for more, method in (("", "GET"), ("/tree", "GET"), ("/logs", "GET"), ("/cancel", "POST")):
        answer = server.ask(path + more, method=method)
        assert answer.status == (404 if job_id == "no-such-job" else 422), answer.text


@pytest.mark.parametrize("role", ["user", "monitor"])
def test_who_may_not(server: Server, role: str) -> None:
    key = server.key(role)
    for method, path in (
        ("GET", "jobs"), ("GET", f"jobs/{RUN}"), ("GET", f"jobs/{RUN}/tree"), ("GET", f"jobs/{RUN}/logs"),
        ("GET", "job-definitions"), ("POST", "jobs"), ("POST", f"jobs/{QUEUED}/cancel"),
    ):  # fmt: skip
        body = {"name": "integrator.sync_links", "arguments": {"vendor": FIRST}} if path == "jobs" else None
        answer = server.ask(f"/api/v1/{path}", method=method, key=key, json=body if method == "POST" else None)
        assert answer.status == 403, path
    assert state_of(server.engine, QUEUED) == "queued"


def test_every_definition_is_told_with_its_arguments(server: Server) -> None:
    found = {one["name"]: one for one in server.ask("/api/v1/job-definitions").json["items"]}
    assert set(found) == set(registry.DEFINITIONS)
    for name, one in found.items():
        assert [argument["name"] for argument in one["arguments"]] == list(registry.DEFINITIONS[name].model_fields)
        assert one["doc"]
    links = found["integrator.sync_links"]
    assert (links["consumer"], links["priority"]) == ("integrator", 10)
    vendor, year, which = links["arguments"]
    assert (vendor["type"], vendor["required"], vendor["default"]) == ("text", True, None)
    assert (year["type"], year["required"], year["default"]) == ("integer from 1900 to 2100", False, None)
    assert (which["type"], which["values"]) == ("one of the values", ["all"])
    assert found["integrator.sync_all"]["consumer"] is None
    stage = found["integrator.sync_all"]["arguments"][0]
    assert stage["values"] == ["links", "products"]
    limit = found["auditor.verify_sample"]["arguments"][1]
    assert limit["type"] == "integer from 1 to 999999999"
    assert found["auditor.verify_sample"]["consumer"] == "auditor"


def test_the_newest_lines_of_a_job_and_what_follows(server: Server, stream: Redis) -> None:
    found = server.ask(f"/api/v1/jobs/{RUN}/logs").json
    assert [line["event"] for line in found["items"]] == [f"line {number}" for number in range(1, 40, 2)]
    assert found["ended"] is True
    assert {line["job"] for line in found["items"]} == {RUN}
    newest = server.ask(f"/api/v1/jobs/{RUN}/logs?limit=2").json
    assert [line["event"] for line in newest["items"]] == ["line 37", "line 39"]
    bad = server.ask(f"/api/v1/jobs/{RUN}/logs?level=WARNING").json["items"]
    assert [line["event"] for line in bad] == ["line 1", "line 11", "line 21", "line 31"]

    earlier = server.ask(f"/api/v1/jobs/{RUN}/logs?limit=2&before={newest['previous']}").json
    assert [line["event"] for line in earlier["items"]] == ["line 33", "line 35"]
    seen = [earlier["items"], newest["items"]]
    while (before := earlier["previous"]) is not None:
        earlier = server.ask(f"/api/v1/jobs/{RUN}/logs?limit=3&before={before}").json
        seen.insert(0, earlier["items"])
    assert [line for some in seen for line in some] == found["items"]

    path = f"/api/v1/jobs/{RUN}/logs?after={newest['next']}"
    nothing = server.ask(path).json
    assert nothing["items"] == []
    for number in range(3):
        log(stream, RUN, f"later {number}")
        log(stream, FAILED, f"other {number}")
    first = server.ask(f"/api/v1/jobs/{RUN}/logs?after={nothing['next']}&limit=2").json
    assert [line["event"] for line in first["items"]] == ["later 0", "later 1"]
    rest = server.ask(f"/api/v1/jobs/{RUN}/logs?after={first['next']}").json
    assert [line["event"] for line in rest["items"]] == ["later 2"]
    assert server.ask(f"/api/v1/jobs/{RUN}/logs?after={rest['next']}").json["items"] == []


def test_a_root_has_the_lines_of_those_below_it(server: Server, stream: Redis) -> None:
    root = submit(server, "integrator.sync_vendor", vendor=THIRD, year=1994).json["id"]
    children = [one["id"] for one in server.ask(f"/api/v1/jobs/{root}").json["children"]]
    for job in (*children, RUN):
        log(stream, job, f"of {job}")
    found = server.ask(f"/api/v1/jobs/{root}/logs").json
    assert {line["event"] for line in found["items"]} >= {f"of {job}" for job in children}
    assert RUN not in {line["job"] for line in found["items"]}
    assert found["ended"] is False


@pytest.mark.parametrize(
    "query", ["after=now", "after=1", f"after={'9' * 19}-1", "level=LOUD", "limit=1001", "x=1", "before=x"]
)
def test_wrong_questions_for_lines_are_refused(server: Server, query: str) -> None:
    assert server.ask(f"/api/v1/jobs/{RUN}/logs?{query}").status == 422


def test_lines_are_before_or_after_a_position_not_both(server: Server) -> None:
    answer = server.ask(f"/api/v1/jobs/{RUN}/logs?after=1-1&before=2-2")
    assert (answer.status, answer.json["detail"]) == (422, "Give after or before, not both.")


@pytest.mark.integration
def test_without_redis_the_lines_are_away_and_the_jobs_are_not(tmp_path: Path) -> None:
    filled.file(tmp_path, 1)
    with serving(tmp_path, CHRISTMAS__REDIS__URL="redis://127.0.0.1:1/0", **CONTACT) as server:
        answer = server.ask(f"/api/v1/jobs/{RUN}/logs")
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert server.ask(f"/api/v1/jobs/{RUN}").status == 200
        assert submit(server, "integrator.sync_links", vendor=FIRST, year=1993).status == 201
