"""Sessions and links: who they belong to, how they end, and that a link signs in once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, select

from christmas.access import api_keys, sessions
from christmas.access.sessions import Session
from christmas.config import Config
from christmas.db import database
from christmas.db.tables import sessions as table
from christmas.errors import AccessDenied
from christmas.policy import rules
from tests.catalog.making import HOUR, at

DAY = timedelta(days=1)


def made(connection: Connection, **values: Any) -> str:
    """Sign anna in at hour 0 for a day."""
    api_keys.bind(connection, "anna", "internal", at(0))
    common: dict[str, Any] = {
        "kind": "session", "user": "anna", "role": "internal", "vendors": None, "key_id": None, "now": at(0),
        "lifetime": DAY,
    }  # fmt: skip
    return sessions.create(connection, **(common | values))


def signed_in(connection: Connection, **values: Any) -> tuple[api_keys.NewKey, str]:
    """Sign anna in with a key."""
    key = api_keys.create_key(connection, user="anna", role="internal", now=at(0), **values)
    return key, made(connection, key_id=key.id)


def count(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def test_a_session_says_who_has_signed_in(connection: Connection) -> None:
    key, token = signed_in(connection)
    assert sessions.find(connection, token, at(1)) == Session("anna", "internal", None, key.id, at(24))
    scoped = made(connection, vendors=("a_com", "b_com"))
    assert sessions.find(connection, scoped, at(1)) == Session("anna", "internal", ["a_com", "b_com"], None, at(24))


def test_a_token_is_long_random_and_not_stored(connection: Connection) -> None:
    tokens = {made(connection) for _ in range(10)}
    assert len(tokens) == 10
    assert {len(token) for token in tokens} == {43}  # 256 bits, six a letter
    stored = [str(value) for row in connection.execute(select(table)) for value in row]
    assert not [token for token in tokens if any(token in value for value in stored)]


@pytest.mark.parametrize("token", ["", "x", "\ud800", "\x00", "x" * 10_000])
def test_what_is_no_token(connection: Connection, token: str) -> None:
    made(connection)
    assert sessions.find(connection, token, at(1)) is None
    assert sessions.redeem(connection, token, at(1), DAY) is None
    assert not sessions.end(connection, token)
    assert count(connection) == 1


def test_a_session_expires(connection: Connection) -> None:
    token = made(connection)
    assert sessions.find(connection, token, at(23.9)) is not None
    assert sessions.find(connection, token, at(24)) is None


def test_a_session_ends(connection: Connection) -> None:
    token, other = made(connection), made(connection)
    assert sessions.end(connection, token)
    assert sessions.find(connection, token, at(1)) is None
    assert sessions.find(connection, other, at(1)) is not None
    assert not sessions.end(connection, token)


@pytest.mark.parametrize("end", [api_keys.revoke, api_keys.rotate])
def test_a_session_ends_with_its_key(connection: Connection, end: Callable[..., Any]) -> None:
    key, token = signed_in(connection)
    _, other = signed_in(connection)
    assert end(connection, key.id, at(1))
    assert sessions.find(connection, token, at(2)) is None
    assert sessions.find(connection, other, at(2)) is not None


def test_a_session_ends_when_its_key_expires(connection: Connection) -> None:
    _, token = signed_in(connection, expires_at=at(2))
    assert sessions.find(connection, token, at(1.9)) is not None
    assert sessions.find(connection, token, at(2)) is None


def test_a_session_ends_when_its_user_loses_the_role(connection: Connection) -> None:
    token = made(connection)
    api_keys.bind(connection, "anna", "user", at(0))
    api_keys.bind(connection, "ben", "internal", at(0))
    assert api_keys.unbind(connection, "anna", "internal")
    assert sessions.find(connection, token, at(1)) is None


def test_a_user_is_removed_with_sessions(connection: Connection) -> None:
    api_keys.bind(connection, "ben", "internal", at(0))
    _, token = signed_in(connection)
    other = made(connection, user="ben")
    assert api_keys.remove(connection, "anna")
    assert sessions.find(connection, token, at(1)) is None
    assert sessions.find(connection, other, at(1)) is not None
    assert count(connection) == 1


def test_signing_in_clears_what_has_expired_of_the_same_user(connection: Connection) -> None:
    api_keys.bind(connection, "ben", "internal", at(0))
    made(connection, user="ben", lifetime=HOUR)
    made(connection, lifetime=HOUR)
    kept = made(connection)
    made(connection, now=at(1))
    assert count(connection) == 3
    assert sessions.find(connection, kept, at(1)) is not None


def test_of_one_key_the_newest_sessions_are_kept(connection: Connection) -> None:
    key, first = signed_in(connection)
    _, of_other = signed_in(connection)
    link, by_link = made(connection, kind="link"), made(connection)
    times = [at(0.01 * number) for number in range(1, sessions.KEPT + 3)]
    tokens = [first] + [made(connection, key_id=key.id, now=now) for now in times]
    kept = [token for token in tokens if sessions.find(connection, token, at(1)) is not None]
    assert kept == tokens[-sessions.KEPT :]
    assert sessions.find(connection, of_other, at(1)) is not None
    assert sessions.find(connection, by_link, at(1)) is not None
    assert sessions.find_link(connection, link, at(1)) is not None
    assert count(connection) == sessions.KEPT + 3


def test_a_link_says_whom_it_would_sign_in(connection: Connection) -> None:
    link, session = made(connection, kind="link"), made(connection)
    assert sessions.find_link(connection, link, at(1)) == Session("anna", "internal", None, None, at(24))
    assert sessions.find_link(connection, session, at(1)) is None
    assert sessions.find_link(connection, link, at(24)) is None
    assert sessions.redeem(connection, link, at(1), DAY) is not None
    assert sessions.find_link(connection, link, at(1)) is None


def test_what_has_expired_is_pruned(connection: Connection) -> None:
    made(connection, lifetime=HOUR)
    made(connection, kind="link", lifetime=2 * HOUR)
    token = made(connection)
    assert sessions.prune(connection, at(2)) == 2
    assert sessions.prune(connection, at(2)) == 0
    assert sessions.find(connection, token, at(2)) is not None


def test_a_link_is_exchanged_for_a_session_once(connection: Connection) -> None:
    link = made(connection, kind="link", vendors=["a_com"])
    assert sessions.find(connection, link, at(1)) is None
    token = sessions.redeem(connection, link, at(1), 2 * DAY)
    assert token not in {None, link}
    assert sessions.find(connection, str(token), at(2)) == Session("anna", "internal", ["a_com"], None, at(1 + 48))
    assert sessions.redeem(connection, link, at(1), DAY) is None
    assert sessions.redeem(connection, str(token), at(1), DAY) is None
    assert sessions.find(connection, str(token), at(2)) is not None


def test_a_link_that_is_no_longer_valid(connection: Connection) -> None:
    late, taken = made(connection, kind="link"), made(connection, kind="link")
    assert sessions.redeem(connection, late, at(24), DAY) is None
    api_keys.unbind(connection, "anna", "internal")
    assert sessions.redeem(connection, taken, at(1), DAY) is None


def test_of_two_who_follow_a_link_one_is_signed_in(engine: Engine) -> None:
    with database.begin(engine) as connection:
        links = [made(connection, kind="link") for _ in range(10)]
    both = Barrier(2)

    def follow(link: str) -> str | None:
        both.wait(timeout=90)
        with database.begin(engine) as connection:
            return sessions.redeem(connection, link, at(1), DAY)

    with ThreadPoolExecutor(2) as threads:
        for link in links:
            told = [one.result(timeout=90) for one in [threads.submit(follow, link) for _ in range(2)]]
            assert told.count(None) == 1
    with database.read(engine) as connection:
        assert count(connection) == len(links)


def test_who_may_not_write_access_signs_nobody_in(engine: Engine) -> None:
    database.grant(engine, rules.load(Config()))
    url = engine.url.render_as_string(hide_password=False)
    with database.begin(engine) as connection:
        link = made(connection, kind="link")
    spider = database.get_engine(Config(database={"url": url}, service="spider:integrator"))  # type: ignore[arg-type]
    server = database.get_engine(Config(database={"url": url}, service="service:server"))  # type: ignore[arg-type]
    with pytest.raises(AccessDenied, match=r"access\.write"), database.begin(spider) as connection:
        sessions.redeem(connection, link, at(1), DAY)
    with pytest.raises(AccessDenied), database.read(spider) as connection:
        sessions.find(connection, link, at(1))
    with database.begin(server) as connection:
        token = sessions.redeem(connection, link, at(1), DAY)
        assert token is not None
        assert sessions.find(connection, token, at(1)) is not None
        assert sessions.end(connection, token)
