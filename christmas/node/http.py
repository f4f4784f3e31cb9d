"""Reading a request's arguments, and the one way in which the node sends an answer."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from typing import TYPE_CHECKING

from twisted.web.http import parse_qs

from christmas.errors import ArgumentError

if TYPE_CHECKING:
    from twisted.web.http import Request

FORM = b"application/x-www-form-urlencoded"
MULTIPART = b"multipart/form-data"
JSON = "application/json"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


def reply(request: Request, code: int, content_type: str, content: bytes) -> None:
    """Send an answer and end the request, unless the client has gone; in the reactor's thread."""
    if getattr(request, "_disconnected", False):
        return
    request.setResponseCode(code)
    request.setHeader("Content-Type", content_type)
    request.setHeader("Content-Length", str(len(content)))
    if request.method != b"HEAD":
        request.write(content)
    request.finish()


def arguments(request: Request) -> dict[bytes, list[bytes]]:
    """Return name to values: those of the query, overridden by those of a POST's body; raise ArgumentError.

    Call it in a thread, after the check of the key: a large form takes seconds to parse.
    """
    found: dict[bytes, list[bytes]] = dict(request.args or {})
    if request.method != b"POST":
        return found
    header: bytes = request.getHeader(b"Content-Type") or b""
    kind, content = header.partition(b";")[0].strip().lower(), request.content.read()
    if kind == FORM:
        found |= parse_qs(content, True)
    elif kind == MULTIPART and content:
        found |= _parts(header, content)
    return found


def _parts(header: bytes, content: bytes) -> dict[bytes, list[bytes]]:
    message = message_from_bytes(b"MIME-Version: 1.0\r\nContent-Type: " + header + b"\r\n\r\n" + content)
    found: dict[bytes, list[bytes]] = {}
    if not message.is_multipart():
        raise ArgumentError("The request says that it is multipart/form-data, and is not.")
    for part in message.get_payload():
        assert isinstance(part, Message)  # noqa: S101  # what a multipart message is made of
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            found.setdefault(name.encode(), []).append(payload)
    return found
