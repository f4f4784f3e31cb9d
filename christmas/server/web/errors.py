"""The page of an error: what is wrong and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from christmas.server.web import render

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


def page(request: Request, status: int, title: str, detail: str) -> Response:
    """Return the page."""
    return render.page(
        request, getattr(request.state, "caller", None), "error.html", status, title=title, detail=detail
    )
