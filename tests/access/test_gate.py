"""The gate by itself: who calls, what is refused and with which status, and what the access log has of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from christmas.access import api_keys, audit_log, sessions
from christmas.access.authentication import Unauthorised
from christmas.access.gate import Caller, Gate, Inline, TooMany, headers_of, refuse_other_sites, status_of
from christmas.access.rate_limit import FailedLogins
from christmas.config import Config
from christmas.db import database
from christmas.errors import AccessDenied, ArgumentError, DatabaseUnavailable, JobRefused

HERE = "192.0.2.1"
ANONYMOUS = Caller(None, "", None, None, HERE)


class Later(Inline):
    """Keeps what may wait, and has no room for a refusal."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def later(self, what: str, function: Callable[..., None], *arguments: Any) -> None:
        self.names.append(what)

    def soon(self, what: str, function: Callable[..., None], *arguments: Any) -> bool:
        return False


@pytest.fixture
def gate(sqlite: Engine) -> Gate:
    return Gate(Config(), sqlite, FailedLogins(3))


def key_of(engine: Engine, role: str, vendors: list[str] | None = None) -> api_keys.NewKey:
    with database.begin(engine) as connection:
        return api_keys.create_key(connection, user="ann", role=role, vendors=vendors, now=datetime.now(UTC))


def log(engine: Engine) -> list[tuple[str | None, str, bool, str | None]]:
    with database.read(engine) as connection:
        return [
            (row.user, f"{row.resource}.{row.action}", row.allowed, row.reason)
            for row in reversed(audit_log.latest(connection))
        ]


def test_a_key_identifies_its_user_and_its_use_is_noted(gate: Gate, sqlite: Engine) -> None:
    new = key_of(sqlite, "user", ["shop_a"])
    for user in ("ann", None):
        assert gate.identify(user, new.key, HERE) == Caller("ann", "user", new.id, ["shop_a"], HERE)
    with database.read(sqlite) as connection:
        assert api_keys.list_keys(connection)[0].last_used_at is not None


def test_the_use_of_a_key_is_left_to_the_background(sqlite: Engine) -> None:
    new, background = key_of(sqlite, "user"), Later()
    Gate(Config(), sqlite, FailedLogins(3), background).identify(None, new.key, HERE)
    assert background.names == [f"Noting the use of key {new.id}"]


def test_failed_logins_close_an_address_to_the_right_key(gate: Gate, sqlite: Engine) -> None:
    new = key_of(sqlite, "user")
    for _ in range(3):
        with pytest.raises(Unauthorised, match="is not valid") as caught:
            gate.identify("bob", new.key, HERE)
        assert caught.value.reason == f"key {new.id} is not 'bob''s"
    closed = []
    for _ in range(3):
        with pytest.raises(TooMany) as refused:
            gate.identify("ann", new.key, HERE)
        closed.append((refused.value.first, refused.value.seconds))
        gate.refused(ANONYMOUS, "jobs.read", refused.value)
    assert closed == [(True, 60), (False, 60), (False, 60)]
    assert [allowed for _, _, allowed, _ in log(sqlite)] == [False]  # more attempts do not fill the log
    assert gate.identify("ann", new.key, "192.0.2.2").user == "ann"


def test_a_session_identifies_its_user_until_it_ends(gate: Gate, sqlite: Engine) -> None:
    new = key_of(sqlite, "user", ["shop_a"])
    with database.begin(sqlite) as connection:
        token = sessions.create(
            connection, kind="session", user="ann", role="user", vendors=["shop_a"], key_id=new.id,
            now=datetime.now(UTC), lifetime=timedelta(hours=1),
        )  # fmt: skip
    found = gate.identify_session(token, HERE)
    assert found == Caller("ann", "user", new.id, ["shop_a"], HERE, token)
    assert found is not None
    assert token not in found.csrf
    with database.begin(sqlite) as connection:
        sessions.end(connection, token)
    assert gate.identify_session(token, HERE) is None


@pytest.mark.parametrize(
    ("caller", "permission", "kind", "message"),
    [
        (ANONYMOUS, "products.read", Unauthorised, "A key is needed"),
        (
            Caller("ann", "user", "1", None, HERE),
            "jobs.read",
            AccessDenied,
            r"ann \(user\) has no permission jobs.read",
        ),
        (Caller("ann", "internal", "1", ["shop_a"], HERE), "jobs.read", AccessDenied, "is for shop_a only"),
    ],
)
def test_who_may_not_is_refused_and_recorded(
    gate: Gate, sqlite: Engine, caller: Caller, permission: str, kind: type[AccessDenied], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        gate.require(caller, permission, all_vendors=True)
    assert log(sqlite) == [(caller.user, permission, False, str(caught.value))]


def test_the_reason_for_the_log_is_not_what_the_caller_reads(gate: Gate, sqlite: Engine) -> None:
    gate.refused(ANONYMOUS, "jobs.read", Unauthorised("The key is not valid.", "unknown key"))
    assert log(sqlite) == [(None, "jobs.read", False, "unknown key")]


def test_what_is_allowed_is_recorded_where_it_writes(gate: Gate, sqlite: Engine) -> None:
    caller = Caller("ann", "internal", None, None, HERE)
    gate.require(caller, "jobs.submit", all_vendors=True)
    assert log(sqlite) == []
    gate.granted(caller, "jobs.submit")
    assert log(sqlite) == [("ann", "jobs.submit", True, None)]


def test_refusals_that_find_no_room_are_logged(sqlite: Engine, caplog: pytest.LogCaptureFixture) -> None:
    Gate(Config(), sqlite, FailedLogins(3), Later()).refused(ANONYMOUS, "jobs.read", AccessDenied("No."))
    assert f"Too many refusals wait for the database: {HERE}, jobs.read: No." in caplog.text
    assert log(sqlite) == []


def test_a_caller_sees_the_vendors_of_its_key() -> None:
    some, all_ = Caller("ann", "user", "1", ["shop_a"], HERE), Caller("ann", "user", "1", None, HERE)
    assert [some.sees(vendor) for vendor in ("shop_a", "shop_b", None)] == [True, False, False]
    assert [all_.sees(vendor) for vendor in ("shop_a", None)] == [True, True]


def test_each_error_has_one_status_and_its_header_fields() -> None:
    own = ((ArgumentError, 422),)
    errors = [
        *(
            kind("x")
            for kind in (Unauthorised, AccessDenied, JobRefused, DatabaseUnavailable, ArgumentError, LookupError)
        ),
        TooMany("x", 7, first=True),
    ]
    statuses = [status_of(error, own) for error in errors]
    found = {
        type(error).__name__: (status, headers_of(error, status))
        for error, status in zip(errors, statuses, strict=True)
    }
    assert found == {
        "Unauthorised": (401, {"WWW-Authenticate": 'Basic realm="christmas", charset="UTF-8"'}),
        "TooMany": (429, {"Retry-After": "7"}),
        "AccessDenied": (403, {}),
        "JobRefused": (409, {}),
        "DatabaseUnavailable": (503, {"Retry-After": "5"}),
        "ArgumentError": (422, {}),
        "LookupError": (500, {}),
    }


def test_a_page_of_another_site_is_refused_but_for_trusted_origins() -> None:
    headers = {"Origin": "https://elsewhere.example", "Host": "christmas.example"}
    with pytest.raises(AccessDenied, match="other sites"):
        refuse_other_sites("POST", headers.get)
    refuse_other_sites("POST", headers.get, ["https://elsewhere.example"])
    refuse_other_sites("POST", {"Origin": "https://christmas.example", "Host": "christmas.example"}.get)
    refuse_other_sites("GET", {}.get)
