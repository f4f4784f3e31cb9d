"""Keys, users and the access log over the API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from christmas.access import api_keys
from christmas.config import Config
from christmas.db import database
from christmas.policy import rules
from christmas.server import openapi
from tests.farm import Key
from tests.routes import application
from tests.server.filled import VENDORS
from tests.server.running import Answer, Server, serving

KEYS, WHOAMI = "/api/v1/keys", "/api/v1/whoami"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("keys")) as server:
        yield server


def create(server: Server, user: str, role: str = "user", **more: Any) -> Answer:
    return server.ask(KEYS, json={"user": user, "role": role} | more)


def made(server: Server, user: str, role: str = "user", **more: Any) -> tuple[str, Key]:
    """Make a key, and give its id and the key."""
    answer = create(server, user, role, **more)
    assert answer.status == 201, answer.text
    return answer.json["id"], (user, answer.json["key"])


def listed(server: Server, limit: int = 200) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path = f"{KEYS}?limit={limit}"
    while path:
        answer = server.ask(path)
        assert answer.status == 200, answer.text
        found += answer.json["items"]
        path = answer.json["next"] and f"{KEYS}?limit={limit}&cursor={answer.json['next']}"
    return found


def roles(server: Server, user: str) -> list[str] | None:
    found = {one["name"]: one["roles"] for one in server.ask("/api/v1/users?limit=200").json["items"]}
    return found.get(user)


def test_a_key_is_shown_once_and_works(server: Server) -> None:
    answer = create(server, "ann", vendors=[VENDORS[0]], expires="30d")
    assert answer.status == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    new = answer.json
    assert (new["user"], new["role"], new["vendors"]) == ("ann", "user", [VENDORS[0]])
    days = datetime.fromisoformat(new["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < days <= timedelta(days=30)
    who = server.ask(WHOAMI, key=("ann", new["key"])).json
    assert (who["user"], who["role"], who["vendors"], who["key_id"]) == ("ann", "user", [VENDORS[0]], new["id"])
    everything = server.ask(KEYS)
    assert new["key"] not in everything.text
    assert "hash" not in everything.text
    (row,) = (one for one in everything.json["items"] if one["id"] == new["id"])
    assert (row["bound"], row["revoked_at"], row["vendors"]) == (True, None, [VENDORS[0]])
    assert new["key"] not in server.log


def test_a_revoked_key_ends_at_once_and_with_it_its_session(server: Server) -> None:
    key_id, key = made(server, "bob", "internal")
    cookie = server.sign_in(key)
    assert server.ask(WHOAMI, key=key).status == 200
    answer = server.ask(f"{KEYS}/{key_id}", method="DELETE")
    assert (answer.status, answer.body) == (204, b"")
    assert server.ask(WHOAMI, key=key).status == 401
    assert server.ask("/sign-out", form={"csrf": ""}, cookie=cookie).status == 303
    assert server.ask(f"{KEYS}/{key_id}", method="DELETE").status == 404
    line = server.access_log()[0]
    assert (line.resource, line.action, line.allowed) == ("accounts", "write", True)


def test_a_rotated_key_is_replaced_by_one_of_the_same_scope(server: Server) -> None:
    key_id, old = made(server, "eve", "user", vendors=[VENDORS[1]], expires="12h")
    answer = server.ask(f"{KEYS}/{key_id}/rotate", method="POST")
    assert (answer.status, answer.headers["cache-control"]) == (201, "no-store")
    new = answer.json
    assert (new["user"], new["role"], new["vendors"]) == ("eve", "user", [VENDORS[1]])
    assert new["expires_at"]
    assert server.ask(WHOAMI, key=old).status == 401
    assert server.ask(WHOAMI, key=("eve", new["key"])).json["vendors"] == [VENDORS[1]]
    assert server.ask(f"{KEYS}/{key_id}/rotate", method="POST").status == 404


def test_one_may_revoke_the_key_one_asks_with(server: Server) -> None:
    key_id, key = made(server, "self", "internal")
    assert server.ask(f"{KEYS}/{key_id}", method="DELETE", key=key).status == 204
    assert server.ask(WHOAMI, key=key).status == 401


def test_pages_give_every_key_and_user_once(server: Server) -> None:
    now = datetime.now(UTC)
    with database.begin(server.engine) as connection:
        for number in range(5):  # made at one moment
            api_keys.create_key(connection, user=f"page-{number}", role="user", now=now)
    assert [one["id"] for one in listed(server, 2)] == [one["id"] for one in listed(server)]
    whole = [one["name"] for one in server.ask("/api/v1/users?limit=200").json["items"]]
    assert {f"page-{number}" for number in range(5)} <= set(whole)
    found, path = [], "/api/v1/users?limit=2"
    while path:
        answer = server.ask(path).json
        found += [one["name"] for one in answer["items"]]
        path = answer["next"] and f"/api/v1/users?limit=2&cursor={answer['next']}"
    assert found == whole == sorted(whole)


def test_roles_are_given_and_taken(server: Server) -> None:
    assert server.ask("/api/v1/users/kim/roles/service:scheduler", method="PUT").status == 204
    assert server.ask("/api/v1/users/kim/roles/user", method="PUT").status == 204
    assert server.ask("/api/v1/users/kim/roles/user", method="PUT").status == 204  # once more changes nothing
    assert roles(server, "kim") == ["service:scheduler", "user"]
    _, key = made(server, "kim")
    assert server.ask("/api/v1/users/kim/roles/user", method="DELETE").status == 204
    assert roles(server, "kim") == ["service:scheduler"]
    assert server.ask(WHOAMI, key=key).status == 401
    assert server.ask("/api/v1/users/kim/roles/user", method="DELETE").status == 404


def test_a_removed_user_is_gone_with_keys_and_sessions(server: Server) -> None:
    _, key = made(server, "leo", "internal")
    cookie = server.sign_in(key)
    assert server.ask("/api/v1/users/leo", method="DELETE").status == 204
    assert roles(server, "leo") is None
    assert server.ask(WHOAMI, key=key).status == 401
    assert server.ask("/sign-out", form={"csrf": ""}, cookie=cookie).status == 303
    assert server.ask("/api/v1/users/leo", method="DELETE").status == 404
    assert not [one for one in listed(server) if one["user"] == "leo"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"user": "x", "role": "king"}, "There is no role 'king'; the policy has internal"),
        ({"user": "x", "role": "public"}, "There is no role 'public'"),
        ({"user": "x", "role": "spider:integrator"}, "There is no role"),
        ({"user": "x", "role": "user\0"}, "role"),
        ({"user": "x y", "role": "user"}, "user"),
        ({"user": "", "role": "user"}, "user"),
        ({"user": "x" * 65, "role": "user"}, "user"),
        ({"user": "x\0", "role": "user"}, "user"),
        ({"user": "x", "role": "user", "vendors": []}, "vendors"),
        ({"user": "x", "role": "user", "vendors": ["no_such_shop"]}, "no_such_shop is no vendor; there are"),
        ({"user": "x", "role": "user", "vendors": ["'; --"]}, "vendors"),
        ({"user": "x", "role": "user", "vendors": VENDORS[0]}, "vendors"),
        ({"user": "x", "role": "user", "expires": "tomorrow"}, "expires 'tomorrow' is not accepted: give 30d"),
        ({"user": "x", "role": "user", "expires": "2001-01-01"}, "expires 2001-01-01 has passed."),
        ({"user": "x", "role": "user", "expires": "9999999d"}, "is not accepted"),
        ({"user": "x", "role": "user", "expires": "\0"}, "expires"),
        ({"user": "x", "role": "user", "key": "mine"}, "key: is not known here"),
        ({"user": "x"}, "role"),
    ],
)
def test_wrong_keys_are_refused_with_what_is_wrong(server: Server, body: dict[str, Any], told: str) -> None:
    answer = server.ask(KEYS, json=body)
    assert answer.status == 422, answer.text
    assert told in answer.json["detail"]
    assert roles(server, "x") is None


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "keys/nothing", 404), ("POST", "keys/nothing/rotate", 404), ("DELETE", "keys/%00", 422),
        ("POST", "keys/a%20b/rotate", 422), ("DELETE", "users/nobody", 404), ("DELETE", "users/%00", 422),
        ("PUT", "users/a%20b/roles/user", 422), ("PUT", "users/kim/roles/king", 422),
        ("PUT", "users/kim/roles/%00", 422), ("DELETE", "users/nobody/roles/user", 404),
        ("DELETE", "users/%27%3B--/roles/user", 422), ("GET", "keys?cursor=WzFd", 422), ("GET", "keys?limit=0", 422),
        ("GET", "users?cursor=WyJhXHUwMDAwIl0", 422), ("GET", "users?role=user", 422),
        ("GET", "access-log?cursor=abc", 422), ("GET", "access-log?limit=201", 422),
    ],
)  # fmt: skip
def test_what_is_not_there_or_wrong(server: Server, method: str, path: str, status: int) -> None:
    answer = server.ask(f"/api/v1/{path}", method=method)
    assert answer.status == status, answer.text


def test_the_access_log_has_refusals_and_writes_the_newest_first(server: Server) -> None:
    _, key = made(server, "mia")
    assert server.ask(KEYS, key=key).status == 403
    found = server.ask("/api/v1/access-log?limit=2")
    assert found.status == 200, found.text
    refusal, grant = found.json["items"]
    assert (refusal["user"], refusal["resource"], refusal["action"], refusal["allowed"]) == (
        "mia", "accounts", "read", False,
    )  # fmt: skip
    assert "accounts.read" in refusal["reason"]
    assert (grant["user"], grant["resource"], grant["action"], grant["allowed"]) == (
        "tester",
        "accounts",
        "write",
        True,
    )
    more = server.ask(f"/api/v1/access-log?limit=200&cursor={found.json['next']}").json
    assert more["items"]
    assert refusal not in more["items"]
    times = [one["at"] for one in more["items"]]
    assert times == sorted(times, reverse=True)


def test_only_who_may_and_only_with_a_key_for_all_vendors(server: Server) -> None:
    key_id, victim = made(server, "victim")
    asked = [
        ("GET", "keys"), ("POST", "keys"), ("DELETE", f"keys/{key_id}"), ("POST", f"keys/{key_id}/rotate"),
        ("GET", "users"), ("PUT", "users/victim/roles/internal"), ("DELETE", "users/victim/roles/user"),
        ("DELETE", "users/victim"), ("GET", "access-log"),
    ]  # fmt: skip
    routes = {
        (method, route.path)
        for route, method, _ in openapi.permissions(application())
        if "keys and users" in route.tags
    }
    assert len(routes) == len(asked)
    others = [
        server.key(role, user=role.replace(":", "-")) for role in rules.load(Config()).roles() if role != "internal"
    ]
    for key in (*others, server.key(user="part", vendors=[VENDORS[0]])):
        for method, path in asked:
            body = {"user": "victim", "role": "internal"} if (method, path) == ("POST", "keys") else None
            assert server.ask(f"/api/v1/{path}", method=method, key=key, json=body).status == 403, (key[0], path)
    assert roles(server, "victim") == ["user"]
    assert server.ask(WHOAMI, key=victim).status == 200
