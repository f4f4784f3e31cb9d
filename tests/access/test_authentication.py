"""Keys on both databases: who they belong to, and everything that ends them."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from christmas.access import api_keys, audit_log, authentication
from christmas.access.api_keys import NewKey
from christmas.access.authentication import Identity, KeyRefused
from christmas.db.tables import metadata

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def make(connection: Connection, **more: object) -> NewKey:
    given = {"user": "ann", "role": "internal", "now": NOW} | more
    return api_keys.create_key(connection, **given)  # type: ignore[arg-type]


def refusal(connection: Connection, user: str, key: str, now: datetime = NOW) -> str:
    """Return the reason for the log; the caller always gets the same message."""
    with pytest.raises(KeyRefused) as caught:
        authentication.authenticate(connection, user, key, now)
    assert str(caught.value) == "The user name or the key is not valid."
    return caught.value.reason


@pytest.mark.integration
def test_a_key_says_whose_it_is(connection: Connection) -> None:
    new = make(connection, vendors=["shop_a"], expires_at=at(60))
    found = authentication.authenticate(connection, "ann", new.key, NOW)
    assert found == Identity("ann", "internal", new.id, ["shop_a"], None)


@pytest.mark.integration
def test_a_key_without_vendors_is_for_all(connection: Connection) -> None:
    assert authentication.authenticate(connection, "ann", make(connection).key, NOW).vendors is None


def test_a_key_without_a_single_vendor_is_for_none(connection: Connection) -> None:
    assert authentication.authenticate(connection, "ann", make(connection, vendors=[]).key, NOW).vendors == []


def test_a_key_of_a_test_user_is_valid_only_where_test_users_are_configured(connection: Connection) -> None:
    new = make(connection, key="for-tests-only", for_tests=True)
    assert authentication.authenticate(connection, "ann", "for-tests-only", NOW, test_users=True).key_id == new.id
    assert "is for tests" in refusal(connection, "ann", "for-tests-only")


def test_keys_are_random_long_and_safe_in_a_url(connection: Connection) -> None:
    made = {make(connection).key for _ in range(20)}
    assert len(made) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", key) for key in made)


def test_only_the_hash_of_a_key_is_kept(connection: Connection) -> None:
    new = make(connection)
    everything = [row for table in metadata.sorted_tables for row in connection.execute(select(table))]
    assert hashlib.sha256(new.key.encode()).digest() in {
        bytes(v) for row in everything for v in row if type(v) is bytes
    }
    assert new.key not in repr(everything)


def test_a_key_that_nobody_has_is_refused(connection: Connection) -> None:
    new = make(connection)
    for key in ("", "x", new.key[:-1], new.key + "x", new.key.swapcase(), new.id, "\0", "é" * 50_000):
        assert refusal(connection, "ann", key) == "unknown key"


@pytest.mark.parametrize("user", ["bob", "", "Ann", "ann ", "ann\0", "x" * 100_000])
def test_a_right_key_under_a_wrong_name_is_refused(connection: Connection, user: str) -> None:
    reason = refusal(connection, user, make(connection).key)
    assert reason.endswith("'s")
    assert len(reason) < 200


def test_a_users_other_key_stays_valid_when_one_is_revoked(connection: Connection) -> None:
    first, second = make(connection), make(connection)
    assert api_keys.revoke(connection, first.id, at(1))
    assert refusal(connection, "ann", first.key, at(1)) == f"key {first.id} was revoked"
    assert authentication.authenticate(connection, "ann", second.key, at(1)).key_id == second.id
    assert not api_keys.revoke(connection, first.id, at(2))
    assert not api_keys.revoke(connection, "nothing", at(2))


def test_a_key_ends_at_its_expiry(connection: Connection) -> None:
    new = make(connection, expires_at=at(60))
    assert authentication.authenticate(connection, "ann", new.key, at(59.9)).user == "ann"
    assert refusal(connection, "ann", new.key, at(60)) == f"key {new.id} has expired"


def test_rotating_gives_a_key_of_the_same_scope_and_ends_the_old_one(connection: Connection) -> None:
    old = make(connection, role="user", vendors=["shop_a"], expires_at=at(60))
    new = api_keys.rotate(connection, old.id, at(1))
    assert new is not None
    assert (new.user, new.role) == ("ann", "user")
    assert new.key != old.key
    assert authentication.authenticate(connection, "ann", new.key, at(1)).vendors == ["shop_a"]
    assert refusal(connection, "ann", old.key, at(1)).endswith("was revoked")
    assert refusal(connection, "ann", new.key, at(60)).endswith("has expired")


def test_only_a_valid_key_is_rotated(connection: Connection) -> None:
    revoked, expired, unbound = make(connection), make(connection, expires_at=at(1)), make(connection, role="user")
    api_keys.revoke(connection, revoked.id, at(1))
    api_keys.unbind(connection, "ann", "user")
    for key_id in (revoked.id, expired.id, unbound.id, "nothing"):
        assert api_keys.rotate(connection, key_id, at(2)) is None
    assert api_keys.roles(connection, "ann") == ["internal"]
    assert len(api_keys.list_keys(connection)) == 3


def test_a_user_who_lost_the_role_loses_its_keys_until_bound_again(connection: Connection) -> None:
    boss, reader = make(connection), make(connection, role="user")
    assert api_keys.unbind(connection, "ann", "internal")
    assert not api_keys.unbind(connection, "ann", "internal")
    assert refusal(connection, "ann", boss.key) == f"key {boss.id}: ann has no role internal any more"
    assert authentication.authenticate(connection, "ann", reader.key, NOW).role == "user"
    api_keys.bind(connection, "ann", "internal", at(1))
    assert authentication.authenticate(connection, "ann", boss.key, NOW).role == "internal"


def test_a_removed_user_leaves_its_name_in_the_access_log_only(connection: Connection) -> None:
    new, other = make(connection), make(connection, user="bob")
    line = {"at": NOW, "address": "::1", "user": "ann", "role": "internal", "key_id": new.id, "reason": None}
    audit_log.record(connection, **line, resource="jobs", action="submit", allowed=True)
    assert api_keys.remove(connection, "ann")
    assert not api_keys.remove(connection, "ann")
    assert refusal(connection, "ann", new.key) == "unknown key"
    assert api_keys.list_users(connection) == [("bob", ["internal"])]
    assert [row.id for row in api_keys.list_keys(connection)] == [other.id]
    assert [row.user for row in audit_log.latest(connection)] == ["ann"]


def test_the_last_use_is_due_once_a_minute(connection: Connection) -> None:
    new = make(connection)
    assert authentication.authenticate(connection, "ann", new.key, NOW).use_is_due(NOW)
    api_keys.used(connection, new.id, NOW)
    found = authentication.authenticate(connection, "ann", new.key, at(30))
    assert found.last_used_at == NOW
    assert not found.use_is_due(at(60))
    assert found.use_is_due(at(61))


def test_old_lines_of_the_access_log_are_removed(connection: Connection) -> None:
    for seconds in (0, 100):
        line = {"at": at(seconds), "address": "::1", "user": None, "role": None, "key_id": None, "reason": "no key"}
        audit_log.record(connection, **line, resource="jobs", action="read", allowed=False)
    assert audit_log.prune(connection, at(50)) == 1
    assert [row.at for row in audit_log.latest(connection)] == [at(100)]
