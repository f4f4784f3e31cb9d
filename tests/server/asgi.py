"""Requests to an application in the test's own process, without a socket."""

from __future__ import annotations

import asyncio
import json as json_module
from base64 import b64encode
from typing import Any

from tests.farm import Key
from tests.server.running import Answer


def ask(application: Any, path: str, key: Key, *, json: Any = None) -> Answer:
    """Send one request, a POST where there is a body, and return its answer."""
    body = b"" if json is None else json_module.dumps(json).encode()
    headers = [
        (b"host", b"127.0.0.1"),
        (b"authorization", b"Basic " + b64encode(":".join(key).encode())),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": "",
        "method": "GET" if json is None else "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(application(scope, receive, send))
    found = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))
