"""The gate for FastAPI: ``needs`` is the dependency of every route that is not open to everybody."""

import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from fastapi.dependencies.utils import get_flat_params
from starlette.datastructures import FormData
from starlette.requests import Request

from christmas.access import gate, requests
from christmas.access.authentication import Unauthorised
from christmas.access.gate import SAFE, Caller, TooMany
from christmas.errors import AccessDenied, ArgumentError, DatabaseUnavailable
from christmas.policy.rules import PUBLIC
from christmas.server.problems import WrongMediaType
from christmas.server.state import State, state_of

if TYPE_CHECKING:
    from collections.abc import Callable

COOKIE = "christmas_session"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
FORM = "application/x-www-form-urlencoded"


def needs(permission: str, *, page: bool = False, all_vendors: bool = False) -> "Callable[..., Caller]":
    """Return the dependency that lets callers with ``permission`` through, such as ``products.read``.

    ``page`` also takes a browser's session, and then a CSRF token for what changes anything. ``all_vendors`` refuses
    keys of some vendors. Raise AccessDenied and its kinds, which are recorded, as is every write that is let through.
    """

    def check(request: Request) -> Caller:
        return _checked(request, permission, page=page, all_vendors=all_vendors)

    def check_page(request: Request, form: Annotated[FormData, Depends(read_form)]) -> Caller:
        request.state.form = form
        return check(request)

    chosen: Callable[..., Caller] = check_page if page else check
    chosen.permission = permission  # type: ignore[attr-defined]  # the documentation and a test read it
    return chosen


async def read_form(request: Request) -> FormData:
    """Return the form that a browser has sent; an empty one where it has sent none. Raise WrongMediaType."""
    if request.method in SAFE:
        return FormData()
    kind = request.headers.get("content-type", FORM).partition(";")[0].strip().lower()
    if kind != FORM:  # no form of ours sends a file
        raise WrongMediaType(f"A form is sent as {FORM}.")
    return await request.form()


def _checked(request: Request, permission: str, *, page: bool, all_vendors: bool) -> Caller:
    state = state_of(request)
    caller = anonymous(request)
    try:
        caller = _caller(request, state, caller, page=page)
        request.state.caller = caller
        count(request, state, caller)
        refuse_other_sites(request)
        state.gate.authorise(caller, permission, all_vendors=all_vendors)
        if caller.token is not None and request.method not in SAFE:
            _check_csrf(request, caller)
    except AccessDenied as error:
        state.gate.refused(caller, permission, error)
        raise
    if request.method not in SAFE:
        state.gate.granted(caller, permission)
        if not page:
            _check_media_type(request)
    if not page:
        _refuse_unknown(request)
    return caller


def may(request: Request, caller: Caller, permission: str) -> bool:
    """Return whether a page is to show what needs a permission."""
    return state_of(request).gate.allows(caller, permission)


def anonymous(request: Request) -> Caller:
    """Return the caller as long as only the address is known."""
    return Caller(None, "", None, None, request.client.host if request.client else "")


def _caller(request: Request, state: State, unknown: Caller, *, page: bool) -> Caller:
    header = request.headers.get("authorization")
    if header is not None:
        user, key = requests.basic(header) or (None, requests.bearer(header))
        if key is None:
            count(request, state, unknown)
            raise Unauthorised("The Authorization header is not accepted: Basic with user name and key, or Bearer KEY.")
        return state.gate.identify(user, key, unknown.address)
    if page and (found := _of_session(request, unknown.address)) is not None:
        return found
    return replace(unknown, role=PUBLIC) if state.config.server.public else unknown


def _of_session(request: Request, address: str) -> Caller | None:
    token = request.cookies.get(COOKIE)
    return state_of(request).gate.identify_session(token, address) if token else None


def signed_in(request: Request) -> Caller | None:
    """Return who is signed in, or the public, also at an address without a route; None while that is not known."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    state, unknown = state_of(request), anonymous(request)
    public = replace(unknown, role=PUBLIC) if state.config.server.public else None
    try:
        return _of_session(request, unknown.address) or public
    except DatabaseUnavailable:
        return None


def count_unseen(request: Request) -> None:
    """Count a request that was refused before the gate saw it; raise TooMany as ``count``."""
    if getattr(request.state, "limit", None) is None:
        count(request, state_of(request), anonymous(request))


def count(request: Request, state: State, caller: Caller) -> None:
    """Count a request; raise TooMany where it is one too many of its key, or of an address without one."""
    server = state.config.server
    if caller.user is None:
        who, limit = f"address:{caller.address}", server.public_requests_per_minute
    else:
        who, limit = f"key:{caller.key_id or caller.user}", server.requests_per_minute
    standing = state.request_limit.count(who, limit)
    request.state.limit = standing
    if standing.exceeded:
        seconds = standing.reset_seconds
        message = f"More than {standing.limit} requests in a minute; wait {seconds} s."
        raise TooMany(message, seconds, first=standing.first_exceeded)


def refuse_other_sites(request: Request) -> None:
    """Refuse what a page of another site makes a browser request, but for the origins that are configured."""
    gate.refuse_other_sites(request.method, request.headers.get, state_of(request).config.server.cors_origins)


def _check_csrf(request: Request, caller: Caller) -> None:
    """Refuse a change that no page of ours has sent; a form sends the token too, and is read by the route."""
    sent = request.headers.get(CSRF_HEADER) or getattr(request.state, "form", {}).get(CSRF_FIELD, "")
    if not hmac.compare_digest(str(sent).encode(), caller.csrf.encode()):
        raise AccessDenied("The form is from another session: load the page again, and repeat what you did.")


def _check_media_type(request: Request) -> None:
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if has_body and request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise WrongMediaType("The body must be JSON: send Content-Type: application/json.")


def _refuse_unknown(request: Request) -> None:
    """Raise ArgumentError naming the query parameters that the route does not know."""
    names, endpoint = state_of(request).query_names, request.scope["endpoint"]
    if endpoint not in names:
        fields = get_flat_params(request.scope["route"].dependant)
        names[endpoint] = frozenset(one.alias for one in fields) - set(request.path_params)
    known = names[endpoint]
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise ArgumentError(f"{', '.join(unknown)}: not known here; known are {', '.join(sorted(known)) or 'none'}.")
