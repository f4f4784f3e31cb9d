"""ASGI middlewares for every request and response; below FastAPI, where they cost microseconds."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from typing import TYPE_CHECKING, Any

from prometheus_client import Histogram
from starlette.requests import Request

from christmas.server.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

# Photos are the shops' own, and may be anywhere; everything else is ours.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: http: data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
SECONDS = Histogram(
    "christmas_server_request_seconds",
    "From a request to the server to the last byte of the answer.",
    ["route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


class Surroundings:
    """Adds headers to every answer, measures it, and refuses bodies that are too large."""

    def __init__(self, app: ASGIApp, *, request_max_bytes: int) -> None:
        self.app = app
        self.request_max_bytes = request_max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        state = scope.setdefault("state", {})
        status = 500
        # A kept connection would be closed in the middle of a later request.
        ending = [(b"connection", b"close")] if scope["app"].state.christmas.probes.stopping else []

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_missing(message["headers"]), *_limit(state), *ending]
            await send(message)

        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await sent(message)

        try:
            if _length(scope) > self.request_max_bytes:
                raise TooLarge  # noqa: TRY301  # answered below, as one is that did not say how long it is
            await self.app(scope, _bounded(receive, self.request_max_bytes), noted)
        except TooLarge:
            if not begun:
                await _refuse(scope, sent, self.request_max_bytes)
        except Exception as error:
            if begun:
                raise  # half an answer was sent: the connection ends
            await scope["app"].state.unexpected(Request(scope), error)(scope, receive, sent)
        finally:
            route = scope["app"].state.paths.get(scope.get("endpoint"), "none")
            SECONDS.labels(route, str(status)).observe(time.perf_counter() - started)


def _missing(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    known = {name.lower() for name, _ in headers}
    # What one key may see is for no shared cache, and is revalidated each time; often the answer is "not modified".
    more = [] if b"cache-control" in known else [(b"cache-control", b"private, no-cache")]
    return [*more, *(header for header in HEADERS if header[0] not in known)]


def _limit(state: Any) -> list[tuple[bytes, bytes]]:
    standing = state.get("limit")
    return [] if standing is None else standing.headers()


def _length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


class TooLarge(BaseException):
    """Raised when a body goes on after the limit, from this module; no error of a route, which may not catch it."""


def _bounded(receive: Receive, most: int) -> Receive:
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise TooLarge
        return message

    return bounded


async def _refuse(scope: Scope, send: Send, most: int) -> None:
    problem = {
        "type": "about:blank", "title": "Too large", "status": 413, "instance": scope["path"],
        "detail": f"A request may have {most:,} bytes; an operator can allow more with server.request_max_bytes.",
    }  # fmt: skip
    body = json.dumps(problem).encode()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})


class Heads:
    """Answers HEAD as GET, without the body: no route has to."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET"}, receive, sent)


class Conditional:
    """Adds an ETag to responses of known length, and answers 304 where the client has the same already."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self.app(scope, receive, send)
            return
        held: Message | None = None
        parts: list[bytes] = []

        async def sent(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                if message["status"] == 200 and _can_be_held(message["headers"]):
                    held = message
                else:
                    await send(message)
                return
            if held is None:
                await send(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                await _finish(scope, held, b"".join(parts), send)

        await self.app(scope, receive, sent)


def _can_be_held(headers: list[tuple[bytes, bytes]]) -> bool:
    names = {name.lower() for name, _ in headers}
    return b"content-length" in names and b"etag" not in names


async def _finish(scope: Scope, start: Message, body: bytes, send: Send) -> None:
    tag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'.encode()
    start["headers"] = [*start["headers"], (b"etag", tag)]
    known = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")
    if tag in {one.strip() for one in known.split(b",")} or known.strip() == b"*":
        kept = [header for header in start["headers"] if header[0].lower() not in {b"content-length", b"content-type"}]
        await send({"type": "http.response.start", "status": 304, "headers": kept})
        await send({"type": "http.response.body", "body": b""})
        return
    await send(start)
    await send({"type": "http.response.body", "body": body})
