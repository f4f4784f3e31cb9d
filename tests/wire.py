"""HTTP by hand over a socket, for requests that no client would send."""

from __future__ import annotations

import base64
import json
import socket
from dataclasses import dataclass
from typing import Any

SECONDS = 90


@dataclass(frozen=True)
class Reply:
    """One answer of a server."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


def basic(user: str | bytes, key: str | bytes) -> bytes:
    """Return the line with user name and key."""
    pair = b":".join(part.encode() if isinstance(part, str) else part for part in (user, key))
    return b"Authorization: Basic " + base64.b64encode(pair) + b"\r\n"


def send(port: int, data: bytes, source: str = "127.0.0.1") -> list[Reply]:
    """Send bytes from an address of this machine and give every answer until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), SECONDS, source_address=(source, 0)) as connection:
        received = b""
        try:
            connection.sendall(data)
            while more := connection.recv(65536):
                received += more
        except ConnectionError:  # it closes while we still send
            pass
    return _replies(received)


def ask(port: int, target: bytes, *lines: bytes, method: bytes = b"GET", body: bytes = b"", **more: Any) -> Reply:
    """Send one request with these further lines of the head, and give its answer; a dropped connection is a 0."""
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    head = method + b" " + target + b" HTTP/1.1\r\nHost: node\r\nConnection: close\r\n" + b"".join(lines) + length
    replies = send(port, head + b"\r\n" + body, **more)
    assert len(replies) <= 1, replies
    return replies[0] if replies else Reply(0, {}, b"")


def _replies(data: bytes) -> list[Reply]:
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = data
        if "Content-Length" in headers:
            length = int(headers["Content-Length"])
            body = data[:length] if not data.startswith(b"HTTP/1.") else b""  # to a HEAD there is none
        data = data[len(body) :]
        found.append(Reply(int(first.split(" ")[1]), headers, body))
    return found
