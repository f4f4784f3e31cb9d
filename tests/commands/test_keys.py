"""``christmas keys`` and ``christmas users`` as an operator runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from subprocess import CompletedProcess
from typing import Any

import pytest

from christmas.access import api_keys, authentication
from christmas.access.authentication import Identity, KeyRefused
from christmas.db import database
from christmas.demo.server import DemoServer
from tests.farm import Farm

VENDOR = "ornament_shop_com"


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with DemoServer(size=12, per_page=12) as server:
        yield Farm(tmp_path_factory.mktemp("keys"), server)


def ok(done: CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(done: CompletedProcess[str]) -> str:
    """Return the one line of a command that is refused and changes nothing."""
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr.startswith("christmas: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def create(farm: Farm, user: str, role: str = "internal", *more: str) -> dict[str, Any]:
    command = ("keys", "create", "--user", user, "--role", role, *more, "--format", "json")
    found: dict[str, Any] = json.loads(ok(farm.run(*command)))
    return found


def identity(farm: Farm, user: str, key: str) -> Identity:
    with database.read(farm.engine) as connection:
        return authentication.authenticate(connection, user, key, datetime.now(UTC))


def rows(farm: Farm, *command: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ok(farm.run(*command, "--format", "json")))
    return found


def test_a_new_key_is_printed_once_with_user_and_role(farm: Farm) -> None:
    made = create(farm, "ann", "user", "--expires", "30d", "--vendors", VENDOR)
    assert (made["user"], made["role"], made["vendors"]) == ("ann", "user", [VENDOR])
    days = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < days <= timedelta(days=30)
    found = identity(farm, "ann", made["key"])
    assert (found.role, found.vendors, found.key_id) == ("user", [VENDOR], made["id"])
    [row] = [row for row in rows(farm, "keys", "list") if row["id"] == made["id"]]
    assert (row["user"], row["role"], row["vendors"], row["bound"]) == ("ann", "user", [VENDOR], True)
    assert (row["last_used_at"], row["revoked_at"]) == (None, None)
    assert made["key"] not in json.dumps(row)


def test_as_a_table_it_says_that_it_is_not_shown_again(farm: Farm) -> None:
    printed = ok(farm.run("keys", "create", "--user", "bob", "--role", "service:scheduler"))
    assert "Store it now: it is not shown again." in printed
    key = next(word for word in printed.replace("│", " ").split() if len(word) == 43)
    assert identity(farm, "bob", key).role == "service:scheduler"
    listed = ok(farm.run("keys", "list"))
    assert "bob" in listed
    assert key not in listed


def test_a_rotated_key_is_replaced_and_a_revoked_one_ends(farm: Farm) -> None:
    old = create(farm, "carl")
    new = json.loads(ok(farm.run("keys", "rotate", old["id"], "--format", "json")))
    assert (new["user"], new["role"]) == ("carl", "internal")
    assert identity(farm, "carl", new["key"]).key_id == new["id"]
    with pytest.raises(KeyRefused):
        identity(farm, "carl", old["key"])
    assert ok(farm.run("keys", "revoke", new["id"])) == f"{new['id']} is revoked\n"
    with pytest.raises(KeyRefused):
        identity(farm, "carl", new["key"])
    for command in ("revoke", "rotate"):
        line = refused(farm.run("keys", command, new["id"]))
        assert f"There is no valid key '{new['id']}'; `christmas keys list` shows them." in line


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--role", "root", "There is no role 'root'; the policy has internal, service,"),
        ("--role", "spider:integrator", "There is no role 'spider:integrator'"),
        ("--user", "a:b", "The user 'a:b' is not accepted"),
        ("--vendors", "no_such_shop", "no_such_shop is no vendor; there are "),
        ("--expires", "tomorrow", "--expires 'tomorrow' is not accepted: give 30d, 12h, or a time"),
        ("--expires", "9999-12-31T23:59-12:00", "--expires '9999-12-31T23:59-12:00' is not accepted"),
        ("--expires", "2001-01-01", "--expires 2001-01-01 has passed."),
        ("--format", "csv", "--format csv is not known here: use table or json."),
    ],
)
def test_what_is_wrong_makes_no_key(option: str, value: str, words: str, farm: Farm) -> None:
    with database.read(farm.engine) as connection:
        before = (api_keys.list_keys(connection), api_keys.list_users(connection))
    given = {"--user": "dora", "--role": "internal", option: value}
    assert words in refused(farm.run("keys", "create", *[part for pair in given.items() for part in pair]))
    with database.read(farm.engine) as connection:
        assert (api_keys.list_keys(connection), api_keys.list_users(connection)) == before


def test_a_users_role_can_be_taken_and_given_back(farm: Farm) -> None:
    made = create(farm, "emma")
    ok(farm.run("users", "unbind", "emma", "internal"))
    with pytest.raises(KeyRefused):
        identity(farm, "emma", made["key"])
    assert {"user": "emma", "roles": []} in rows(farm, "users", "list")
    ok(farm.run("users", "bind", "emma", "internal"))
    assert identity(farm, "emma", made["key"]).role == "internal"
    ok(farm.run("users", "remove", "emma"))
    with pytest.raises(KeyRefused):
        identity(farm, "emma", made["key"])


def test_users_and_roles_that_are_not_there_are_named(farm: Farm) -> None:
    assert "There is no user 'nobody'" in refused(farm.run("users", "remove", "nobody"))
    assert "'nobody' has no role 'internal'" in refused(farm.run("users", "unbind", "nobody", "internal"))
    assert "There is no role 'king'" in refused(farm.run("users", "bind", "fred", "king"))
    assert "The user 'a:b' is not accepted" in refused(farm.run("users", "bind", "a:b", "user"))
    with database.read(farm.engine) as connection:
        assert "fred" not in dict(api_keys.list_users(connection))


def test_the_log_begins_empty_and_has_a_limit_of_at_least_one(farm: Farm) -> None:
    assert rows(farm, "keys", "log") == []
    assert farm.run("keys", "log", "--limit", "0").returncode == 2
