"""Signing in with a key and with a link, what a session may, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from lxml import html

from christmas.access import api_keys, sessions
from christmas.commands.up import LINK_LIFETIME, LOCAL_USER, sign_in_link
from christmas.db import database
from tests.farm import until
from tests.server.browsing import Browser, text
from tests.server.filled import RUNNING
from tests.server.running import Answer, Server, serving

ELSEWHERE = "https://elsewhere.example"


def words(answer: Answer) -> str:
    return text(html.fromstring(answer.text))


def link(server: Server) -> str:
    """Return a link's path and query."""
    return sign_in_link(server.engine, server.url).removeprefix(server.url)


def led_to_sign_in(server: Server, cookie: str) -> bool:
    answer = server.ask("/operations", cookie=cookie)
    return (answer.status, answer.headers.get("location")) == (303, "/sign-in?next=%2Foperations")


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Server]:
    """Run a server that is soon closed to whoever guesses keys or links."""
    with serving(tmp_path, CHRISTMAS__ACCESS__FAILED_LOGINS_PER_MINUTE="3") as server:
        yield server


class TestWithAKey:
    def test_the_cookie_is_for_this_server_and_no_script(self, own: Server) -> None:
        user, key = own.key("user")
        answer = own.ask("/sign-in", form={"user": user, "key": key, "next": "/years"}, anonymous=True)
        assert (answer.status, answer.headers["location"]) == (303, "/years")
        [cookie] = SimpleCookie(answer.headers["set-cookie"]).values()
        assert (cookie.key, cookie["httponly"], cookie["samesite"], cookie["path"]) == (
            "christmas_session", True, "lax", "/",
        )  # fmt: skip
        assert (cookie["domain"], cookie["secure"], cookie["max-age"]) == ("", "", "43200")
        assert len(cookie.value) == 43
        assert key not in cookie.value

    def test_the_page_says_who_is_signed_in(self, own: Server) -> None:
        browser = Browser(own, own.sign_in(own.key(user="ann")))
        page = browser.open("/operations")
        [who] = page.find_class("who")
        assert text(who) == "ann Sign out"

    @pytest.mark.parametrize(
        ("user", "key"),
        [
            ("ann", "wrong"),
            ("", ""),
            ("", "a" * 43),
            ("<script>alert(1)</script>", "x"),
            ("a\0b", "c\0d"),
            ("é", "\udcff"),
        ],
    )
    def test_a_wrong_key_is_refused_and_nothing_is_told(self, own: Server, user: str, key: str) -> None:
        body = f"user={user}&key=".encode() + key.encode("utf-8", "surrogateescape")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = own.ask("/sign-in", body=body, headers=headers, anonymous=True)
        assert answer.status == 401
        assert "set-cookie" not in answer.headers
        [problem] = html.fromstring(answer.text).find_class("problem")
        assert text(problem)
        assert "<script>alert" not in answer.text
        [row] = own.access_log()
        assert (row.resource, row.action, row.allowed) == ("session", "create", False)

    def test_a_form_that_is_none_is_refused(self, own: Server) -> None:
        files = b'--b\r\nContent-Disposition: form-data; name="key"; filename="k"\r\n\r\nx\r\n--b--\r\n'
        for body, kind in (
            (b"{}", "application/json"),
            (files, "multipart/form-data; boundary=b"),
            (b"\xff\xfe", "text/plain"),
        ):
            answer = own.ask("/sign-in", body=body, headers={"Content-Type": kind}, anonymous=True)
            assert answer.status in {400, 401, 415, 422}
            assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize(
        "target", [ELSEWHERE, "//elsewhere.example", "/\\elsewhere.example", "\\\\elsewhere", "javascript:alert(1)",
                   "/a\r\nSet-Cookie: a=b", "elsewhere", ""],
    )  # fmt: skip
    def test_nobody_is_led_elsewhere(self, own: Server, target: str) -> None:
        user, key = own.admin
        answer = own.ask("/sign-in", form={"user": user, "key": key, "next": target}, anonymous=True)
        assert (answer.status, answer.headers["location"]) == (303, "/")

    def test_too_many_wrong_keys_close_the_form_to_the_right_one(self, strict: Server) -> None:
        user, key = strict.admin
        wrong = [strict.ask("/sign-in", form={"user": user, "key": "no"}, anonymous=True) for _ in range(3)]
        assert [answer.status for answer in wrong] == [401] * 3
        right = strict.ask("/sign-in", form={"user": user, "key": key}, anonymous=True)
        assert (right.status, right.headers["retry-after"]) == (429, "60")
        assert "Too many wrong keys" in words(right)
        assert "set-cookie" not in right.headers
        # A link is no way around it.
        assert strict.ask(link(strict), anonymous=True).status == 429


def test_the_form_speaks_of_commands_on_this_machine_alone(own: Server) -> None:
    here = own.ask("/sign-in", anonymous=True)
    assert "christmas sign-in" in words(here)
    elsewhere = own.ask("/sign-in", anonymous=True, headers={"Host": "ornaments.example"})
    assert elsewhere.status == 200
    assert "christmas sign-in" not in words(elsewhere)
    assert "The person who runs this site gives you a user name and a key." in words(elsewhere)


class TestWithALink:
    def test_it_signs_in_once_as_the_operator_of_this_machine(self, own: Server) -> None:
        path = link(own)
        answer = own.ask(path, anonymous=True)
        assert (answer.status, answer.headers["location"]) == (303, "/")
        browser = Browser(own, answer.cookies["christmas_session"])
        assert text(browser.open("/operations").find_class("who")[0]) == f"{LOCAL_USER} Sign out"
        assert browser.cookie not in path
        again = own.ask(path, anonymous=True)
        assert again.status == 403
        assert "set-cookie" not in again.headers
        assert "ask for another link" in words(again)

    def test_the_access_log_names_who_was_signed_in(self, own: Server) -> None:
        assert own.ask(link(own), anonymous=True).status == 303
        [line] = own.access_log()
        assert (line.user, line.role, line.key_id, line.resource, line.action, line.allowed) == (
            LOCAL_USER, "internal", None, "session", "create", True,
        )  # fmt: skip

    def test_looking_for_one_that_is_none_writes_nothing(self, own: Server) -> None:
        with database.begin(own.engine) as connection:
            connection.exec_driver_sql("UPDATE jobs SET priority = priority")
            # One that wanted to write would be told that the catalog is locked.
            assert own.ask("/sign-in?token=none", anonymous=True).status == 403

    def test_wrong_ones_close_an_address(self, strict: Server) -> None:
        answers = [strict.ask("/sign-in?token=none", anonymous=True) for _ in range(6)]
        assert [answer.status for answer in answers] == [403] * 3 + [429] * 3
        assert answers[-1].headers["retry-after"] == "60"
        assert html.fromstring(answers[-1].text).xpath("//h1")
        assert len(strict.access_log(10)) == 4

    def test_its_token_is_no_session(self, own: Server) -> None:
        assert led_to_sign_in(own, link(own).partition("token=")[2])

    def test_it_leads_to_a_page_of_this_server_alone(self, own: Server) -> None:
        assert own.ask(f"{link(own)}&next=/operations/held", anonymous=True).headers["location"] == "/operations/held"
        assert own.ask(f"{link(own)}&next={ELSEWHERE}", anonymous=True).headers["location"] == "/"

    def test_it_is_too_old_after_a_quarter_of_an_hour(self, own: Server) -> None:
        begun = datetime.now(UTC) - LINK_LIFETIME
        with database.begin(own.engine) as connection:
            old, new = (
                sessions.create(
                    connection, kind="link", user="tester", role="internal", vendors=None, key_id=None,
                    now=begun + margin, lifetime=LINK_LIFETIME,
                )
                for margin in (timedelta(0), timedelta(minutes=1))
            )  # fmt: skip
        assert timedelta(minutes=15) == LINK_LIFETIME
        assert own.ask(f"/sign-in?token={old}", anonymous=True).status == 403
        assert own.ask(f"/sign-in?token={new}", anonymous=True).status == 303

    @pytest.mark.parametrize("token", ["", "x", "%00", "a" * 5000, "%F0%9F%8E%84", "%FF"])
    def test_what_is_no_link_is_refused(self, own: Server, token: str) -> None:
        answer = own.ask(f"/sign-in?token={token}", anonymous=True)
        assert answer.status in {403, 422}
        assert html.fromstring(answer.text).xpath("//h1")

    def test_neither_links_nor_sessions_are_in_what_the_server_writes(self, own: Server) -> None:
        path = link(own)
        cookie = own.ask(path, anonymous=True).cookies["christmas_session"]
        Browser(own, cookie).open("/operations")
        own.ask(path, anonymous=True)
        database_path = Path(str(own.engine.url.database))
        secrets = (path.partition("token=")[2], cookie, own.admin[1])
        for place in (own.log_path, database_path, Path(f"{database_path}-wal")):
            written = place.read_bytes()
            assert written
            assert not [secret for secret in secrets if secret.encode() in written], place


@pytest.mark.integration
def test_signing_in_is_counted_like_any_request_without_a_key(tmp_path: Path) -> None:
    with serving(tmp_path, CHRISTMAS__SERVER__PUBLIC_REQUESTS_PER_MINUTE="4") as server:
        user, key = server.admin
        asked = {"form": {"user": user, "key": key}}
        # A minute may end between two of these: then as many are let through once more.
        answers = [server.ask("/sign-in", anonymous=True, **asked) for _ in range(9)]  # type: ignore[arg-type]
        assert {answer.status for answer in answers} == {303, 429}
        refused = next(answer for answer in answers if answer.status == 429)
        assert 1 <= int(refused.headers["retry-after"]) <= 61
        assert "requests in a minute" in words(refused)
        answers = [server.ask(link(server), anonymous=True) for _ in range(5)]
        assert 429 in {answer.status for answer in answers}
        assert server.ask("/api/v1/whoami").status == 200


class TestASession:
    def test_it_ends_by_itself(self, own: Server) -> None:
        user, _ = own.admin
        token = own.sign_in()
        assert not led_to_sign_in(own, token)
        with database.begin(own.engine) as connection:
            short = sessions.create(
                connection, kind="session", user=user, role="internal", vendors=None, key_id=None,
                now=datetime.now(UTC) - timedelta(hours=1), lifetime=timedelta(hours=1),
            )  # fmt: skip
        assert led_to_sign_in(own, short)

    @pytest.mark.integration
    def test_it_is_as_long_as_configured(self, tmp_path: Path) -> None:
        with serving(tmp_path, CHRISTMAS__SERVER__SESSION_HOURS="0.0003") as server:
            answer = server.ask(link(server), anonymous=True)
            assert "Max-Age=1;" in answer.headers["set-cookie"]
            until(lambda: led_to_sign_in(server, answer.cookies["christmas_session"]), what="the end of the session")

    def test_it_ends_with_its_key_and_with_its_users_role(self, own: Server) -> None:
        with database.begin(own.engine) as connection:
            first, second = (
                api_keys.create_key(connection, user="eve", role="internal", now=datetime.now(UTC)) for _ in range(2)
            )
        of_first, of_second = (own.sign_in((one.user, one.key)) for one in (first, second))
        with database.begin(own.engine) as connection:
            api_keys.revoke(connection, first.id, datetime.now(UTC))
        assert led_to_sign_in(own, of_first)
        assert not led_to_sign_in(own, of_second)
        with database.begin(own.engine) as connection:
            api_keys.unbind(connection, "eve", "internal")
        assert led_to_sign_in(own, of_second)

    def test_signing_out_ends_it_everywhere(self, own: Server) -> None:
        browser = Browser(own, own.sign_in())
        answer = browser.press("/operations", "Sign out")
        assert (answer.status, answer.headers["location"]) == (303, "/")
        assert re.search(r'christmas_session="?"?; .*Max-Age=0', answer.headers["set-cookie"])
        assert led_to_sign_in(own, browser.cookie)

    def test_a_cookie_is_no_key_for_the_api(self, own: Server) -> None:
        assert own.ask("/api/v1/whoami", cookie=own.sign_in()).status == 401

    @pytest.mark.parametrize("cookie", ["", "x", "a" * 43, "a" * 4000, '"', "\xe9"])
    def test_what_is_no_session_is_nobody(self, own: Server, cookie: str) -> None:
        assert led_to_sign_in(own, cookie)


class TestForms:
    PATH = f"/operations/jobs/{RUNNING}/cancel"

    def test_one_without_this_sessions_token_is_refused(self, own: Server) -> None:
        browser, other = (Browser(own, own.sign_in()) for _ in range(2))
        [foreign, *_] = other.open("/operations").xpath("//input[@name='csrf']/@value")
        for form in ({}, {"csrf": ""}, {"csrf": foreign}, {"csrf": "\N{SNOWMAN}"}, {"csrf": browser.cookie}):
            answer = own.ask(self.PATH, form={"name": "x", **form}, cookie=browser.cookie)
            assert answer.status == 403
            assert "The form is from another session" in words(answer)
            [row] = own.access_log()
            assert (row.user, row.resource, row.action, row.allowed) == ("tester", "jobs", "cancel", False)
        assert own.ask("/sign-out", form={"csrf": foreign}, cookie=browser.cookie).status == 403
        assert not led_to_sign_in(own, browser.cookie)

    def test_a_header_is_as_good_as_a_field(self, own: Server) -> None:
        browser = Browser(own, own.sign_in())
        told = browser.open("/operations").find("body").get("hx-headers")
        token = told.partition('": "')[2].partition('"')[0]
        for sent, status in ((token, 404), (token[:-1], 403)):
            answer = own.ask(
                "/operations/jobs/none/cancel", form={"a": "b"}, headers={"X-CSRF-Token": sent}, cookie=browser.cookie
            )
            assert answer.status == status

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": ELSEWHERE}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
        ],
    )  # fmt: skip
    def test_pages_of_other_sites_are_refused(self, own: Server, headers: dict[str, str]) -> None:
        user, key = own.admin
        browser = Browser(own, own.sign_in())
        [token, *_] = browser.open("/operations").xpath("//input[@name='csrf']/@value")
        answer = own.ask(self.PATH, form={"csrf": token}, headers=headers, cookie=browser.cookie)
        assert answer.status == 403
        assert "other sites" in words(answer)
        answer = own.ask("/sign-in", form={"user": user, "key": key}, headers=headers, anonymous=True)
        assert answer.status == 403
        assert "set-cookie" not in answer.headers

    def test_following_a_link_from_elsewhere_is_all_right(self, own: Server) -> None:
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        assert own.ask("/operations", headers=headers, cookie=own.sign_in()).status == 200
        framed = headers | {"Sec-Fetch-Dest": "iframe"}
        assert own.ask("/operations", headers=framed, cookie=own.sign_in()).status == 403
