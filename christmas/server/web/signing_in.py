"""Signing in with a key, or with a link that works once; and out."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from christmas.access.policy import SESSION_USE
from christmas.catalog import sessions
from christmas.errors import AccessDenied
from christmas.server import guard
from christmas.server import state as states
from christmas.server.problems import Unauthorised
from christmas.server.state import State
from christmas.server.web import render

router = APIRouter()


@router.get("/sign-in")
def form(request: Request, next: str = "/", token: str | None = None) -> Response:  # noqa: A002  # part of the address
    """Show the form, or exchange a link's token for a session; open to everybody."""
    if token is None:
        return render.page(request, None, "sign_in.html", target=_local(next), problem=None, user="")
    state = states.of(request)
    address = request.client.host if request.client else ""
    with state.begin() as connection:
        session = sessions.redeem(connection, token, datetime.now(UTC), _lifetime(state))
    reason = None if session else "a link that was used, is too old, or never was"
    guard.record(state, address, None, "session", "create", reason=reason)
    if session is None:
        state.throttle.failed(address)
        problem = "This link was used already, or is too old: `christmas sign-in` prints another."
        return render.page(request, None, "sign_in.html", 403, target="/", problem=problem, user="")
    return _signed_in(request, state, session, _local(next))


@router.post("/sign-in")
def sign_in(request: Request, form: Annotated[FormData, Depends(guard.read_form)]) -> Response:
    """Exchange user name and key for a session; open to everybody."""
    state = states.of(request)
    address = request.client.host if request.client else ""
    user, key, target = (str(form.get(name, "")) for name in ("user", "key", "next"))
    try:
        guard.refuse_other_sites(request)
        identity = guard.identify(state, user or None, key, address)
    except AccessDenied as error:
        reason = getattr(error, "reason", None) or str(error)
        guard.record(state, address, None, "session", "create", reason=reason)
        status = 401 if isinstance(error, Unauthorised) else 403
        return render.page(
            request, None, "sign_in.html", status, target=_local(target), problem=str(error), user=user[:80]
        )
    with state.begin() as connection:
        token = sessions.create(
            connection, kind="session", user=identity.user, role=identity.role, vendors=identity.vendors,
            key_id=identity.key_id, now=datetime.now(UTC), lifetime=_lifetime(state),
        )  # fmt: skip
    caller = guard.Caller(identity.user, identity.role, identity.key_id, identity.vendors, address)
    guard.record(state, address, caller, "session", "create", reason=None)
    return _signed_in(request, state, token, _local(target))


@router.post("/sign-out")
def sign_out(
    request: Request, caller: Annotated[guard.Caller, Depends(guard.needs(SESSION_USE, page=True))]
) -> Response:
    """End the session."""
    if caller.token is not None:
        with states.of(request).begin() as connection:
            sessions.end(connection, caller.token)
    response = RedirectResponse("/", 303)
    response.delete_cookie(guard.COOKIE, path="/")
    return response


def _signed_in(request: Request, state: State, token: str, target: str) -> Response:
    response = RedirectResponse(target, 303)
    response.set_cookie(
        guard.COOKIE,
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
    """Give a path of this server: nobody is led elsewhere."""
    wrong = not target.startswith("/") or target.startswith(("//", "/\\")) or not target.isprintable()
    return "/" if wrong else target
