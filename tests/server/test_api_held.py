"""Held changes over the API: what is held, and deciding on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import update

from christmas.catalog import held_changes as held
from christmas.catalog import products
from christmas.catalog.held_changes import HeldRow
from christmas.db import database
from christmas.db.tables import held_changes
from tests.farm import Key
from tests.server import filled
from tests.server.filled import RUN, VENDORS
from tests.server.running import Answer, Server, serving

FIRST, SECOND, THIRD = VENDORS
RELEASE, DISCARD = "/api/v1/held/release", "/api/v1/held/discard"
FIELDS = {
    "id", "vendor", "product", "name", "key", "field", "old", "new", "currency", "at", "job", "url", "source",
    "reason", "group", "page", "state", "agrees", "checked_at", "decided_at", "decided_by",
}  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("held")
    filled.file(folder, 3)
    with serving(folder) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """Provide the server with everything held that was held at its start."""
    with database.read(running.engine) as connection:
        before = [row.id for row in held.find(connection)]
    assert before
    yield running
    with database.begin(running.engine) as connection:
        again = update(held_changes).where(held_changes.c.id.in_(before))
        connection.execute(again.values(state="held", decided_at=None, decided_by=None, group_id=None))


@pytest.fixture(scope="module")
def scoped(running: Server) -> Key:
    """Return a key for the third vendor only."""
    return running.key(user="scoped", vendors=[THIRD])


def rows(server: Server, vendor: str | None = None, state: str | None = "held") -> list[HeldRow]:
    with database.read(server.engine) as connection:
        return held.find(connection, vendor=vendor, state=state)


def ids(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.text
    return [one["id"] for one in answer.json["items"]]


def test_what_is_held_is_listed_with_both_values(server: Server) -> None:
    known = rows(server)
    assert len(known) == 3
    found = server.ask("/api/v1/held").json["items"]
    assert [one["id"] for one in found] == [row.id for row in known]
    assert all(set(one) == FIELDS for one in found)
    (one,) = (one for one in found if one["vendor"] == SECOND)
    assert (one["field"], one["old"], one["new"], one["currency"]) == ("price", "27.95", "995.00", "USD")
    assert (one["name"], one["key"], one["job"], one["state"]) == (filled.NAME, "9001", RUN, "held")
    assert one["reason"]
    assert server.ask(f"/api/v1/held/{one['id']}").json == one


def test_held_changes_are_filtered_and_paged(server: Server) -> None:
    assert ids(server.ask(f"/api/v1/held?vendor={THIRD}")) == [row.id for row in rows(server, THIRD)]
    assert ids(server.ask(f"/api/v1/held?vendor={FIRST}")) == []
    assert ids(server.ask("/api/v1/held?state=discarded")) == []
    found, path = [], "/api/v1/held?limit=1"
    while path:
        answer = server.ask(path).json
        found += [one["id"] for one in answer["items"]]
        path = answer["next"] and f"/api/v1/held?limit=1&cursor={answer['next']}"
    assert found == [row.id for row in rows(server)]


def test_a_released_change_is_true_and_says_who_did_it(server: Server) -> None:
    (row,) = rows(server, SECOND)
    answer = server.ask(RELEASE, json={"ids": [row.id]})
    assert (answer.status, answer.json) == (200, {"count": 1})
    told = server.ask(f"/api/v1/held/{row.id}").json
    assert (told["state"], told["decided_by"]) == ("released", "tester")
    assert told["decided_at"]
    with database.read(server.engine) as connection:
        product = products.get(connection, f"{SECOND}:9001")
    assert product is not None
    assert product.price_minor == 99500
    assert ids(server.ask("/api/v1/held?state=released")) == [row.id]
    line = server.access_log()[0]
    assert (line.user, line.resource, line.action, line.allowed) == ("tester", "held", "write", True)
    again = server.ask(RELEASE, json={"ids": [row.id]})
    assert (again.status, f"Nothing is held as {row.id}" in again.json["detail"]) == (404, True)


def test_a_vendor_is_discarded_as_a_whole(server: Server) -> None:
    with database.read(server.engine) as connection:
        before = products.get(connection, f"{THIRD}:1")
    assert server.ask(DISCARD, json={"vendor": THIRD}).json == {"count": 2}
    assert (rows(server, THIRD), len(rows(server, SECOND))) == ([], 1)
    assert {row.decided_by for row in rows(server, THIRD, "discarded")} == {"tester"}
    with database.read(server.engine) as connection:
        assert products.get(connection, f"{THIRD}:1") == before
    assert server.ask(DISCARD, json={"vendor": THIRD}).status == 404


def test_a_run_is_decided_on_as_a_whole(server: Server) -> None:
    group = [row.id for row in rows(server, THIRD)]
    with database.begin(server.engine) as connection:
        connection.execute(update(held_changes).where(held_changes.c.id.in_(group)).values(group_id="run-9"))
    assert {one["group"] for one in server.ask(f"/api/v1/held?vendor={THIRD}").json["items"]} == {"run-9"}
    assert server.ask(RELEASE, json={"group": "run-8"}).status == 404
    assert server.ask(RELEASE, json={"group": "run-9"}).json == {"count": 2}
    assert [row.vendor for row in rows(server)] == [SECOND]


def test_of_several_ids_all_are_decided_on_or_none(server: Server) -> None:
    known = [row.id for row in rows(server)]
    answer = server.ask(DISCARD, json={"ids": [*known, 999_999]})
    assert answer.status == 404
    assert "Nothing is held as 999999 " in answer.json["detail"]
    assert [row.id for row in rows(server)] == known


def test_a_key_of_one_vendor_sees_and_decides_on_that_only(server: Server, scoped: Key) -> None:
    (other,) = rows(server, SECOND)
    with database.begin(server.engine) as connection:
        connection.execute(update(held_changes).where(held_changes.c.id == other.id).values(group_id="run-7"))
    assert {one["vendor"] for one in server.ask("/api/v1/held", key=scoped).json["items"]} == {THIRD}
    assert ids(server.ask(f"/api/v1/held?vendor={SECOND}", key=scoped)) == []
    assert server.ask(f"/api/v1/held/{other.id}", key=scoped).status == 404
    for body in ({"ids": [other.id]}, {"vendor": SECOND}, {"group": "run-7"}):
        assert server.ask(RELEASE, json=body, key=scoped).status == 404
    assert server.ask(DISCARD, json={"ids": [rows(server, THIRD)[0].id, other.id]}, key=scoped).status == 404
    assert len(rows(server)) == 3
    assert server.ask(DISCARD, json={"vendor": THIRD}, key=scoped).json == {"count": 2}
    assert [row.vendor for row in rows(server)] == [SECOND]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"ids": []}, {"ids": [0]}, {"ids": [-1]}, {"ids": [2**63]}, {"ids": ["x"]}, {"ids": [1.5]}, {"ids": None},
        {"ids": [1], "vendor": THIRD}, {"vendor": "No Vendor"}, {"vendor": f"{THIRD}\0"}, {"group": "a\0"},
        {"group": "<script>"}, {"vendor": THIRD, "force": True}, [1], "x", {"ids": [1] * 1001},
    ],
)  # fmt: skip
def test_wrong_decisions_are_refused(server: Server, body: object) -> None:
    for path in (RELEASE, DISCARD):
        answer = server.ask(path, json=body)
        assert answer.status == 422, answer.text
    assert len(rows(server)) == 3


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/999999", 404), ("/0", 422), ("/x", 404), ("/9223372036854775808", 422), ("/release", 405),
        ("?state=lost", 422), ("?cursor=WyJhIl0", 422), ("?cursor=WzkyMjMzNzIwMzY4NTQ3NzU4MDhd", 422),
        ("?vendor=%00", 422), ("?ids=1", 422),
    ],
)  # fmt: skip
def test_wrong_questions_are_refused(server: Server, path: str, status: int) -> None:
    assert server.ask(f"/api/v1/held{path}").status == status


def test_who_may_not(server: Server) -> None:
    for role, reads in (("user", 403), ("service:auditor", 200)):
        key = server.key(role)
        assert server.ask("/api/v1/held", key=key).status == reads
        assert server.ask(RELEASE, json={"vendor": THIRD}, key=key).status == 403
        assert server.ask(DISCARD, json={"vendor": THIRD}, key=key).status == 403
    assert len(rows(server)) == 3
