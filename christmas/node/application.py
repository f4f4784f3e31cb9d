"""The node's composition root: Scrapyd's application with this project's parts, and the gate in front of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from scrapyd.app import application as scrapyds_application
from twisted.application.internet import TCPServer
from twisted.application.service import IServiceCollection
from twisted.internet import reactor
from twisted.logger import ILogObserver, STDLibLogObserver
from twisted.web.http import HTTPChannel
from twisted.web.server import Request as SiteRequest

from christmas import logs
from christmas.errors import ChristmasError
from christmas.jobs import hooks
from christmas.logs import redaction
from christmas.node import options
from christmas.node.drain import Drain
from christmas.node.guard import Guard
from christmas.node.launcher import Launcher

if TYPE_CHECKING:
    from christmas.node.options import Options

PARTS = {
    "poller": "christmas.node.poller.JobsPoller",
    "launcher": "christmas.node.launcher.Launcher",
    "eggstorage": "christmas.node.eggs.EggStorage",
    "jobstorage": "christmas.node.scrapyd_jobs.JobStorage",
    "spiderqueue": "christmas.node.scrapyd_jobs.SpiderQueue",
    "runner": "christmas_runner",
    "webroot": "christmas.node.website.Root",
    "username": "",
    "password": "",
    "items_dir": "",
    "unix_socket_path": "",
}
SERVICES = {
    "schedule": "Schedule", "cancel": "Cancel", "status": "Status", "addversion": "AddVersion",
    "listprojects": "ListProjects", "listversions": "ListVersions", "listspiders": "ListSpiders",
    "delproject": "DeleteProject", "delversion": "DeleteVersion", "listjobs": "ListJobs",
    "daemonstatus": "DaemonStatus",
}  # fmt: skip
# What is too large is read on, and thrown away, until nothing came for some time, or many times what is allowed came.
LINGER_SECONDS = 2.0
LINGER_BODIES = 8
_BODY = b'{"status": "error", "message": "the request is too large"}\n'
TOO_LARGE = (
    b"HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_BODY)
) + _BODY


def application(scrapyd_config: Any) -> Any:
    """Build the node for Scrapyd; what is wrong in the configuration ends the process with one line."""
    try:
        chosen = options.current()
        hooks.check(chosen.config)
    except ChristmasError as error:
        raise SystemExit(redaction.redact(f"christmas: {error}")) from None
    _configure(scrapyd_config, chosen)
    app = scrapyds_application(scrapyd_config)
    # For plain `scrapyd`, whose own observer would write past the filter of secrets, and as text.
    app.setComponent(ILogObserver, STDLibLogObserver())
    reactor.addSystemEventTrigger("after", "shutdown", logs.close)
    site = _site(app)
    site.resource = Guard(site.resource)
    site.requestFactory = _limited(chosen.config.node.request_max_bytes)
    return app


def drain(app: Any) -> Drain:
    """Return how an application that was built here leaves."""
    launcher = next(one for one in IServiceCollection(app) if isinstance(one, Launcher))
    return Drain(launcher, _site(app).resource.probes, launcher.options.config.node.finish_seconds)


def _site(app: Any) -> Any:
    return next(one.args[1] for one in IServiceCollection(app) if isinstance(one, TCPServer))


def _configure(scrapyd_config: Any, chosen: Options) -> None:
    # Scrapyd reads some of its options from here first: its own single password would stand in front of the keys, and
    # another address or a socket would open what the configuration keeps closed.
    for name in [name for name in os.environ if name.startswith("SCRAPYD_")]:
        del os.environ[name]
    node = chosen.config.node
    values = {
        **PARTS,
        "bind_address": node.bind_address,
        "http_port": str(node.port),
        # Often enough to vouch for runs that are starting.
        "poll_interval": str(min(node.poll_seconds, chosen.config.jobs.beat_seconds)),
        "logs_dir": str(chosen.logs),
        "node_name": chosen.name,
    }
    parser = scrapyd_config.cp
    for name, value in values.items():
        parser.set("scrapyd", name, value.replace("%", "%%"))
    for name, kind in SERVICES.items():
        parser.set("services", f"{name}.json", f"christmas.node.resources.{kind}")


class LimitedRequest(SiteRequest):
    """A request whose body may not be larger than configured, and is not taken apart before the check."""

    max_bytes = 0
    received = 0
    refused = False
    closing: Any = None

    def __init__(self, channel: HTTPChannel, *args: Any, **kwargs: Any) -> None:
        super().__init__(channel, *args, parsePOSTFormSubmission=False, **kwargs)

    def gotLength(self, length: int | None) -> None:  # noqa: N802  # Twisted's name
        """Refuse a body that announces itself as too large, before a byte of it is read."""
        if length is not None and length > self.max_bytes:
            self._refuse()
        super().gotLength(None if length is None else min(length, self.max_bytes))

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        """Refuse a body that grows too large."""
        self.received += len(data)
        if self.refused:
            self._discard()
        elif self.received > self.max_bytes:
            self._refuse()
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802  # Twisted's name
        """Answer, unless that has been done."""
        if self.refused:
            self.channel.transport.loseConnection()
        else:
            super().requestReceived(command, path, version)

    def _refuse(self) -> None:
        if not self.refused:
            self.refused = True
            self.channel.transport.write(TOO_LARGE)
            # Not closed at once: that resets the connection of a client that sends all before it reads an answer.
            self.closing = reactor.callLater(LINGER_SECONDS, self.channel.transport.loseConnection)

    def _discard(self) -> None:
        if self.received > LINGER_BODIES * self.max_bytes:
            self.channel.transport.loseConnection()
        elif self.closing.active():
            self.closing.reset(LINGER_SECONDS)


def _limited(max_bytes: int) -> type[LimitedRequest]:
    return type("LimitedRequest", (LimitedRequest,), {"max_bytes": max_bytes})
