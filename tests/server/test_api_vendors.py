"""Vendors over the API: numbers, health, and what was measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from redis import Redis

from christmas import valkey
from christmas.catalog import vendor_health
from christmas.catalog import vendors as catalog_vendors
from christmas.db import database
from christmas.metrics import store
from christmas.metrics.histogram import bucket
from tests.farm import Key
from tests.server import filled
from tests.server.filled import RUN, VENDORS
from tests.server.running import Server, serving

FIRST, SECOND, THIRD = VENDORS
STEPS = 24


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("vendors")
    filled.file(folder, 5)
    with serving(folder) as server:
        yield server


@pytest.fixture(scope="module")
def measured(server: Server) -> None:
    """Measure 100 answers of the first vendor now, and 50 slow ones two hours ago."""
    folder = server.log_path.parent / "valkey"
    minute = int(time.time() // 60)
    now = {f"ttfb|{bucket(0.2)}": 95, f"ttfb|{bucket(3.0)}": 5, f"latency|{bucket(0.4)}": 100, "requests|200": 100}
    server.ask(f"/api/v1/vendors/{FIRST}/metrics")  # which starts the Redis of the folder
    with Redis(unix_socket_path=str(valkey.socket_path(folder))) as client:
        store.write(client, FIRST, {minute: now, minute - 120: {f"ttfb|{bucket(9.0)}": 50}})


@pytest.fixture(scope="module")
def scoped(server: Server) -> Key:
    """Return a key for the first vendor only."""
    return server.key(user="scoped", vendors=[FIRST])


def vendors(server: Server, key: Key | None = None) -> dict[str, dict[str, Any]]:
    answer = server.ask("/api/v1/vendors", key=key)
    assert answer.status == 200, answer.text
    return {one["name"]: one for one in answer.json["items"]}


def test_every_vendor_is_listed_with_its_numbers(server: Server) -> None:
    found = vendors(server)
    with database.read(server.engine) as connection:
        counts = catalog_vendors.counts(connection)
    assert set(counts) == set(VENDORS)
    for name, one in found.items():
        count = counts.get(name)
        expected = (count.products, count.in_stock, count.without_price) if count else (0, 0, 0)
        assert (one["products"], one["in_stock"], one["without_price"]) == expected
    assert list(found) == sorted(found)
    assert server.ask(f"/api/v1/vendors/{FIRST}").json == found[FIRST]


def test_health_is_for_those_who_may_see_it(server: Server) -> None:
    shown = vendors(server)[SECOND]["health"]
    assert (shown["state"], shown["kind"], shown["job"]) == ("broken", "no_prices", RUN)
    assert (shown["reason"], bool(shown["since"])) == ("No product has a price.", True)
    user = server.key("user")
    assert {one["health"] for one in vendors(server, user).values()} == {None}
    assert server.ask(f"/api/v1/vendors/{SECOND}", key=user).json["health"] is None


def test_a_key_of_one_vendor_sees_only_that(server: Server, scoped: Key) -> None:
    assert set(vendors(server, scoped)) == {FIRST}
    for path, method in (("", "GET"), ("/metrics", "GET"), ("/health/accept", "POST")):
        assert server.ask(f"/api/v1/vendors/{SECOND}{path}", method=method, key=scoped).status == 404
    with database.read(server.engine) as connection:
        row = vendor_health.get(connection, SECOND)
    assert row is not None
    assert row.state == "broken"
    assert server.ask(f"/api/v1/vendors/{FIRST}", key=scoped).json["products"] > 0


@pytest.mark.usefixtures("measured")
def test_what_was_measured_has_percentiles_and_steps(server: Server) -> None:
    found = server.ask(f"/api/v1/vendors/{FIRST}/metrics").json
    rows = {row["metric"]: row for row in found["items"]}
    assert {row["vendor"] for row in found["items"]} == {FIRST}
    assert (rows["ttfb"]["count"], rows["latency"]["count"], rows["requests.200"]["count"]) == (100, 100, 100)
    assert rows["ttfb"]["p50_ms"] == pytest.approx(200, rel=0.02)
    assert rows["ttfb"]["p99_ms"] == pytest.approx(3000, rel=0.02)
    assert rows["requests.200"]["p50_ms"] is None
    points = found["ttfb"]
    assert (len(points), len(found["latency"])) == (STEPS, STEPS)
    assert [one["count"] for one in points if one["count"]] == [100]
    (told,) = (one for one in points if one["count"])
    assert told["p50_ms"] == pytest.approx(200, rel=0.02)
    times = [datetime.fromisoformat(one["at"]) for one in points]
    assert times == sorted(times)
    assert times[0] == datetime.fromisoformat(found["since"])
    longer = server.ask(f"/api/v1/vendors/{FIRST}/metrics?since=3h").json
    assert [one["count"] for one in longer["ttfb"] if one["count"]] == [50, 100]
    assert [one["p95_ms"] for one in longer["latency"] if one["count"]] == [pytest.approx(400, rel=0.02)]


def test_nothing_measured_is_no_error(server: Server) -> None:
    found = server.ask(f"/api/v1/vendors/{THIRD}/metrics?since=90d").json
    assert found["items"] == []
    assert {(one["count"], one["p50_ms"], one["p95_ms"]) for one in found["ttfb"]} == {(0, None, None)}


def test_a_vendor_is_accepted_as_it_is(server: Server) -> None:
    answer = server.ask(f"/api/v1/vendors/{THIRD}/health/accept", method="POST")
    assert answer.status == 200, answer.text
    assert (answer.json["health"]["state"], answer.json["health"]["kind"]) == ("healthy", None)
    with database.read(server.engine) as connection:
        row = vendor_health.get(connection, THIRD)
    assert row is not None
    assert (row.state, row.accepted_at is not None) == ("healthy", True)
    line = server.access_log()[0]
    assert (line.user, line.resource, line.action, line.allowed) == ("tester", "health", "write", True)


@pytest.mark.parametrize("role", ["user", "monitor", "service:auditor"])
def test_who_may_not(server: Server, role: str) -> None:
    key = server.key(role)
    assert server.ask(f"/api/v1/vendors/{SECOND}/health/accept", method="POST", key=key).status == 403
    reads = 403 if role == "user" else 200
    assert server.ask(f"/api/v1/vendors/{SECOND}/metrics", key=key).status == reads
    lists = 403 if role == "monitor" else 200
    assert server.ask("/api/v1/vendors", key=key).status == lists


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/no_such_shop", 404), ("/no_such_shop/metrics", 404), ("/A", 422), ("/%00", 422), (f"/{'a' * 81}", 422),
        (f"/{FIRST}/metrics?since=soon", 422), (f"/{FIRST}/metrics?since=91d", 422),
        (f"/{FIRST}/metrics?since=0h", 422), (f"/{FIRST}/metrics?since=1h%0A", 422), ("?vendor=x", 422),
    ],
)  # fmt: skip
def test_wrong_questions_are_refused(server: Server, path: str, status: int) -> None:
    answer = server.ask(f"/api/v1/vendors{path}")
    assert answer.status == status, answer.text


def test_a_vendor_of_which_no_run_has_told_cannot_be_accepted(server: Server) -> None:
    assert server.ask("/api/v1/vendors/no_such_shop/health/accept", method="POST").status == 404
