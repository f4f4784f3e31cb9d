"""In front of everything the node answers: who asks, whether that is allowed, and not from another site's page."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet import threads
from twisted.web import resource, server
from twisted.web.util import DeferredResource

from christmas.access import api_keys, audit_log, authentication, requests
from christmas.access.rate_limit import FailedLogins
from christmas.db import database
from christmas.errors import AccessDenied, ArgumentError, DatabaseUnavailable
from christmas.health.readiness import Readiness
from christmas.node.http import JSON, reply
from christmas.node.resources import send
from christmas.policy import rules

if TYPE_CHECKING:
    from twisted.web.http import Request

    from christmas.access.authentication import Identity
    from christmas.node.website import Root

logger = logging.getLogger(__name__)

# First part of the path to the permission it needs; what is not here needs one that only `internal` has.
PERMISSIONS = {
    "": "jobs.read",
    "jobs": "jobs.read",
    "logs": "logs.read",
    "metrics": "metrics.read",
    "schedule.json": "jobs.submit",
    "cancel.json": "jobs.cancel",
    "status.json": "jobs.read",
    "listjobs.json": "jobs.read",
    "daemonstatus.json": "node.read",
    "listprojects.json": "projects.read",
    "listversions.json": "projects.read",
    "listspiders.json": "projects.read",
    "addversion.json": "eggs.upload",
    "delversion.json": "eggs.remove",
    "delproject.json": "eggs.remove",
}
OTHER = "node.other"
LOG_VENDOR_PART = 1


class TooMany(AccessDenied):
    """Raised when an address has given too many wrong keys, from this module; ``first`` is the first since then."""

    def __init__(self, message: str, *, first: bool) -> None:
        super().__init__(message)
        self.first = first


class Unauthorised(AccessDenied):
    """Raised when there is no key, or one that is not valid, from this module; ``reason`` is for the log alone."""

    reason: str | None = None


class Guard(resource.Resource):
    """The root of the site; lets requests through to Scrapyd's root."""

    def __init__(self, root: Root) -> None:
        super().__init__()
        self.root = root
        self.options = root.options
        self.readiness = Readiness(self.options.config, self.options.engine)
        self.policy = rules.load(self.options.config)
        access = self.options.config.access
        self.failed_logins = FailedLogins(access.failed_logins_per_minute)
        self.test_users = bool(access.test_users)

    def getChildWithDefault(self, path: bytes, request: Request) -> resource.Resource:  # noqa: N802  # Twisted's name
        """Return what answers: the health page to everybody, everything else after the check."""
        # In a frame of another site's page, a click could be led to a button; a log could be taken for a script.
        request.setHeader("X-Frame-Options", "DENY")
        request.setHeader("X-Content-Type-Options", "nosniff")
        if path == b"health":
            return Health(self.readiness)
        request.postpath.insert(0, request.prepath.pop())
        deferred = threads.deferToThread(self._check, request, path.decode("utf-8", "replace"))
        deferred.addCallback(lambda _: self.root)
        deferred.addErrback(lambda failure: Refusal(self.root, failure.value))
        return DeferredResource(deferred)

    def _check(self, request: Request, path: str) -> None:
        resource_name, _, action = PERMISSIONS.get(path, OTHER).rpartition(".")
        address = request.getClientAddress().host
        identity: Identity | None = None
        try:
            _refuse_other_sites(request)
            identity = self._identify(request, address)
            if not self.policy.allows(identity.role, resource_name, action):
                raise AccessDenied(  # noqa: TRY301  # recorded below like every other refusal
                    f"{identity.user} ({identity.role}) has no permission {resource_name}.{action}; an administrator "
                    "can give another role."
                )
            _check_vendors(request, identity, resource_name, action)
        except AccessDenied as error:
            logger.warning("%s was refused %s.%s: %s", address, resource_name, action, error)
            if not isinstance(error, TooMany) or error.first:  # whoever goes on fills no database
                reason = getattr(error, "reason", None) or str(error)
                self._record(address, identity, resource_name, action, reason=reason)
            raise
        if {"\0", "\ufffd"} & set("".join(_parts(request))):  # neither is handled where log files are looked up
            raise ArgumentError("A path is UTF-8 without NUL.")
        if request.method not in {b"GET", b"HEAD"}:
            self._record(address, identity, resource_name, action, reason=None)
        request.identity = identity
        request.refuse = partial(self._record, address, identity, resource_name, action)

    def _identify(self, request: Request, address: str) -> Identity:
        if self.failed_logins.is_closed(address):
            message = "Too many wrong keys from this address; wait a minute."
            raise TooMany(message, first=self.failed_logins.refused(address))
        user, key = _credentials(request)
        if key is None:
            raise Unauthorised("A key is needed: user name and key as HTTP Basic authentication.")
        now = datetime.now(UTC)
        try:
            with database.read(self.options.engine) as connection:
                identity = authentication.authenticate(connection, user, key, now, test_users=self.test_users)
        except authentication.KeyRefused as error:
            self.failed_logins.failed(address)
            refused = Unauthorised(str(error))
            refused.reason = error.reason
            raise refused from error
        if identity.use_is_due(now):
            with database.begin(self.options.engine) as connection:
                api_keys.used(connection, identity.key_id, now)
        return identity

    def _record(
        self, address: str, identity: Identity | None, resource_name: str, action: str, *, reason: str | None
    ) -> None:
        try:
            with database.begin(self.options.engine) as connection:
                audit_log.record(
                    connection,
                    at=datetime.now(UTC),
                    address=address,
                    user=identity.user if identity else None,
                    role=identity.role if identity else None,
                    key_id=identity.key_id if identity else None,
                    resource=resource_name,
                    action=action,
                    allowed=reason is None,
                    reason=reason,
                )
        except DatabaseUnavailable as error:
            logger.error("The access log could not be written: %s", error)


def _header(request: Request, name: str) -> str | None:
    """Return a header's text; Twisted's own decoding fails where it is not UTF-8."""
    value = request.getHeader(name.encode())
    return None if value is None else value.decode("latin-1")


def _parts(request: Request) -> list[str]:
    return [part.decode("utf-8", "replace") for part in request.postpath or []]


def _check_vendors(request: Request, identity: Identity, resource_name: str, action: str) -> None:
    """Refuse a key of some vendors what concerns others too; what is answered by vendor looks there itself."""
    if identity.vendors is None:
        return
    parts = _parts(request)
    vendor = parts[LOG_VENDOR_PART + 1] if len(parts) > LOG_VENDOR_PART + 1 else ""
    if resource_name == "eggs" or (parts[:1] == ["logs"] and vendor not in identity.vendors):
        raise AccessDenied(
            f"{identity.user} ({identity.role}) has no permission {resource_name}.{action} here: the key is for "
            f"{', '.join(identity.vendors)} only."
        )


def _credentials(request: Request) -> tuple[str, str | None]:
    return requests.basic(_header(request, "Authorization") or "") or ("", None)


def _refuse_other_sites(request: Request) -> None:
    if requests.is_of_another_site(request.method.decode("latin-1"), lambda name: _header(request, name)):
        raise AccessDenied("Requests from pages of other sites are refused.")


class Refusal(resource.Resource):
    """401, 403 or 429 in the shape of Scrapyd's errors."""

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self, root: Root, error: Exception) -> None:
        super().__init__()
        self.root = root
        self.error = error

    def render(self, request: Request) -> int:
        """Send the refusal; what is no refusal is a failure of ours or of the database."""
        codes: list[tuple[type[Exception], int]] = [
            (TooMany, 429), (Unauthorised, 401), (AccessDenied, 403), (ArgumentError, 400), (DatabaseUnavailable, 503),
        ]  # fmt: skip
        code = next((code for kind, code in codes if isinstance(self.error, kind)), 500)
        if code == 401:
            request.setHeader("WWW-Authenticate", 'Basic realm="christmas", charset="UTF-8"')
        if code in {429, 503}:
            request.setHeader("Retry-After", "60" if code == 429 else "5")
        message = str(self.error)
        if code == 503:  # whoever has no key learns nothing of the database
            logger.error("A request could not be checked: %s", self.error)
            message = "the database is not available; the node's log says why"
        elif code == 500:
            logger.error("Checking a request failed", exc_info=self.error)
            message = "an unexpected error; the node's log has it"
        send(self.root, request, code, {"status": "error", "message": message})
        return int(server.NOT_DONE_YET)


class Health(resource.Resource):
    """``/health/live`` and ``/health/ready``; ``/health`` is the latter."""

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self, readiness: Readiness) -> None:
        super().__init__()
        self.readiness = readiness

    def render_GET(self, request: Request) -> int:  # noqa: N802  # Twisted's name
        """Say that the node answers, or whether it takes jobs."""
        which = b"/".join(request.postpath)
        if which == b"live":
            _tell(request, 200, {"status": "ok"})
        elif which in {b"", b"ready"}:
            deferred = threads.deferToThread(self.readiness.look)
            deferred.addCallback(lambda found: _tell(request, found.http_status, found.as_dict()))
            deferred.addErrback(lambda failure: _fail(request, failure))
        else:
            _tell(request, 404, {"status": "error", "message": "there are /health/live and /health/ready"})
        return int(server.NOT_DONE_YET)


def _tell(request: Request, code: int, found: dict[str, Any]) -> None:
    reply(request, code, JSON, json.dumps(found).encode() + b"\n")


def _fail(request: Request, failure: Any) -> None:
    logger.error("Whether the node is ready is not known: %s", failure.getTraceback())
    _tell(request, 500, {"status": "error", "message": "an unexpected error; the node's log has it"})
