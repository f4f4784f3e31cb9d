"""In front of a real node: who is let through, who is refused how, and what is written down of it."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator

import psycopg
import pytest

from christmas.access import api_keys
from christmas.db import database
from christmas.node.guard import PERMISSIONS
from tests.farm import Answer, Key, until
from tests.node.guarded import MINE, Guarded, guarded
from tests.wire import ask, basic

JOB = {"project": "christmas", "spider": MINE, "stage": "links"}
ELSEWHERE = [
    {"Origin": "http://shop.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://["},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("guard")) as found:
        yield found


def told(answer: Answer, status: int) -> str:
    """Check the shape of Scrapyd's errors; give the message."""
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json) == {"status", "message", "node_name"}
    assert answer.json["status"] == "error"
    return str(answer.json["message"])


def test_without_a_key_there_is_a_401_that_asks_for_one(site: Guarded) -> None:
    answer = site.node.ask("jobs", anonymous=True)
    assert told(answer, 401).startswith("A key is needed")
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="christmas", charset="UTF-8"'
    [line] = site.log()
    assert (line.resource, line.action, line.allowed, line.address) == ("jobs", "read", False, "127.0.0.1")
    assert (line.user, line.role, line.key_id) == (None, None, None)


def test_a_wrong_key_and_an_unknown_user_are_told_the_same(site: Guarded) -> None:
    user, key = site.farm.key(user="known")
    answers = [
        site.node.ask("schedule.json", JOB, key=pair)
        for pair in [(user, "x" * 43), ("nobody", key), ("nobody", "x" * 43), (user, ""), ("", key)]
    ]
    assert len({(a.status, a.text, tuple(n for n in a.headers.items() if n[0] != "Date")) for a in answers}) == 1
    assert told(answers[0], 401) == "The user name or the key is not valid."
    assert answers[0].headers["WWW-Authenticate"].startswith("Basic ")
    reasons = [line.reason for line in reversed(site.log(5))]
    assert reasons[0] == reasons[2] == reasons[3] == "unknown key"
    assert str(reasons[1]).endswith("is not 'nobody''s")


@pytest.mark.parametrize("ended", ["revoked", "expired", "unbound"])
def test_a_key_that_has_ended_is_refused(ended: str, site: Guarded) -> None:
    key = site.farm.expired_key() if ended == "expired" else site.farm.key(user=ended)
    if ended == "revoked":
        assert site.node.ask("jobs", key=key).status == 200
        site.revoke(key)
    elif ended == "unbound":
        with database.begin(site.farm.engine) as connection:
            api_keys.unbind(connection, ended, "internal")
    assert told(site.node.ask("jobs", key=key), 401) == "The user name or the key is not valid."
    assert {"revoked": "revoked", "expired": "expired", "unbound": "no role"}[ended] in str(site.log()[0].reason)


def test_a_403_names_the_missing_permission(site: Guarded) -> None:
    message = told(site.node.ask("schedule.json", JOB, key=site.keys["user"]), 403)
    assert message.startswith("user (user) has no permission jobs.submit;")
    [line] = site.log()
    assert (line.user, line.role, line.resource, line.action, line.allowed) == ("user", "user", "jobs", "submit", False)
    assert line.reason == message


def test_a_granted_post_is_written_down_and_a_granted_get_is_not(site: Guarded) -> None:
    before = site.lines()
    assert site.node.ask("listjobs.json").status == 200
    assert site.lines() == before
    assert site.node.ask("schedule.json", JOB).status == 200
    [line] = site.log()
    assert (line.user, line.role, line.resource, line.action) == ("tester", "internal", "jobs", "submit")
    assert (line.allowed, line.reason) == (True, None)
    assert site.lines() == before + 1


def test_a_refusal_behind_the_guard_is_written_down_too(site: Guarded) -> None:
    answer = site.node.ask("addversion.json", {"project": "christmas", "version": "1", "egg": "x"})
    assert "node.egg_upload" in told(answer, 403)
    [line] = site.log()
    assert (line.user, line.resource, line.action, line.allowed) == ("tester", "eggs", "upload", False)
    assert "node.egg_upload" in str(line.reason)


def test_the_access_log_is_a_command(site: Guarded) -> None:
    site.node.ask("jobs", anonymous=True)
    done = site.farm.run("keys", "log", "--format", "json", "--limit", "2")
    assert done.returncode == 0, done.stderr
    lines = json.loads(done.stdout)
    assert len(lines) == 2
    assert {"at", "address", "user", "role", "key_id", "resource", "action", "allowed", "reason"} == set(lines[0])
    assert (lines[0]["resource"], lines[0]["allowed"]) == ("jobs", False)


@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
def test_pages_of_other_sites_are_refused(headers: dict[str, str], site: Guarded) -> None:
    before = site.farm.jobs()
    for path, data in (("listjobs.json", None), ("schedule.json", JOB | {"year": "1998"}), ("jobs", None)):
        answer = site.node.ask(path, data, headers=headers)
        assert told(answer, 403) == "Requests from pages of other sites are refused."
        assert site.log()[0].reason == "Requests from pages of other sites are refused."
    assert site.farm.jobs() == before


def test_the_nodes_own_pages_and_links_to_it_are_let_through(site: Guarded) -> None:
    own = {"Origin": site.node.url, "Sec-Fetch-Site": "same-origin"}
    assert site.node.ask("cancel.json", {"project": "christmas", "job": "none"}, headers=own).status == 200
    assert site.node.ask("jobs", headers={"Sec-Fetch-Site": "none"}).status == 200
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert site.node.ask("jobs", headers=link).status == 200
    assert site.node.ask("cancel.json", {"project": "christmas", "job": "none"}, headers=link).status == 403


def test_no_answer_is_for_scripts_of_other_sites_or_for_their_frames(site: Guarded) -> None:
    for path in (*PERMISSIONS, "health", "nothing", f"logs/christmas/{MINE}/one.log"):
        for more in ({}, {"Origin": "http://shop.example"}, {"Origin": site.node.url}):
            for method in ("GET", "OPTIONS"):
                headers = {"Access-Control-Request-Method": "POST", **more}
                answer = site.node.ask(path, headers=headers, method=method)
                names = {name.lower() for name in answer.headers}
                assert not [name for name in names if name.startswith("access-control")]
                assert answer.headers["X-Frame-Options"] == "DENY"
                assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_health_is_open_and_says_nothing_but_the_state(site: Guarded) -> None:
    for key in (None, ("nobody", "wrong"), site.keys["user"]):
        for path in ("health", "health/ready"):
            answer = site.node.ask(path, key=key, anonymous=key is None)
            assert (answer.status, answer.json) == (200, {"status": "ok", "missing": []})
        answer = site.node.ask("health/live", key=key, anonymous=key is None)
        assert (answer.status, answer.json) == (200, {"status": "ok"})
    head = site.node.ask("health/live", anonymous=True, method="HEAD")
    assert (head.status, head.text, head.headers["Content-Length"]) == (200, "", "17")
    assert site.node.ask("health/other", anonymous=True).status == 404
    assert site.node.ask("health", {"x": "y"}, anonymous=True).status == 405


@pytest.mark.parametrize("path", sorted(PERMISSIONS))
def test_a_head_request_needs_what_a_get_needs(path: str, site: Guarded) -> None:
    path += "/" if path == "logs" else ""  # else it redirects, and a redirected HEAD becomes a GET
    assert site.node.ask(path, method="HEAD", anonymous=True).status == 401
    assert site.node.ask(path, method="HEAD", key=site.keys["user"]).status == 403
    allowed = [site.node.ask(path, method=method) for method in ("HEAD", "GET")]
    assert allowed[0].text == ""
    assert allowed[0].status == allowed[1].status


def test_another_method_in_a_header_or_argument_changes_nothing(site: Guarded) -> None:
    before = site.farm.jobs()
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        query = f"project=christmas&spider={MINE}&stage=links&year=1991&_method=POST"
        answer = site.node.ask(f"schedule.json?{query}", headers={name: "POST"}, key=site.keys["service"])
        assert answer.status == 403
        assert site.node.ask(f"schedule.json?{query}", headers={name: "POST"}).status == 405
    assert site.farm.jobs() == before


def test_the_last_use_of_a_key_is_noted(site: Guarded) -> None:
    user, key = site.farm.key(user="seen")
    site.node.ask("jobs", key=(user, key))
    with database.read(site.farm.engine) as connection:
        found = api_keys.find_key(connection, key)
    assert found is not None
    assert found.last_used_at is not None


def test_too_many_wrong_keys_close_the_address_for_a_minute(site: Guarded) -> None:
    node = site.farm.node("--consumers", "auditor", CHRISTMAS__ACCESS__FAILED_LOGINS_PER_MINUTE="3")
    right, wrong = basic(*site.keys["internal"]), basic("internal", "wrong")
    assert node.key is not None
    for _ in range(5):
        assert ask(node.port, b"/jobs", source="127.0.0.9").status == 401  # without a key: not a guess
    for _ in range(3):
        assert ask(node.port, b"/jobs", wrong, source="127.0.0.9").status == 401
    before = site.lines()
    for line in (wrong, right, b""):
        reply = ask(node.port, b"/jobs", line, source="127.0.0.9")
        assert reply.status == 429
        assert reply.headers["Retry-After"] == "60"
        assert (reply.json["status"], reply.json["message"][:19]) == ("error", "Too many wrong keys")
        assert site.log()[0].reason == reply.json["message"]
        assert site.log()[0].address == "127.0.0.9"
    assert site.lines() == before + 1  # more attempts do not fill the log
    assert ask(node.port, b"/health", source="127.0.0.9").status == 200
    assert ask(node.port, b"/jobs", right, source="127.0.0.8").status == 200
    assert ask(node.port, b"/jobs", right, b"X-Forwarded-For: 127.0.0.8\r\n", source="127.0.0.9").status == 429


def test_nothing_is_told_while_the_database_is_gone(
    tmp_path_factory: pytest.TempPathFactory, new_postgresql: Callable[[], str]
) -> None:
    url = new_postgresql()
    name = url.partition("?")[0].rpartition("/")[2]
    with guarded(tmp_path_factory.mktemp("gone"), CHRISTMAS__DATABASE__URL=url) as site:
        assert site.node.ask("health", anonymous=True).status == 200
        site.farm.engine.dispose()
        with psycopg.connect(url.replace(f"/{name}", "/postgres"), autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            answer = until(lambda: (a := site.node.ask("health", anonymous=True)).status == 503 and a)
            assert answer.json == {"status": "unavailable", "missing": ["database"]}
            assert site.node.ask("health/live", anonymous=True).status == 200
            right, wrong = site.keys["internal"], ("nobody", "wrong")
            for path, key in (("jobs", right), ("metrics", right), ("jobs", wrong)):
                answer = site.node.ask(path, key=key)
                assert "is not available" in told(answer, 503)
                assert answer.headers["Retry-After"] == "5"
                assert name not in answer.text
            assert site.node.ask("jobs", anonymous=True).status == 401
            admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
        until(lambda: site.node.ask("health", anonymous=True).status == 200)
        assert site.node.ask("jobs", key=site.keys["internal"]).status == 200


def test_no_key_and_no_hash_is_in_an_answer_a_log_or_the_catalog(site: Guarded) -> None:
    made: list[Key] = [*site.keys.values(), site.farm.key("user", user="other"), ("tester", "wrong-" + "w" * 37)]
    assert site.node.key is not None
    made.append(site.node.key)
    texts = [
        text
        for user, key in made
        for text in (key, hashlib.sha256(key.encode()).hexdigest(), base64.b64encode(f"{user}:{key}".encode()).decode())
    ]
    answers = [
        site.node.ask(path, key=key).text for key in made for path in (*PERMISSIONS, "nothing", "health", "logs/")
    ]
    commands = (["keys", "list"], ["keys", "log", "--limit", "9999"], ["users", "list"])
    printed = [site.farm.run(*command, "--format", "json").stdout for command in commands]
    assert '"tester"' in printed[0]
    with sqlite3.connect(site.farm.folder / "christmas.db") as connection:
        stored = "\n".join(connection.iterdump())
    connection.close()
    assert not [text for text in texts for found in (*answers, *printed, site.node.log) if text in found]
    assert not [key for _, key in made if key in stored]
