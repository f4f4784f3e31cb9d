"""The one way in which the node sends an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twisted.web.http import Request

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
