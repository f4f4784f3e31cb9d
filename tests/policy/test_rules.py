"""The policy: which role may do what, and how a wrong file of it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from christmas.config import AccessConfig, Config
from christmas.errors import AccessDenied, ConfigurationError
from christmas.policy import rights
from christmas.policy import rules as policy
from christmas.policy.rules import SESSION_USE, Policy

SHIPPED = policy.load(Config())
SERVICES = ["service:scheduler", "service:integrator", "service:auditor", "service:server"]


def with_policy(path: Path) -> Config:
    return Config(access=AccessConfig(policy_path=str(path)))


def test_internal_may_do_everything() -> None:
    assert SHIPPED.allows("internal", "eggs", "upload")
    assert SHIPPED.allows("internal", "something.new", "whatever")


def test_a_user_reads_products_and_changes_and_nothing_else() -> None:
    allowed = [
        (resource, action)
        for resource in {*rights.TABLES.values(), "logs", "node", "projects", "metrics", "eggs"}
        for action in ("read", "write", "delete", "use", "submit", "cancel", "upload", "remove")
        if SHIPPED.allows("user", resource, action)
    ]
    assert sorted(allowed) == [("changes", "read"), ("products", "read")]


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_may_what_services_may_and_is_its_own_subject(service: str) -> None:
    assert SHIPPED.allows(service, "jobs", "read")
    assert SHIPPED.allows(service, "jobs", "submit")
    assert not SHIPPED.allows("service", "jobs", "submit")
    for action in ("upload", "remove"):
        assert not SHIPPED.allows(service, "eggs", action)


def test_only_the_auditors_spiders_delete_products() -> None:
    assert [name for name in SHIPPED.subjects() if SHIPPED.allows(name, "products", "delete")] == ["spider:auditor"]


def test_no_process_but_the_servers_writes_keys_and_no_key_but_internals_opens_their_routes() -> None:
    may_write = [name for name in SHIPPED.roles() if SHIPPED.allows(name, "access", "write")]
    assert may_write == ["internal", "service:server"]
    for action in ("read", "write", "remove"):
        assert [name for name in SHIPPED.roles() if SHIPPED.allows(name, "accounts", action)] == ["internal"]
        assert f"accounts.{action}" in SHIPPED.permissions("internal")


def test_every_role_may_ask_who_it_is_whatever_the_policy_says(tmp_path: Path) -> None:
    path = tmp_path / "policy.csv"
    path.write_text("p, reader, jobs, read\n", encoding="utf-8")
    for rules, roles in ((policy.load(with_policy(path)), ["reader"]), (SHIPPED, [*SHIPPED.roles(), policy.PUBLIC])):
        assert [name for name in (*roles, "", "nobody") if rules.allows(name, *SESSION_USE.split("."))] == roles


@pytest.mark.parametrize("role", ["", "Internal", "internal ", "service:", "service:other", "users", "*", "g"])
def test_a_role_that_is_not_in_the_policy_may_nothing(role: str) -> None:
    for resource in {*rights.TABLES.values(), "*"}:
        assert not SHIPPED.allows(role, resource, "read")


def test_keys_have_the_roles_of_people_and_services_and_never_a_spiders() -> None:
    assert SHIPPED.roles() == ["internal", "service", *SERVICES, "monitor", "user"]
    assert not any(name.startswith("spider") for name in SHIPPED.roles())


def test_the_database_binds_services_and_spiders() -> None:
    spiders = ["spider:integrator", "spider:integrator.browser", "spider:auditor", "spider:auditor.browser"]
    assert SHIPPED.subjects() == [*SERVICES, *spiders]


def test_a_configured_file_replaces_the_policy(tmp_path: Path) -> None:
    path = tmp_path / "policy.csv"
    path.write_text("# readers\n\np, reader, jobs, read\ng, chief, reader\np,chief,jobs,cancel\n", encoding="utf-8")
    found = policy.load(with_policy(path))
    assert found.roles() == ["reader", "chief"]
    assert found.allows("chief", "jobs", "read")
    assert found.allows("chief", "jobs", "cancel")
    assert not found.allows("reader", "jobs", "cancel")
    assert not found.allows("internal", "jobs", "read")


@pytest.mark.parametrize(
    "line",
    [
        "p, reader, jobs",
        "p, reader, jobs, read, allow",
        "p, reader, , read",
        "g, reader",
        "g, reader, chief, extra",
        "x, reader, jobs, read",
        "p; reader; jobs; read",
        "reader",
        ",",
    ],
)
def test_a_wrong_line_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.csv"
    path.write_text(f"p, internal, *, *\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        policy.load(with_policy(path))
    assert str(path) in str(caught.value)
    assert repr(line) in str(caught.value)
    assert "p, ROLE, RESOURCE, ACTION" in str(caught.value)


def test_a_policy_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"p, internal, \xe4, *\n")
    for path in (tmp_path / "missing.csv", tmp_path, tmp_path / "latin.csv"):
        with pytest.raises(ConfigurationError, match=r"access\.policy_path") as caught:
            policy.load(with_policy(path))
        assert str(path) in str(caught.value)


def test_roles_that_are_each_others_parents_end_nothing() -> None:
    circle = Policy("p, a, jobs, read\ng, a, b\ng, b, a\n", "of the test")
    assert circle.allows("b", "jobs", "read")
    assert not circle.allows("b", "jobs", "cancel")


def test_a_process_acts_for_a_subject_of_the_policy_only() -> None:
    assert rights.load(Config()) is None
    bound = rights.load(Config(service="spider:integrator"))
    assert bound is not None
    with pytest.raises(AccessDenied, match=r"spider:integrator has no permission products\.delete"):
        bound.require("products", "delete")
    for name in ("spider:nobody", "internal", "service", "user"):
        with pytest.raises(ConfigurationError, match=name):
            rights.load(Config(service=name))
