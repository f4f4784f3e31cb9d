"""The gate for Scrapyd's site: nothing but the health page is answered before it."""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet import threads
from twisted.web import resource, server
from twisted.web.util import DeferredResource

from christmas.access import requests
from christmas.access.authentication import Unauthorised
from christmas.access.gate import Caller, Gate, headers_of, refuse_other_sites, status_of
from christmas.access.rate_limit import FailedLogins
from christmas.errors import AccessDenied, ArgumentError
from christmas.health import READY
from christmas.health.probes import Probes, Result
from christmas.node.http import JSON, reply
from christmas.node.resources import STATUSES, send

if TYPE_CHECKING:
    from twisted.web.http import Request

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


class Guard(resource.Resource):
    """The root of the site; lets requests through to Scrapyd's root."""

    def __init__(self, root: Root) -> None:
        super().__init__()
        self.root = root
        self.options = root.options
        self.probes = Probes(self.options.config, self.options.engine)
        failed_logins = FailedLogins(self.options.config.access.failed_logins_per_minute)
        self.gate = Gate(self.options.config, self.options.engine, failed_logins)

    def getChildWithDefault(self, path: bytes, request: Request) -> resource.Resource:  # noqa: N802  # Twisted's name
        """Return the resource: the health page to everybody, everything else after the check."""
        # Against clickjacking in another site's frame, and against a log that is taken for a script.
        request.setHeader("X-Frame-Options", "DENY")
        request.setHeader("X-Content-Type-Options", "nosniff")
        if path == b"health":
            return Health(self.probes)
        request.postpath.insert(0, request.prepath.pop())
        deferred = threads.deferToThread(self._check, request, path.decode("utf-8", "replace"))
        deferred.addCallback(lambda _: self.root)
        deferred.addErrback(lambda failure: Refusal(self.root, failure.value))
        return DeferredResource(deferred)

    def _check(self, request: Request, path: str) -> None:
        permission = PERMISSIONS.get(path, OTHER)
        caller = Caller(None, "", None, None, request.getClientAddress().host)
        method = request.method.decode("latin-1")
        try:
            refuse_other_sites(method, lambda name: _header(request, name))
            caller = self._identify(request, caller.address)
            self.gate.authorise(caller, permission)
            _check_vendors(request, caller, permission)
        except AccessDenied as error:
            logger.warning("%s was refused %s: %s", caller.address, permission, error)
            self.gate.refused(caller, permission, error)
            raise
        if {"\0", "\ufffd"} & set("".join(_parts(request))):  # neither is handled where log files are looked up
            raise ArgumentError("A path is UTF-8 without NUL.")
        if method not in {"GET", "HEAD"}:
            self.gate.granted(caller, permission)
        request.caller = caller
        request.refuse = partial(self.gate.refused, caller, permission)

    def _identify(self, request: Request, address: str) -> Caller:
        self.gate.refuse_closed(address)
        found = requests.basic(_header(request, "Authorization") or "")
        if found is None:
            raise Unauthorised("A key is needed: user name and key as HTTP Basic authentication.")
        return self.gate.identify(*found, address)


def _header(request: Request, name: str) -> str | None:
    """Return a header's text; Twisted's own decoding fails where it is not UTF-8."""
    value = request.getHeader(name.encode())
    return None if value is None else value.decode("latin-1")


def _parts(request: Request) -> list[str]:
    return [part.decode("utf-8", "replace") for part in request.postpath or []]


def _check_vendors(request: Request, caller: Caller, permission: str) -> None:
    """Refuse a key of some vendors what concerns others too; what is answered by vendor looks there itself."""
    if caller.vendors is None:
        return
    parts = _parts(request)
    vendor = parts[LOG_VENDOR_PART + 1] if len(parts) > LOG_VENDOR_PART + 1 else ""
    if permission.startswith("eggs.") or (parts[:1] == ["logs"] and vendor not in caller.vendors):
        raise AccessDenied(
            f"{caller.user} ({caller.role}) has no permission {permission} here: the key is for "
            f"{', '.join(caller.vendors)} only."
        )


class Refusal(resource.Resource):
    """A refusal in the shape of Scrapyd's errors."""

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self, root: Root, error: Exception) -> None:
        super().__init__()
        self.root = root
        self.error = error

    def render(self, request: Request) -> int:
        """Send the refusal; what is no refusal is a failure of ours or of the database."""
        code = status_of(self.error, STATUSES)
        for name, value in headers_of(self.error, code).items():
            request.setHeader(name, value)
        message = str(self.error)
        if code == 503:  # a caller without a key learns nothing of the database
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

    def __init__(self, probes: Probes) -> None:
        super().__init__()
        self.probes = probes

    def render_GET(self, request: Request) -> int:  # noqa: N802  # Twisted's name
        """Answer whether the node is alive, or whether it takes jobs."""
        path = f"/health/{'/'.join(_parts(request)) or 'ready'}"
        if path == READY:
            deferred = threads.deferToThread(self.probes.ready)
            deferred.addCallback(lambda found: _send(request, found))
            deferred.addErrback(lambda failure: _fail(request, failure))
        else:  # in no thread: those may all wait for a database
            _send(request, self.probes.answer(path))
        return int(server.NOT_DONE_YET)


def _send(request: Request, found: Result) -> None:
    reply(request, found.code, JSON, json.dumps(found.body).encode() + b"\n")


def _fail(request: Request, failure: Any) -> None:
    logger.error("The readiness of the node could not be read: %s", failure.getTraceback())
    _send(request, Result(500, {"status": "error", "message": "an unexpected error; the node's log has it"}))
