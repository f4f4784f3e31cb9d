"""``/health/live`` and ``/health/ready`` of the scheduler, which answers nothing else."""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from socketserver import TCPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

from christmas.errors import ChristmasError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from christmas.config import Config
    from christmas.health.readiness import Readiness

logger = logging.getLogger(__name__)

# A scheduler that has not finished a tick, nor waited out an outage, for so long hangs.
HANGING_SECONDS = 120.0
# A client that says nothing is not waited for.
REQUEST_SECONDS = 5.0


class Pulse:
    """When the scheduler was last seen alive."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def beat(self) -> None:
        """Note that the scheduler is alive."""
        self._at = time.monotonic()

    def is_alive(self) -> bool:
        """Return whether it was seen within HANGING_SECONDS."""
        return time.monotonic() - self._at < HANGING_SECONDS


@contextmanager
def listening(config: Config, pulse: Pulse, readiness: Readiness) -> Iterator[None]:
    """Answer on the configured port, if there is one; raises ChristmasError where it is taken."""
    if config.scheduler.port is None:
        yield
        return
    address = (config.scheduler.bind_address, config.scheduler.port)
    handler = type("Handler", (_Handler,), {"pulse": pulse, "readiness": readiness})
    kind = _ServerOnIPv6 if ":" in address[0] else _Server
    try:
        server = kind(address, handler)
    except OSError as error:
        raise ChristmasError(
            f"The scheduler cannot listen on port {address[1]} of {address[0]}: {error.strerror}. Stop what has it, or "
            "set CHRISTMAS__SCHEDULER__PORT or CHRISTMAS__SCHEDULER__BIND_ADDRESS."
        ) from error
    thread = Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    logger.info("The scheduler tells on port %d of %s how it is", server.server_address[1], address[0])
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # default a look-up of the host's name as well, which may take long

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.info("Somebody who asked how the scheduler is was not answered: %s", sys.exception())


class _ServerOnIPv6(_Server):
    address_family = AF_INET6


class _Handler(BaseHTTPRequestHandler):
    pulse: Pulse
    readiness: Readiness
    timeout = REQUEST_SECONDS
    server_version = "christmas"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path == "/health/live":
            alive = self.pulse.is_alive()
            self._tell(200 if alive else 503, {"status": "ok" if alive else "hanging"})
        elif self.path == "/health/ready":
            found = self.readiness.look()
            self._tell(found.http_status, found.as_dict())
        else:
            self._tell(404, {"status": "error", "message": "there are /health/live and /health/ready"})

    do_HEAD = do_GET  # noqa: N815  # the base class's names

    def _tell(self, code: int, found: dict[str, Any]) -> None:
        body = json.dumps(found).encode() + b"\n"
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: whoever asks could fill the log."""
