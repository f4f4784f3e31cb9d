"""The gate of node and server: identify the caller, authorise the call, record it. It knows no web framework."""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from christmas.access import api_keys, audit_log, authentication, requests, sessions
from christmas.access.authentication import Unauthorised
from christmas.db import database
from christmas.errors import AccessDenied, DatabaseUnavailable, JobRefused
from christmas.policy import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy import Connection, Engine

    from christmas.access.rate_limit import FailedLogins
    from christmas.config import Config

    Statuses = tuple[tuple[type[Exception], int], ...]

logger = logging.getLogger(__name__)

BASIC = 'Basic realm="christmas", charset="UTF-8"'
SAFE = {"GET", "HEAD", "OPTIONS"}
RETRY_SECONDS = 5


class TooMany(AccessDenied):
    """Raised when an address or a key asks too often; ``first`` is the first refusal within a minute."""

    def __init__(self, message: str, seconds: int, *, first: bool) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.first = first


# The HTTP status of each error, the first that fits; node and server add what only their own endpoints raise.
STATUSES: Statuses = (
    (Unauthorised, 401), (TooMany, 429), (AccessDenied, 403), (JobRefused, 409), (DatabaseUnavailable, 503),
)  # fmt: skip


def status_of(error: Exception, more: Statuses = ()) -> int:
    """Return the HTTP status of an error; 500 where neither this table nor ``more`` has it."""
    return next((status for kind, status in (*STATUSES, *more) if isinstance(error, kind)), 500)


def headers_of(error: Exception, status: int, challenge: str = BASIC) -> dict[str, str]:
    """Return the header fields that tell a client how to authenticate, or when to try again."""
    if status == 401:
        return {"WWW-Authenticate": challenge}
    if isinstance(error, TooMany):
        return {"Retry-After": str(error.seconds)}
    return {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls; ``vendors`` None means all. ``user`` is None for a caller without a key."""

    user: str | None
    role: str
    key_id: str | None
    vendors: list[str] | None
    address: str
    token: str | None = None  # of the session, where a browser calls

    @property
    def csrf(self) -> str:
        """The CSRF token of the session's forms, from which the session's own cannot be computed."""
        return hmac.new((self.token or "").encode(), b"csrf", hashlib.sha256).hexdigest()

    def sees(self, vendor: str | None) -> bool:
        """Return whether a vendor, or what belongs to it, is within the key's scope."""
        return self.vendors is None or vendor in self.vendors


class Background(Protocol):
    """Runs what the caller need not wait for."""

    def later(self, what: str, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function soon or now; not where the same, by name, is under way."""

    def soon(self, what: str, function: Callable[..., None], *arguments: Any) -> bool:
        """Call a function within a moment if possible; return False where too many calls wait already."""


class Inline:
    """Runs everything at once, for a gate whose every check has a thread of its own."""

    def later(self, _: str, function: Callable[..., None], *arguments: Any) -> None:
        """Call the function."""
        function(*arguments)

    def soon(self, _: str, function: Callable[..., None], *arguments: Any) -> bool:
        """Call the function."""
        function(*arguments)
        return True


class Gate:
    """Identifies, authorises and records the callers of one process; safe to use from several threads."""

    def __init__(
        self, config: Config, engine: Engine, failed_logins: FailedLogins, background: Background | None = None
    ) -> None:
        self.policy = rules.load(config)
        self.failed_logins = failed_logins
        self._engine = engine
        self._background = background or Inline()
        self._test_users = bool(config.access.test_users)

    def refuse_closed(self, address: str) -> None:
        """Raise TooMany where an address has failed to log in too often."""
        if self.failed_logins.is_closed(address):
            message = "Too many wrong keys from this address; wait a minute."
            raise TooMany(message, 60, first=self.failed_logins.refused(address))

    def identify(self, user: str | None, key: str, address: str) -> Caller:
        """Return the caller that a key belongs to; raise Unauthorised, or TooMany for a closed address."""
        self.refuse_closed(address)
        now = datetime.now(UTC)
        try:
            with database.read(self._engine) as connection:
                found = authentication.authenticate(connection, user, key, now, test_users=self._test_users)
        except Unauthorised:
            self.failed_logins.failed(address)
            raise
        if found.use_is_due(now):
            self._background.later(f"Noting the use of key {found.key_id}", self._note_use, found.key_id, now)
        return Caller(found.user, found.role, found.key_id, found.vendors, address)

    def identify_session(self, token: str, address: str) -> Caller | None:
        """Return who is signed in with a session; None where it is not valid."""
        with database.read(self._engine) as connection:
            found = sessions.find(connection, token, datetime.now(UTC), test_users=self._test_users)
        return None if found is None else Caller(found.user, found.role, found.key_id, found.vendors, address, token)

    def allows(self, caller: Caller, permission: str) -> bool:
        """Return whether the caller has a permission, such as ``products.read``."""
        resource, _, action = permission.rpartition(".")
        return self.policy.allows(caller.role, resource, action)

    def authorise(self, caller: Caller, permission: str, *, all_vendors: bool = False) -> None:
        """Raise AccessDenied where the caller may not, Unauthorised where it has no key.

        ``all_vendors`` refuses keys of some vendors.
        """
        if not self.allows(caller, permission):
            if caller.user is None:
                raise Unauthorised("A key is needed: user name and key as HTTP Basic, or the key as Bearer token.")
            raise AccessDenied(
                f"{caller.user} ({caller.role}) has no permission {permission}; an administrator can give another role."
            )
        if all_vendors and caller.vendors is not None:
            raise AccessDenied(f"The key is for {', '.join(caller.vendors)} only; this needs one for all vendors.")

    def require(self, caller: Caller, permission: str, *, all_vendors: bool = False) -> None:
        """Authorise what an endpoint itself needs, and record a refusal; raise AccessDenied as ``authorise``."""
        try:
            self.authorise(caller, permission, all_vendors=all_vendors)
        except AccessDenied as error:
            self.refused(caller, permission, error)
            raise

    def refused(self, caller: Caller, permission: str, error: AccessDenied) -> None:
        """Record a refusal; of those of a rate limit only the first within a minute, so that none fills the log."""
        if isinstance(error, TooMany) and not error.first:
            return
        reason = getattr(error, "reason", None) or str(error)
        if not self._background.soon("Recording a refusal", self._record_refusal, caller, permission, reason):
            logger.error("Too many refusals wait for the database: %s, %s: %s", caller.address, permission, reason)

    def granted(self, caller: Caller, permission: str) -> None:
        """Record a granted write; raise DatabaseUnavailable: what cannot be recorded is not done."""
        with database.begin(self._engine) as connection:
            record(connection, caller, permission)

    def _note_use(self, key_id: str, now: datetime) -> None:
        with database.begin(self._engine) as connection:
            api_keys.used(connection, key_id, now)

    def _record_refusal(self, caller: Caller, permission: str, reason: str) -> None:
        try:
            with database.begin(self._engine) as connection:
                record(connection, caller, permission, reason)
        except DatabaseUnavailable as error:
            logger.error("The access log could not be written: %s", error)


def record(connection: Connection, caller: Caller, permission: str, reason: str | None = None) -> None:
    """Write one line to the access log: refused with a reason, or granted."""
    resource, _, action = permission.rpartition(".")
    audit_log.record(
        connection, at=datetime.now(UTC), address=caller.address, user=caller.user, role=caller.role or None,
        key_id=caller.key_id, resource=resource, action=action, allowed=reason is None, reason=reason,
    )  # fmt: skip


def refuse_other_sites(method: str, header: Callable[[str], str | None], trusted: Collection[str] = ()) -> None:
    """Refuse what a page of another site makes a browser request, but for ``trusted`` origins."""
    if header("Origin") not in trusted and requests.is_of_another_site(method, header):
        raise AccessDenied("Requests from pages of other sites are refused.")
