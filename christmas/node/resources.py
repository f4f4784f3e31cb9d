"""Scrapyd's JSON API. Every answer is made in a thread, so that no query stops the reactor."""

from __future__ import annotations

import io
import json
import logging
import re
import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.internet import reactor, threads
from twisted.web import resource, server

from christmas.access.gate import status_of
from christmas.db import database
from christmas.errors import AccessDenied, ArgumentError, ChristmasError, EggRefused
from christmas.jobs import eggs, notify, queue, records, submission
from christmas.jobs.definitions import registry
from christmas.jobs.submission import PROJECT
from christmas.node import scrapyd_jobs
from christmas.node.http import JSON, arguments, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.web.http import Request

    from christmas.access.gate import Caller, Statuses
    from christmas.jobs.records import JobRow
    from christmas.node.website import Root

logger = logging.getLogger(__name__)

SIGNALS = {"INT": signal.SIGINT, "TERM": signal.SIGTERM, "KILL": signal.SIGKILL}
PRIORITY_MAX = 1000
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_STATES = {"queued": "pending", "running": "running"}


class NotFound(ChristmasError):
    """Raised when a request names what does not exist, from this module."""


# What the node's endpoints raise besides the errors of the gate.
STATUSES: Statuses = ((NotFound, 404), (ArgumentError, 400), (EggRefused, 400))


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its arguments, and who makes it."""

    values: dict[bytes, list[bytes]]
    caller: Caller

    def text(self, name: str) -> str:
        """Return a required argument."""
        value = self.optional(name)
        if value is None:
            raise ArgumentError(f"'{name}' parameter is required")
        return value

    def optional(self, name: str) -> str | None:
        """Return an argument; None where it is not given."""
        values = self.values.get(name.encode())
        return None if not values else self._decoded(name, values[0])

    def many(self, name: str) -> list[str]:
        """Return an argument that may be repeated."""
        return [self._decoded(name, value) for value in self.values.get(name.encode(), [])]

    def others(self, *known: str) -> dict[str, str]:
        """Return the arguments that are not ``known``; each may be given once."""
        found = {}
        for raw, values in self.values.items():
            name = self._decoded("name of a parameter", raw)
            if name in known:
                continue
            if len(values) > 1:
                raise ArgumentError(f"'{name}' is given {len(values)} times")
            found[name] = self._decoded(name, values[0])
        return found

    def sees(self, job: JobRow) -> bool:
        """Return whether the job is within the key's vendors."""
        return self.caller.sees(job.vendor)

    @staticmethod
    def _decoded(name: str, value: bytes) -> str:
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise ArgumentError(f"'{name}' is not UTF-8") from None


class Answer(resource.Resource):
    """The base of all: calls ``get`` or ``post`` in a thread and sends the JSON that Scrapyd's clients expect."""

    isLeaf = True  # noqa: N815  # Twisted's name
    allowed: ClassVar[str] = "GET"

    def __init__(self, root: Root) -> None:
        super().__init__()
        self.root = root
        self.options = root.options

    def get(self, call: Call) -> dict[str, Any]:
        """Answer a GET, in a thread."""
        raise NotImplementedError

    def post(self, call: Call) -> dict[str, Any]:
        """Answer a POST, in a thread."""
        raise NotImplementedError

    def render(self, request: Request) -> int:
        """Begin to answer."""
        methods = {b"GET": self.get, b"HEAD": self.get, b"POST": self.post}
        method = request.method.decode("ascii", "replace")
        if request.method not in methods or self.allowed not in (method, "GET" if method == "HEAD" else ""):
            request.setHeader("Allow", self.allowed)
            send(self.root, request, 405, {"status": "error", "message": f"{method} is not allowed: {self.allowed} is"})
            return int(server.NOT_DONE_YET)
        deferred = threads.deferToThread(self._made, request, methods[request.method])
        deferred.addCallback(lambda content: _send(request, 200, content))
        deferred.addErrback(lambda failure: self._failed(request, failure))
        return int(server.NOT_DONE_YET)

    def _made(self, request: Request, make: Callable[[Call], dict[str, Any]]) -> bytes:
        try:
            return _content(self.root, {**make(Call(arguments(request), request.caller)), "status": "ok"})
        except AccessDenied as error:
            request.refuse(error)
            raise

    def _failed(self, request: Request, failure: Any) -> None:
        error = failure.value
        code = status_of(error, STATUSES)
        message = str(error) if isinstance(error, ChristmasError) else "an unexpected error; the node's log has it"
        if not isinstance(error, ChristmasError):
            logger.error("%s\n%s", request.path.decode("ascii", "replace"), failure.getTraceback())
        send(self.root, request, code, {"status": "error", "message": message})

    def _project(self, call: Call, *, required: bool = True) -> None:
        project = call.text("project") if required else call.optional("project")
        if project not in {None, PROJECT}:
            raise NotFound(f"project '{project}' not found")


def send(root: Root, request: Request, code: int, found: dict[str, Any]) -> None:
    """Send one JSON answer, unless the client has gone."""
    _send(request, code, _content(root, found))


def _content(root: Root, found: dict[str, Any]) -> bytes:
    return json.dumps({**found, "node_name": root.options.name}).encode() + b"\n"


def _send(request: Request, code: int, content: bytes) -> None:
    request.setHeader("Cache-Control", "no-store")
    reply(request, code, JSON, content)


class Schedule(Answer):
    """``schedule.json``: submits the job that spider, stage and arguments stand for."""

    allowed = "POST"
    _own = ("project", "spider", "_version", "jobid", "priority", "setting")

    def post(self, call: Call) -> dict[str, Any]:
        """Return the job's id; that of the same job where one is open."""
        self._project(call)
        job = registry.of_spider(call.text("spider"), call.others(*self._own))
        chosen = submission.plan(
            self.options.engine,
            job.job_name(),
            job.arguments(),
            config=self.options.config,
            submitted_by=call.caller.user,
            job_id=call.optional("jobid"),
            version=call.optional("_version"),
            settings=self._settings(call),
            priority=self._priority(call),
            allowed_vendors=call.caller.vendors,
        )
        with database.begin(self.options.engine) as connection:
            record = submission.add(connection, chosen)
        notify.nodes(self.options.config)
        return {"jobid": record.id}

    def _settings(self, call: Call) -> dict[str, str]:
        allowed = self.options.config.node.settings_allowed
        settings = dict(text.partition("=")[::2] for text in call.many("setting"))
        for name in settings:
            if name not in allowed:
                raise ArgumentError(
                    f"setting {name!r} is not allowed; node.settings_allowed has {', '.join(allowed) or 'none'}"
                )
            if "\0" in settings[name]:
                raise ArgumentError(f"setting {name!r} holds a NUL")
        return settings

    @staticmethod
    def _priority(call: Call) -> int | None:
        text = call.optional("priority")
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not -PRIORITY_MAX <= value <= PRIORITY_MAX:
            raise ArgumentError(
                f"priority={text!r} is not accepted: give a number from -{PRIORITY_MAX} to {PRIORITY_MAX}"
            )
        return round(value)


class Cancel(Answer):
    """``cancel.json``: cancels a job wherever it runs."""

    allowed = "POST"

    def post(self, call: Call) -> dict[str, Any]:
        """Return the state before: pending, running or null."""
        self._project(call)
        name = call.optional("signal") or "TERM"
        if name not in SIGNALS:
            raise ArgumentError(f"signal={name!r} is not accepted: use {', '.join(SIGNALS)}")
        job_id = call.text("job")
        with database.begin(self.options.engine) as connection:
            job = records.get(connection, job_id)
            if job is None or not call.sees(job):
                return {"prevstate": None}
            before = queue.cancel(connection, job_id, datetime.now(UTC))
        if before is not None:
            reactor.callFromThread(self.root.launcher.stop_runs, {job_id}, SIGNALS[name])
            notify.nodes(self.options.config)
        return {"prevstate": _STATES.get(before or "")}


class Status(Answer):
    """``status.json``: the state of a job on any node."""

    def get(self, call: Call) -> dict[str, Any]:
        """Return pending, running, finished or null."""
        self._project(call, required=False)
        with database.read(self.options.engine) as connection:
            job = records.get(connection, call.text("job"))
        if job is None or not call.sees(job):
            return {"currstate": None}
        return {"currstate": _STATES.get(job.state, "finished")}


class ListJobs(Answer):
    """``listjobs.json``: what is pending everywhere, running here and ended here."""

    def get(self, call: Call) -> dict[str, Any]:
        """Return the three lists."""
        self._project(call, required=False)
        vendors = call.caller.vendors
        name = self.options.name
        with database.read(self.options.engine) as connection:
            pending = records.find(connection, states=["queued"], processes_only=True, vendors=vendors)[::-1]
            running = records.find(connection, states=["running"], node=name, vendors=vendors)[::-1]
            ended = records.find(
                connection, states=scrapyd_jobs.FINISHED, node=name, vendors=vendors, limit=scrapyd_jobs.FINISHED_SHOWN
            )
        pids = {run.job: run.pid for run in list(self.root.launcher.processes.values())}
        return {
            "pending": [self._pending(job) for job in pending],
            "running": [self._ran(job) | {"pid": pids.get(job.id)} for job in running],
            "finished": [self._ran(job) | {"end_time": _local(job.finished_at)} for job in ended],
        }

    @staticmethod
    def _pending(job: JobRow) -> dict[str, Any]:
        message = scrapyd_jobs.message(job)
        arguments = {k: v for k, v in message.items() if k not in ("name", "_job", "_version", "settings")}
        common = {"id": job.id, "project": PROJECT, "spider": job.vendor}
        return {**common, "version": job.version, "settings": job.settings, "args": arguments}

    def _ran(self, job: JobRow) -> dict[str, Any]:
        common = {"id": job.id, "project": PROJECT, "spider": job.vendor}
        return {**common, "start_time": _local(job.started_at), "log_url": self.root.log_url(job), "items_url": None}


class DaemonStatus(Answer):
    """``daemonstatus.json``: how many jobs are pending, running here and ended here."""

    def get(self, call: Call) -> dict[str, Any]:
        """Return the three numbers."""
        with database.read(self.options.engine) as connection:
            pending = records.count(connection, vendors=call.caller.vendors)["queued"]
            here = records.count(connection, node=self.options.name, vendors=call.caller.vendors)
        finished = sum(here[state] for state in scrapyd_jobs.FINISHED)
        return {"pending": pending, "running": here["running"], "finished": finished}


class ListProjects(Answer):
    """``listprojects.json``."""

    def get(self, call: Call) -> dict[str, Any]:
        """Return the one project there is."""
        return {"projects": [PROJECT]}


class ListVersions(Answer):
    """``listversions.json``."""

    def get(self, call: Call) -> dict[str, Any]:
        """Return the deployed versions, the newest last."""
        call.text("project")
        with database.read(self.options.engine) as connection:
            return {"versions": eggs.versions(connection, call.text("project"))}


class ListSpiders(Answer):
    """``listspiders.json``."""

    def get(self, call: Call) -> dict[str, Any]:
        """Return the spiders of a version, as they were noted when it was uploaded."""
        self._project(call)
        with database.read(self.options.engine) as connection:
            known = submission.known_vendors(connection, call.optional("_version"))
        vendors = call.caller.vendors
        return {"spiders": sorted(name for name in known if vendors is None or name in vendors)}


class AddVersion(Answer):
    """``addversion.json``: stores an egg, where uploading is switched on."""

    allowed = "POST"

    def post(self, call: Call) -> dict[str, Any]:
        """Return the number of spiders in the egg."""
        if not self.options.config.node.egg_upload:
            raise AccessDenied("Uploading eggs is switched off; an operator switches it on with node.egg_upload.")
        self._project(call)
        version = call.text("version")
        if not _VERSION.fullmatch(version):
            raise ArgumentError(f"version {version!r} is not accepted: letters, digits, dots, dashes, plus signs")
        content = (call.values.get(b"egg") or [b""])[0]
        stored = self.root.eggstorage.put(io.BytesIO(content), PROJECT, version, call.caller.user)
        return {"project": PROJECT, "version": version, "spiders": stored}


class DeleteVersion(Answer):
    """``delversion.json``."""

    allowed = "POST"

    def post(self, call: Call) -> dict[str, Any]:
        """Remove one version."""
        self._project(call)
        self._remove(call.text("version"))
        return {}

    def _remove(self, version: str | None) -> None:
        with database.begin(self.options.engine) as connection:
            if not eggs.remove(connection, PROJECT, version):
                raise NotFound(f"version '{version}' not found" if version else f"project '{PROJECT}' has no versions")


class DeleteProject(DeleteVersion):
    """``delproject.json``."""

    def post(self, call: Call) -> dict[str, Any]:
        """Remove all versions; the installed project stays."""
        self._project(call)
        self._remove(None)
        return {}


def _local(at: datetime | None) -> str | None:
    """Return a time as Scrapyd's clients expect it: without a zone."""
    return None if at is None else str(at.replace(tzinfo=None))
