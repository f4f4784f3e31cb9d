"""Signing in with a key, or with a link that works once; and out."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from christmas.access import gate, sessions
from christmas.access.authentication import Unauthorised
from christmas.access.gate import Caller, TooMany
from christmas.config import is_loopback
from christmas.errors import AccessDenied
from christmas.policy.rules import SESSION_USE
from christmas.server import auth
from christmas.server.state import State, state_of
from christmas.server.web import render

router = APIRouter()

SIGN_IN = "session.create"


@router.get("/sign-in")
def form(request: Request, next: str = "/", token: str | None = None) -> Response:  # noqa: A002  # part of the address
    """Show the form, or exchange a link's token for a session."""
    if token is None:
        return _form(request, target=next)
    state, caller = state_of(request), auth.anonymous(request)
    try:
        auth.count(request, state, caller)
        state.gate.refuse_closed(caller.address)
        session = _redeem(state, token, caller.address)
    except AccessDenied as error:
        state.gate.refused(caller, SIGN_IN, error)
        if not isinstance(error, Unauthorised):
            raise
        return _form(request, 403, problem=str(error))
    return _signed_in(request, state, session, _local(next))


@router.post("/sign-in")
def sign_in(request: Request, form: Annotated[FormData, Depends(auth.read_form)]) -> Response:
    """Exchange user name and key for a session."""
    state, caller = state_of(request), auth.anonymous(request)
    user, key, target = (str(form.get(name, "")) for name in ("user", "key", "next"))
    try:
        auth.count(request, state, caller)
        auth.refuse_other_sites(request)
        caller = state.gate.identify(user or None, key, caller.address)
    except AccessDenied as error:
        state.gate.refused(caller, SIGN_IN, error)
        if isinstance(error, TooMany):
            raise
        status = 401 if isinstance(error, Unauthorised) else 403
        return _form(request, status, target=target, problem=str(error), user=user[:80])
    assert caller.user is not None  # noqa: S101  # a valid key has a user
    with state.begin() as connection:
        token = sessions.create(
            connection, kind="session", user=caller.user, role=caller.role, vendors=caller.vendors,
            key_id=caller.key_id, now=datetime.now(UTC), lifetime=_lifetime(state),
        )  # fmt: skip
        gate.record(connection, caller, SIGN_IN)
    return _signed_in(request, state, token, _local(target))


def _form(request: Request, status: int = 200, *, target: str = "/", problem: str = "", user: str = "") -> Response:
    address, host = auth.anonymous(request).address, request.url.hostname or ""
    return render.page(
        request, None, "sign_in.html", status, target=_local(target), problem=problem, user=user,
        public=state_of(request).config.server.public, local=is_loopback(address) and is_loopback(host),
    )  # fmt: skip


def _redeem(state: State, token: str, address: str) -> str:
    """Exchange a link's token for a session's; raise Unauthorised, and write nothing where there is no such link."""
    now = datetime.now(UTC)
    with state.read() as connection:
        found = sessions.find_link(connection, token, now)
    if found is not None:
        with state.begin() as connection:
            session = sessions.redeem(connection, token, now, _lifetime(state))
            if session is not None:
                caller = Caller(found.user, found.role, found.key_id, found.vendors, address)
                gate.record(connection, caller, SIGN_IN)
                return session
    state.gate.failed_logins.failed(address)
    raise Unauthorised(
        "This link was used already, or is too old: sign in with a key, or ask for another link.",
        "a link that was used, is too old, or never was",
    )


@router.post("/sign-out")
def sign_out(request: Request, caller: Annotated[Caller, Depends(auth.needs(SESSION_USE, page=True))]) -> Response:
    """End the session."""
    if caller.token is not None:
        with state_of(request).begin() as connection:
            sessions.end(connection, caller.token)
    response = RedirectResponse("/", 303)
    response.delete_cookie(auth.COOKIE, path="/")
    return response


def _signed_in(request: Request, state: State, token: str, target: str) -> Response:
    response = RedirectResponse(target, 303)
    response.set_cookie(
        auth.COOKIE,
        token,
        max_age=int(_lifetime(state).total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response


def _lifetime(state: State) -> timedelta:
    return timedelta(hours=state.config.server.session_hours)


def _local(target: str) -> str:
    """Return a path of this server; the start page for the address of another site."""
    wrong = not target.startswith("/") or target.startswith(("//", "/\\")) or not target.isprintable()
    return "/" if wrong else target
