"""The OpenAPI document, and the table of routes with what each needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from christmas.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

DESCRIPTION = """A price guide for collectible ornaments.

Send a key as `Authorization: Bearer KEY`, or user name and key as HTTP Basic. Amounts are decimal strings in the
currency beside them, times are UTC. Lists are given in pages: `next` is the cursor of the page that follows, `null` at
the end. Errors are problem details (RFC 9457). Answers have an `ETag`; `If-None-Match` with it gives 304 while nothing
has changed. Answers say how many requests are left in this minute (`RateLimit`).
"""
SECURITY = {
    "basic": {"type": "http", "scheme": "basic", "description": "user name and key"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "the key"},
}


def describe(app: FastAPI) -> None:
    """Let the application make its document once: the routes of the API, not those of the pages."""

    def document() -> dict[str, Any]:
        if not app.openapi_schema:
            found = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
            schemas = found["components"]["schemas"]
            schemas["Problem"] = Problem.model_json_schema()
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            found["components"]["securitySchemes"] = SECURITY
            _secure(app, found)
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way


def permissions(app: FastAPI) -> Iterator[tuple[RouteContext, str, str | None]]:
    """Yield each route, its method, and the permission it needs; None where it is open to everybody."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            for method in sorted(context.original_route.methods or ()):
                yield context, method, _permission(context.original_route.dependant)


def _permission(dependant: Any) -> str | None:
    for one in dependant.dependencies:
        found = getattr(one.call, "permission", None) or _permission(one)
        if found is not None:
            return str(found)
    return None


def _secure(app: FastAPI, document: dict[str, Any]) -> None:
    for route, method, permission in permissions(app):
        operation = document["paths"].get(route.path_format, {}).get(method.lower())
        if operation is not None and permission is not None:
            operation["security"] = [{"bearer": []}, {"basic": []}]
            operation["x-permission"] = permission
