"""The page of an error: its title and detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from christmas.server import auth
from christmas.server.web import render

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


def page(request: Request, status: int, title: str, detail: str) -> Response:
    """Return the page; for an error of the server itself without asking the database."""
    caller = auth.signed_in(request) if status < 500 else getattr(request.state, "caller", None)
    return render.page(request, caller, "error.html", status, title=title, detail=detail)
