"""Errors as answers: problem details (RFC 9457) under ``/api``, a page elsewhere."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from sqlalchemy import exc
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from christmas.access import gate
from christmas.access.gate import TooMany
from christmas.errors import (
    AccessDenied,
    ArgumentError,
    ChristmasError,
    DatabaseUnavailable,
    JobRefused,
    NotHeld,
    RedisUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI
    from starlette.requests import Request

    from christmas.access.gate import Statuses

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
DETAIL_MAX = 2000
TITLES = {
    AccessDenied: "Not permitted", ArgumentError: "Not accepted", DatabaseUnavailable: "Database unavailable",
    RedisUnavailable: "Redis unavailable", JobRefused: "The job is refused",
}  # fmt: skip


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field("about:blank", description="always this: the title says what kind of problem it is")
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="what is wrong and what to do", examples=["There is no product 'abc'."])
    instance: str = Field(description="the path that was asked for", examples=["/api/v1/products/abc"])
    errors: list[dict[str, str]] | None = Field(
        None, description="each wrong value: where it is, and what is wrong", examples=[None]
    )


class NotFound(ChristmasError):
    """Raised when a request names what does not exist, from the routes."""


class WrongMediaType(ChristmasError):
    """Raised when a body is not of the type that is accepted, from ``auth``."""


# What the routes raise besides the errors of the gate.
STATUSES: Statuses = (
    (NotFound, 404), (NotHeld, 404), (WrongMediaType, 415), (ArgumentError, 422), (RedisUnavailable, 503),
    (exc.TimeoutError, 503),
)  # fmt: skip
CHALLENGE = f'Bearer realm="christmas", {gate.BASIC}'


class _Answers:
    """Makes an answer of each kind of error."""

    def __init__(
        self, page: Callable[[Request, int, str, str], Response], count: Callable[[Request], None]
    ) -> None:  # fmt: skip
        self.page = page
        self.count = count

    def answer(self, request: Request, status: int, title: str, detail: str, **more: Any) -> Response:
        if _is_api(request):
            problem = Problem(title=title, status=status, detail=detail, instance=request.url.path, **more)
            return JSONResponse(problem.model_dump(exclude_none=True), status, media_type=MEDIA_TYPE)
        return self.page(request, status, title, detail)

    def expected(self, request: Request, error: Exception) -> Response:
        status = gate.status_of(error, STATUSES)
        if status == 401 and not _is_api(request):
            return _to_sign_in(request)
        detail = str(error)
        if status == 503:  # a client need not know where the database is
            logger.error("A request failed: %s", error)
            detail = "The catalog cannot be used at the moment. It comes back by itself; try again in some seconds."
        title = next((text for kind, text in TITLES.items() if isinstance(error, kind)), HTTPStatus(status).phrase)
        response = self.answer(request, status, title, detail)
        response.headers.update(gate.headers_of(error, status, CHALLENGE))
        return response

    def invalid(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  # what it is registered for
        if (too_many := self._too_many(request)) is not None:
            return too_many
        errors = [_explained(one) for one in error.errors()]
        detail = "; ".join(f"{one['where']}: {one['problem']}" for one in errors)
        return self.answer(request, 422, "Not accepted", detail[:DETAIL_MAX], errors=errors)

    def http(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # what it is registered for
        if error.status_code == 400 and (too_many := self._too_many(request)) is not None:
            return too_many
        title, detail = _of_http(request, error)
        response = self.answer(request, error.status_code, title, detail)
        response.headers.update(error.headers or {})
        if error.status_code == 405:
            response.headers["Allow"] = ", ".join(_methods(request))
        return response

    def _too_many(self, request: Request) -> Response | None:
        """Count a body that could not be read, which is read before the key is checked."""
        try:
            self.count(request)
        except TooMany as error:
            return self.expected(request, error)
        return None

    def unexpected(self, request: Request, error: Exception) -> Response:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        detail = "It is in the server's log; tell an operator what you did."
        return self.answer(request, 500, "An unexpected error", detail)


def install(
    app: FastAPI, page: Callable[[Request, int, str, str], Response], count: Callable[[Request], None]
) -> None:  # fmt: skip
    """Answer every error; ``page`` makes a page of request, status, title and detail.

    ``count`` counts a request that was not counted yet; raise TooMany.
    """
    answers = _Answers(page, count)
    for kind, _ in (*gate.STATUSES, *STATUSES):
        app.add_exception_handler(kind, answers.expected)
    app.add_exception_handler(RequestValidationError, answers.invalid)
    app.add_exception_handler(HTTPException, answers.http)
    # Not as a handler: those of Exception answer outside of all middlewares, without their headers.
    app.state.unexpected = answers.unexpected


def _methods(request: Request) -> list[str]:
    """Return what a path answers: its methods may be routes of their own."""
    contexts = iter_route_contexts(request.app.routes)
    found = {
        method
        for one in contexts
        if one.path_regex is not None and one.path_regex.match(request.url.path)
        for method in one.methods or ()
    }
    return sorted(found)


def _of_http(request: Request, error: HTTPException) -> tuple[str, str]:
    phrase = HTTPStatus(error.status_code).phrase
    if error.detail != phrase:
        return phrase, error.detail
    lists = "the OpenAPI document, /api/v1/openapi.json, lists what there is"
    details = {
        404: f"There is nothing here: {lists if _is_api(request) else 'the address may be misspelt'}.",
        405: f"{request.method} is not allowed here.",
    }
    return phrase.capitalize(), details.get(error.status_code, phrase)


def responses(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of these errors, and of those that every route may answer."""
    return {
        code: {"description": HTTPStatus(code).phrase, "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}
        for code in sorted({401, 403, 422, 429, 503, *codes})
    }


_SCHEMA = {"$ref": "#/components/schemas/Problem"}


def _to_sign_in(request: Request) -> Response:
    """Redirect to the sign-in page; a request for a part of a page redirects the whole page."""
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": "/sign-in"})
    after = f"?next={_quoted(request)}" if request.method in {"GET", "HEAD"} else ""
    return RedirectResponse(f"/sign-in{after}", 303)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith(("/api", "/metrics", "/health", "/export", "/changes.atom"))


def _quoted(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return quote(request.url.path + query, safe="")


def _explained(one: Any) -> dict[str, str]:
    where = ".".join(str(part) for part in one["loc"] if part not in {"query", "body", "path"}) or "the request"
    problem = "is not known here" if one["type"] == "extra_forbidden" else one["msg"].removeprefix("Value error, ")
    return {"where": where, "problem": problem}
