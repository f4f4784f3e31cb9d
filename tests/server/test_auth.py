"""Who gets in: keys, roles, scope, limits, and what is written down of it."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from christmas.access import api_keys
from christmas.db import database
from tests.farm import Key, until
from tests.server import filled
from tests.server.browsing import Browser
from tests.server.running import Server, serving

PATH = "/api/v1/whoami"
HOOKED = "hookedonhallmark_com"


def revoke(server: Server, key: Key) -> None:
    with database.begin(server.engine) as connection:
        found = api_keys.find_key(connection, key[1])
        assert found is not None
        assert api_keys.revoke(connection, found.id, datetime.now(UTC))


def test_a_key_says_who_it_is(own: Server) -> None:
    key = own.key("user", user="ann", vendors=[HOOKED])
    answer = own.ask(PATH, key=key)
    assert answer.status == 200
    found = answer.json
    assert (found["user"], found["role"], found["vendors"]) == ("ann", "user", [HOOKED])
    assert found["permissions"] == ["changes.read", "products.read"]
    assert key[1] not in answer.text


def test_a_key_alone_as_bearer(own: Server) -> None:
    user, secret = own.key("user", user="ben")
    answer = own.ask(PATH, anonymous=True, headers={"Authorization": f"Bearer {secret}"})
    assert answer.json["user"] == user


@pytest.mark.parametrize(
    "header",
    [
        "Basic", "Basic !!!", "Bearer", "Bearer ", "Digest x", "Basic " + b64encode(b"nocolon").decode(),
        "Basic " + b64encode(b"\xff\xfe:x").decode(), "Bearer \xe9", "Bearer " + "x" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused(own: Server, header: str) -> None:
    answer = own.ask(PATH, anonymous=True, headers={"Authorization": header})
    assert answer.status == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Bearer" in answer.headers["www-authenticate"]
    assert answer.json["status"] == 401
    assert answer.json["instance"] == PATH
    line = own.access_log()[0]
    assert (line.resource, line.action, line.allowed) == ("session", "use", False)


def test_revoked_expired_unbound_and_anothers(own: Server) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    revoked, expired, unbound = own.key(user="r"), own.key(user="e", expires_at=past), own.key(user="u")
    revoke(own, revoked)
    with database.begin(own.engine) as connection:
        assert api_keys.unbind(connection, "u", "internal")
    texts = set()
    for key in (revoked, expired, unbound, ("tester", unbound[1]), ("tester", "nonsense")):
        answer = own.ask(PATH, key=key)
        assert answer.status == 401
        texts.add(answer.json["detail"])
    assert texts == {"The user name or the key is not valid."}
    reasons = {line.reason for line in own.access_log(5)}
    assert any("revoked" in str(reason) for reason in reasons)
    assert "unknown key" in reasons


def test_without_a_key_nothing_but_health(own: Server) -> None:
    for path in ("/api/v1/whoami", "/api/v1/products", "/metrics", "/api/v1/jobs"):
        assert own.ask(path, anonymous=True).status == 401
    assert own.ask("/health/live", anonymous=True).json == {"status": "ok"}
    assert own.ask("/health/ready", anonymous=True).json == {"status": "ok", "missing": []}


def test_the_public_reads_products_where_that_is_on(shared: Server) -> None:
    assert shared.ask("/api/v1/products", anonymous=True).status == 200
    assert shared.ask("/api/v1/changes", anonymous=True).status == 200
    refused = shared.ask("/api/v1/jobs", anonymous=True)
    assert refused.status == 401
    assert "A key is needed" in refused.json["detail"]


def test_a_role_that_may_not(own: Server) -> None:
    answer = own.ask("/api/v1/jobs", key=own.key("user", user="carol"))
    assert answer.status == 403
    assert answer.json["detail"].startswith("carol (user) has no permission jobs.read")
    line = own.access_log()[0]
    assert (line.user, line.role, line.resource, line.action, line.allowed) == ("carol", "user", "jobs", "read", False)


def test_a_role_that_may_little_asks_who_it_is_and_signs_out(own: Server) -> None:
    key = own.key("monitor", user="prometheus")
    assert own.ask(PATH, key=key).json["permissions"] == ["metrics.read", "node.read"]
    browser = Browser(own, own.sign_in(key))
    answer = browser.press("/", "Sign out", 403)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert own.ask("/", cookie=browser.cookie).status == 303


def test_a_write_is_written_down(own: Server) -> None:
    answer = own.ask("/api/v1/held/discard", json={"ids": [987654]})
    assert answer.status == 404
    line = own.access_log()[0]
    assert (line.user, line.resource, line.action, line.allowed) == ("tester", "held", "write", True)


def test_the_use_of_a_key_is_noted(own: Server) -> None:
    key = own.key("user", user="dora")
    assert own.ask(PATH, key=key).status == 200

    def noted() -> bool:
        with database.read(own.engine) as connection:
            found = api_keys.find_key(connection, key[1])
            return found is not None and found.last_used_at is not None

    until(noted, 10, "noting the use")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_pages_of_other_sites_are_refused(own: Server, headers: dict[str, str]) -> None:
    assert own.ask(PATH, headers=headers).status == 403
    assert "access-control-allow-origin" not in own.ask(PATH, headers=headers).headers


@pytest.mark.integration
def test_cors_where_it_is_on(tmp_path: Path) -> None:
    origin = "https://pages.example"
    with serving(tmp_path, CHRISTMAS__SERVER__CORS_ORIGINS=f'["{origin}"]') as server:
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        answer = server.ask(PATH, headers=headers)
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == origin
        asked = server.ask(
            PATH, method="OPTIONS", anonymous=True, headers=headers | {"Access-Control-Request-Method": "GET"}
        )
        assert asked.status == 200
        assert server.ask(PATH, headers={"Origin": "https://elsewhere.example"}).status == 403


@pytest.mark.integration
def test_limits_for_a_key_and_for_the_public(tmp_path: Path) -> None:
    variables = {
        "CHRISTMAS__SERVER__REQUESTS_PER_MINUTE": "5", "CHRISTMAS__SERVER__PUBLIC_REQUESTS_PER_MINUTE": "3",
        "CHRISTMAS__SERVER__PUBLIC": "true",
    }  # fmt: skip
    with serving(tmp_path, filled.file(tmp_path, 1), **variables) as server:
        key = server.key("user", user="eve")
        # A minute may end between two of these: then all are let through once more.
        answers = [server.ask(PATH, key=key) for _ in range(11)]
        refused = [one for one in answers if one.status == 429]
        assert 1 <= len(refused) <= 6
        # Only the first one is written down, of each minute.
        assert 1 <= sum(line.user == "eve" for line in server.access_log(100)) <= 2
        assert {one.status for one in answers} == {200, 429}
        assert answers[0].headers["ratelimit-policy"] == '"minute";q=5;w=60'
        assert answers[0].headers["ratelimit"].startswith('"minute";r=4;t=')
        assert 1 <= int(refused[0].headers["retry-after"]) <= 61
        assert refused[0].json["title"] == "Not permitted"
        assert server.ask(PATH, key=server.key("user", user="fay")).status == 200
        public = [server.ask("/api/v1/products", anonymous=True).status for _ in range(8)]
        assert set(public) == {200, 429}


@pytest.mark.integration
def test_no_kind_of_refusal_fills_the_access_log(tmp_path: Path) -> None:
    with serving(tmp_path, CHRISTMAS__SERVER__PUBLIC_REQUESTS_PER_MINUTE="3") as server:
        for headers in ({}, {"Authorization": "Digest x"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            answers = [server.ask(PATH, anonymous=True, headers=headers).status for _ in range(20)]
            assert 429 in answers, headers
        # Three and the first beyond, of each of the minutes that this takes.
        window = {line.at.replace(second=0, microsecond=0) for line in server.access_log(1000)}
        assert len(server.access_log(1000)) <= 4 * len(window)


@pytest.mark.integration
def test_wrong_keys_close_an_address(tmp_path: Path) -> None:
    with serving(tmp_path, CHRISTMAS__ACCESS__FAILED_LOGINS_PER_MINUTE="3") as server:
        answers = [server.ask(PATH, key=("ann", "wrong")) for _ in range(4)]
        assert [one.status for one in answers] == [401, 401, 401, 429]
        assert answers[-1].headers["retry-after"] == "60"
        for _ in range(5):
            assert server.ask(PATH).status == 429
        assert [line.reason for line in server.access_log(10)] == [
            "Too many wrong keys from this address; wait a minute.", *["unknown key"] * 3,
        ]  # fmt: skip


@pytest.mark.integration
def test_a_session_of_a_test_user_ends_where_there_are_none(tmp_path: Path) -> None:
    users_of = {"CHRISTMAS__ACCESS__TEST_USERS": '{"internal": "known-to-everybody"}'}
    url = filled.file(tmp_path, 1)
    with serving(tmp_path, url, **users_of) as server:
        token = server.sign_in(("test-internal", "known-to-everybody"))
        assert server.ask("/operations", cookie=token).status == 200
    with serving(tmp_path, url) as server:
        assert server.ask("/operations", cookie=token).status == 303
        assert server.ask("/api/v1/jobs", key=("test-internal", "known-to-everybody")).status == 401
