"""The users of config/test.json, whose keys are published: for tests alone."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from christmas.access import api_keys, audit_log
from christmas.config import Config
from christmas.db import database
from christmas.demo.server import DemoServer
from christmas.policy import rules
from tests.farm import ROOT, Farm, Node

KEYS: dict[str, str] = json.loads((ROOT / "config" / "test.json").read_text(encoding="utf-8"))["access"]["test_users"]


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with DemoServer(size=12, per_page=12) as server:
        farm = Farm(tmp_path_factory.mktemp("users"), server)
        yield farm
        farm.close()


@pytest.fixture(scope="module")
def node(farm: Farm) -> Node:
    return farm.node("--consumers", "auditor", ENV="test")


def name(role: str) -> str:
    return f"test-{role.replace(':', '-')}"


def test_there_is_one_for_every_role_each_with_a_key_of_its_own() -> None:
    assert list(KEYS) == rules.load(Config()).roles()
    assert len(set(KEYS.values())) == len(KEYS)


@pytest.mark.parametrize("role", KEYS)
def test_its_key_has_its_role(role: str, node: Node) -> None:
    answer = node.ask("daemonstatus.json", key=(name(role), KEYS[role]))
    if role == "user":
        assert answer.status == 403
        assert "test-user (user) has no permission node.read" in answer.json["message"]
    else:
        assert answer.status == 200
    wrong = node.ask("daemonstatus.json", key=(name(role), KEYS[role] + "x"))
    assert wrong.status == 401


def test_a_second_start_makes_no_more_of_them(farm: Farm, node: Node) -> None:
    second = farm.node("--consumers", "auditor", ENV="test")
    assert second.ask("daemonstatus.json", key=("test-internal", KEYS["internal"])).status == 200
    with database.read(farm.engine) as connection:
        made = [row.user for row in api_keys.list_keys(connection) if row.user.startswith("test-")]
    assert sorted(made) == sorted(map(name, KEYS))


def test_no_other_configuration_has_them() -> None:
    for path in (ROOT / "config").glob("*.json"):
        found = json.loads(path.read_text(encoding="utf-8"))
        assert ("test_users" in found.get("access", {})) == (path.name == "test.json")


def test_another_configuration_on_the_same_catalog_does_not_know_them(farm: Farm, node: Node) -> None:
    assert node.ask("daemonstatus.json", key=("test-internal", KEYS["internal"])).status == 200
    other = farm.node("--consumers", "auditor")
    for role, key in KEYS.items():
        assert other.ask("daemonstatus.json", key=(name(role), key)).status == 401
    with database.read(farm.engine) as connection:
        assert "is for tests" in str(audit_log.latest(connection, 1)[0].reason)


@pytest.mark.parametrize("address", ["0.0.0.0", "node.example"])
def test_they_are_refused_where_others_can_connect(address: str, farm: Farm) -> None:
    done = farm.run("node", ENV="test", CHRISTMAS__NODE__BIND_ADDRESS=address)
    assert done.returncode == 1
    assert done.stderr == (
        f"christmas: access.test_users has publicly known keys: not on {address}, only on 127.0.0.1.\n"
    )


def test_one_of_an_unknown_role_is_refused(farm: Farm) -> None:
    done = farm.run("node", CHRISTMAS__ACCESS__TEST_USERS='{"root": "for-tests-only-root"}')
    assert done.returncode == 1
    assert "access.test_users names the role 'root'; there are internal, service," in done.stderr
    assert "for-tests-only" not in done.stderr
