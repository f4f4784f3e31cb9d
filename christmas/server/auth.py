"""Who asks, whether that is allowed, and how often: the dependency of every route that is not open to everybody."""

import hashlib
import hmac
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from fastapi.dependencies.utils import get_flat_params
from sqlalchemy import Connection
from starlette.datastructures import FormData
from starlette.requests import Request

from christmas.access import api_keys, audit_log, authentication, requests, sessions
from christmas.errors import AccessDenied, ArgumentError, DatabaseUnavailable
from christmas.policy.rules import PUBLIC
from christmas.server.problems import TooMany, Unauthorised, WrongMediaType
from christmas.server.state import State, state_of

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

COOKIE = "christmas_session"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
FORM = "application/x-www-form-urlencoded"
SAFE = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; ``vendors`` None means all. ``user`` is None for whoever has no key."""

    user: str | None
    role: str
    key_id: str | None
    vendors: list[str] | None
    address: str
    token: str | None = None  # of the session, where a browser asks

    @property
    def csrf(self) -> str:
        """What a form of this session must send back."""
        return csrf_of(self.token or "")

    def sees(self, vendor: str | None) -> bool:
        """Return whether a vendor, or what belongs to it, is within the key's scope."""
        return self.vendors is None or vendor in self.vendors


def csrf_of(token: str) -> str:
    """Return the token of a session's forms, which tells nothing of the session's own."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def needs(permission: str, *, page: bool = False, all_vendors: bool = False) -> "Callable[..., Caller]":
    """Return the dependency that lets through whoever has ``permission``, such as ``products.read``.

    ``page`` also takes a browser's session, and then a CSRF token for what changes anything. ``all_vendors`` refuses
    keys of some vendors. Raises AccessDenied and its kinds, which are recorded, as is every write that is let through.
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
    """Return the form that a browser has sent; an empty one where it has sent none. Raises WrongMediaType."""
    if request.method in SAFE:
        return FormData()
    kind = request.headers.get("content-type", FORM).partition(";")[0].strip().lower()
    if kind != FORM:  # no form of ours sends a file
        raise WrongMediaType(f"A form is sent as {FORM}.")
    return await request.form()


def _checked(request: Request, permission: str, *, page: bool, all_vendors: bool) -> Caller:
    state = state_of(request)
    caller = nobody(request)
    try:
        caller = _caller(request, state, caller, page=page)
        request.state.caller = caller
        count(request, state, caller)
        refuse_other_sites(request)
        allow(state, caller, permission, all_vendors=all_vendors)
        if caller.token is not None and request.method not in SAFE:
            check_csrf(request, caller.token)
    except AccessDenied as error:
        refused(state, caller, permission, error)
        raise
    if request.method not in SAFE:
        with state.begin() as connection:  # what cannot be recorded is not done
            granted(connection, caller, permission)
        if not page:
            _check_media_type(request)
    if not page:
        refuse_unknown(request)
    return caller


def allow(state: State, caller: Caller, permission: str, *, all_vendors: bool = False) -> None:
    """Raise AccessDenied, or Unauthorised for nobody, where the caller may not."""
    resource, _, action = permission.rpartition(".")
    if not state.policy.allows(caller.role, resource, action):
        if caller.user is None:
            raise Unauthorised("A key is needed: user name and key as HTTP Basic, or the key as Bearer token.")
        raise AccessDenied(
            f"{caller.user} ({caller.role}) has no permission {permission}; an administrator can give another role."
        )
    if all_vendors and caller.vendors is not None:
        raise AccessDenied(f"The key is for {', '.join(caller.vendors)} only; this needs one for all vendors.")


def require(state: State, caller: Caller, permission: str, *, all_vendors: bool = False) -> None:
    """Refuse, and record, what a route itself needs behind the guard; raises AccessDenied."""
    try:
        allow(state, caller, permission, all_vendors=all_vendors)
    except AccessDenied as error:
        refused(state, caller, permission, error)
        raise


def refused(state: State, caller: Caller, permission: str, error: AccessDenied) -> None:
    """Record a refusal; of those of whoever asks too often, the first within a minute."""
    if isinstance(error, TooMany) and not error.first:
        return  # whoever goes on fills no database
    reason = getattr(error, "reason", None) or str(error)
    if not state.soon("Recording a refusal", _record_refusal, state, caller, permission, reason):
        logger.error("Too many refusals wait for the database: %s, %s: %s", caller.address, permission, reason)


def _record_refusal(state: State, caller: Caller, permission: str, reason: str) -> None:
    try:
        with state.begin() as connection:
            _record(connection, caller, permission, reason=reason)
    except DatabaseUnavailable as error:
        logger.error("The access log could not be written: %s", error)


def granted(connection: Connection, caller: Caller, permission: str) -> None:
    """Record that something may be done."""
    _record(connection, caller, permission, reason=None)


def may(request: Request, caller: Caller, permission: str) -> bool:
    """Return whether a page is to show what needs a permission."""
    resource, _, action = permission.rpartition(".")
    return state_of(request).policy.allows(caller.role, resource, action)


def nobody(request: Request) -> Caller:
    """Return who asks as long as nothing is known but the address."""
    return Caller(None, "", None, None, request.client.host if request.client else "")


def _caller(request: Request, state: State, anonymous: Caller, *, page: bool) -> Caller:
    header = request.headers.get("authorization")
    if header is not None:
        user, key = _credentials(header)
        if key is None:
            count(request, state, anonymous)
            raise Unauthorised("The Authorization header is not accepted: Basic with user name and key, or Bearer KEY.")
        return identify(state, user, key, anonymous.address)
    if page and (signed_in := _of_session(request, state, anonymous.address)) is not None:
        return signed_in
    return replace(anonymous, role=PUBLIC) if state.config.server.public else anonymous


def _of_session(request: Request, state: State, address: str) -> Caller | None:
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    with state.read() as connection:
        found = sessions.find(connection, token, datetime.now(UTC), test_users=bool(state.config.access.test_users))
    return None if found is None else Caller(found.user, found.role, found.key_id, found.vendors, address, token)


def signed_in(request: Request) -> Caller | None:
    """Return who is signed in, or the public, also at an address without a route; None while that is not known."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    state, anonymous = state_of(request), nobody(request)
    public = replace(anonymous, role=PUBLIC) if state.config.server.public else None
    try:
        return _of_session(request, state, anonymous.address) or public
    except DatabaseUnavailable:
        return None


def refuse_closed(state: State, address: str) -> None:
    """Raise TooMany where an address has given too many wrong keys or links."""
    if state.failed_logins.is_closed(address):
        message = "Too many wrong keys from this address; wait a minute."
        raise TooMany(message, 60, first=state.failed_logins.refused(address))


def identify(state: State, user: str | None, key: str, address: str) -> Caller:
    """Return who a key belongs to; raises Unauthorised, or TooMany where the address has given too many wrong ones."""
    refuse_closed(state, address)
    now = datetime.now(UTC)
    try:
        with state.read() as connection:
            test_users = bool(state.config.access.test_users)
            identity = authentication.authenticate(connection, user, key, now, test_users=test_users)
    except authentication.KeyRefused as error:
        state.failed_logins.failed(address)
        refused = Unauthorised(str(error))
        refused.reason = error.reason
        raise refused from error
    if identity.use_is_due(now):
        state.later(f"Noting the use of key {identity.key_id}", _note_use, state, identity.key_id, now)
    return Caller(identity.user, identity.role, identity.key_id, identity.vendors, address)


def _note_use(state: State, key_id: str, now: datetime) -> None:
    with state.begin() as connection:
        api_keys.used(connection, key_id, now)


def count_unseen(request: Request) -> None:
    """Count a request that was refused before the guard saw it; raises TooMany as ``count``."""
    if getattr(request.state, "limit", None) is None:
        count(request, state_of(request), nobody(request))


def count(request: Request, state: State, caller: Caller) -> None:
    """Count a request; raises TooMany where it is one too many of its key, or of an address without one."""
    server = state.config.server
    anonymous = caller.user is None
    who = f"address:{caller.address}" if anonymous else f"key:{caller.key_id or caller.user}"
    standing = state.request_limit.count(
        who, server.public_requests_per_minute if anonymous else server.requests_per_minute
    )
    request.state.limit = standing
    if standing.exceeded:
        seconds = standing.reset_seconds
        message = f"More than {standing.limit} requests in a minute; wait {seconds} s."
        raise TooMany(message, seconds, first=standing.first_exceeded)


def _record(connection: Connection, caller: Caller, permission: str, *, reason: str | None) -> None:
    resource, _, action = permission.rpartition(".")
    audit_log.record(
        connection, at=datetime.now(UTC), address=caller.address, user=caller.user, role=caller.role or None,
        key_id=caller.key_id, resource=resource, action=action, allowed=reason is None, reason=reason,
    )  # fmt: skip


def _credentials(header: str) -> tuple[str | None, str | None]:
    """Read Basic or Bearer; the key is None where the header is neither."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return None, value.strip()
    return requests.basic(header) or (None, None)


def refuse_other_sites(request: Request) -> None:
    """Refuse what a page of another site makes a browser ask, but for the origins that are configured."""
    if request.headers.get("origin") in state_of(request).config.server.cors_origins:
        return
    if requests.is_of_another_site(request.method, request.headers.get):
        raise AccessDenied("Requests from pages of other sites are refused.")


def check_csrf(request: Request, token: str) -> None:
    """Refuse a change that no page of ours has sent; a form sends the token too, and is read by the route."""
    sent = request.headers.get(CSRF_HEADER) or getattr(request.state, "form", {}).get(CSRF_FIELD, "")
    if not hmac.compare_digest(str(sent).encode(), csrf_of(token).encode()):
        raise AccessDenied("The form is from another session: load the page again, and repeat what you did.")


def _check_media_type(request: Request) -> None:
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if has_body and request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise WrongMediaType("The body must be JSON: send Content-Type: application/json.")


def refuse_unknown(request: Request) -> None:
    """Raise ArgumentError naming the query parameters that the route does not know."""
    names, endpoint = state_of(request).query_names, request.scope["endpoint"]
    if endpoint not in names:
        fields = get_flat_params(request.scope["route"].dependant)
        names[endpoint] = frozenset(one.alias for one in fields) - set(request.path_params)
    known = names[endpoint]
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise ArgumentError(f"{', '.join(unknown)}: not known here; known are {', '.join(sorted(known)) or 'none'}.")
