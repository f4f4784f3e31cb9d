"""What every answer has: headers, ETag, compression; and what is too large or of another kind."""

from __future__ import annotations

import asyncio
import gzip
import socket
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.routing import Route

from christmas.config import Config
from christmas.server.app import create
from tests.server import filled
from tests.server.running import Server, serving
from tests.wire import send

PRODUCTS = "/api/v1/products?limit=50"


def test_headers_of_every_answer(shared: Server) -> None:
    for path in (PRODUCTS, "/", "/nothing/here", "/sign-in", "/health/live", "/api/v1/products?limit=x"):
        headers = shared.ask(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "no-cache" in headers["cache-control"] or "no-store" in headers["cache-control"]
        assert "server" not in headers


def test_the_same_again_is_not_sent_again(shared: Server) -> None:
    first = shared.ask(PRODUCTS)
    tag = first.headers["etag"]
    again = shared.ask(PRODUCTS, headers={"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == tag
    assert shared.ask(PRODUCTS, headers={"If-None-Match": f'"other", {tag}'}).status == 304
    assert shared.ask(PRODUCTS, headers={"If-None-Match": '"other"'}).status == 200
    assert shared.ask("/api/v1/products?limit=49").headers["etag"] != tag


def test_compressed_for_whoever_takes_it(shared: Server) -> None:
    plain = shared.ask(PRODUCTS)
    small = shared.ask(PRODUCTS, headers={"Accept-Encoding": "gzip"})
    assert small.headers["content-encoding"] == "gzip"
    assert gzip.decompress(small.body) == plain.body
    assert len(small.body) < len(plain.body) / 3
    assert "content-encoding" not in plain.headers


def test_static_files_are_kept_by_browsers(shared: Server) -> None:
    page = shared.ask("/sign-in").text
    style = page.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
    answer = shared.ask(style, anonymous=True)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    for path in ("/static/x/../app.py", "/static/x/%2e%2e/state.py", "/static/x/base.html", "/static/x/none.js"):
        assert shared.ask(path, anonymous=True).status == 404


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/nothing", "/nothing"])
def test_what_is_not_there(shared: Server, path: str) -> None:
    answer = shared.ask(path)
    assert answer.status == 404
    kind = "application/problem+json" if path.startswith("/api") else "text/html; charset=utf-8"
    assert answer.headers["content-type"] == kind
    assert "There is nothing here" in answer.text
    assert ("OpenAPI" in answer.text) == path.startswith("/api")


def test_a_page_that_is_not_there_knows_who_is_signed_in(shared: Server) -> None:
    answer = shared.ask("/nothing", cookie=shared.sign_in())
    assert answer.status == 404
    assert "<span>tester</span> <button>Sign out</button>" in answer.text
    assert 'href="/operations"' in answer.text
    assert "Sign out" not in shared.ask("/nothing", cookie="unknown").text


def test_a_method_that_is_not_there(shared: Server) -> None:
    answer = shared.ask("/api/v1/whoami", method="DELETE")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET"


def test_bodies_that_are_not_taken(own: Server) -> None:
    wrong = own.ask("/api/v1/held/release", body=b"ids=1", headers={"Content-Type": "text/plain"})
    assert wrong.status == 415
    for body in (b"", b"{", b"[]", b"null", b'{"ids": "x"}', b"\xff", b'{"ids": [1], "more": 1}', b"[" * 5000):
        answer = own.ask("/api/v1/held/release", body=body, headers={"Content-Type": "application/json"})
        assert answer.status in {400, 415, 422}, (body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.integration
def test_a_body_that_is_too_large(tmp_path: Path) -> None:
    with serving(tmp_path, filled.file(tmp_path, 1), CHRISTMAS__SERVER__REQUEST_MAX_BYTES="2000") as server:
        told = server.ask("/api/v1/held/release", json={"ids": list(range(2000))})
        assert told.status == 413
        assert "2,000 bytes" in told.json["detail"]
        # And one that does not say how long it is.
        piece = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
        head = (
            b"POST /sign-in HTTP/1.1\r\nHost: server\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        replies = send(server.port, head + piece * 100 + b"0\r\n\r\n")
        assert [reply.status for reply in replies] in ([], [413])
        assert server.ask("/health/live", anonymous=True).status == 200


@pytest.mark.parametrize(
    "path", ["/api/v1/users?cursor={}", "/years/1985?after={}", "/api/v1/products?sort=year&cursor={}"]
)
def test_a_cursor_that_is_no_text(shared: Server, path: str) -> None:
    lone_surrogate = "WyJcdWQ4MDAiXQ"
    assert shared.ask(path.format(lone_surrogate)).status == 422


def test_forms_of_other_kinds(shared: Server) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\n+2AA-\r\n--x--\r\n'
    kind = "multipart/form-data; boundary=x; charset=utf-7"
    assert shared.ask("/sign-in", body=body, headers={"Content-Type": kind}, anonymous=True).status == 415


def asked(app: FastAPI, path: str) -> tuple[int, dict[bytes, bytes], bytes]:
    """Ask an application in this process, without a server."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": [],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "scheme": "http", "root_path": "",
        "http_version": "1.1",
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(one["body"] for one in sent[1:])


@pytest.mark.integration
def test_a_mistake_of_ours(tmp_path: Path) -> None:
    def broken(_request: object) -> None:
        raise ZeroDivisionError("the cause")

    app = create(Config(var_path=tmp_path, service="service:server"))
    for path in ("/api/broken", "/broken"):
        app.router.routes.insert(0, Route(path, broken))
    status, headers, body = asked(app, "/api/broken")
    assert (status, headers[b"content-type"]) == (500, b"application/problem+json")
    assert b"the cause" not in body
    assert b"default-src 'none'" in headers[b"content-security-policy"]
    status, headers, body = asked(app, "/broken")
    assert status == 500
    assert b"tell an operator" in body
    assert b"default-src 'none'" in headers[b"content-security-policy"]


@pytest.mark.parametrize("path", [PRODUCTS, "/", "/health/live", "/sign-in"])
def test_head_is_a_get_without_the_body(shared: Server, path: str) -> None:
    whole, head = shared.ask(path), shared.ask(path, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert shared.ask("/nothing/here", method="HEAD").status == 404


def test_a_slash_too_many_leads_nowhere(shared: Server) -> None:
    answer = shared.ask("/operations/", headers={"Host": "elsewhere.example"})
    assert (answer.status, answer.headers.get("location")) == (404, None)


def test_what_is_no_request_of_ours_does_not_fill_the_logs(shared: Server) -> None:
    for _ in range(3):
        shared.ask("/nothing", headers={"Connection": "Upgrade", "Upgrade": "websocket"}, anonymous=True)
    assert "upgrade" not in shared.log.lower()


@pytest.mark.integration
def test_bodies_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    few = {"CHRISTMAS__SERVER__PUBLIC_REQUESTS_PER_MINUTE": "3"}
    with serving(tmp_path, filled.file(tmp_path, 2), **few) as server:
        json_type = {"Content-Type": "application/json"}
        found = [
            server.ask("/api/v1/jobs", body=b"{bad", headers=json_type, anonymous=True).status for _ in range(8)
        ]  # a minute may end meanwhile
        assert set(found) == {422, 429}
        assert found[:3] == [422] * 3


def test_a_head_that_does_not_end_is_refused(shared: Server) -> None:
    with socket.create_connection(("127.0.0.1", shared.port), timeout=60) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: here\r\nX: ")
        sent = 0
        try:
            while sent < 64 * 2**20:
                sent += connection.send(b"x" * 2**16)
        except OSError:
            pass  # closed
        assert sent < 16 * 2**20
    # One that is long, and not too long.
    answer = shared.ask("/health/live", anonymous=True, headers={"X": "x" * 20_000})
    assert answer.status == 200
