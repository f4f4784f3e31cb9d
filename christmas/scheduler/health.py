"""``/health/live`` and ``/health/ready`` of the scheduler, which answers nothing else."""

from __future__ import annotations

import json
import logging
import sys
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
    from christmas.health.probes import Probes

logger = logging.getLogger(__name__)

# A client that says nothing is not waited for.
REQUEST_SECONDS = 5.0


@contextmanager
def listening(config: Config, probes: Probes) -> Iterator[None]:
    """Answer on the configured port, if there is one; raise ChristmasError where it is taken."""
    if config.scheduler.port is None:
        yield
        return
    address = (config.scheduler.bind_address, config.scheduler.port)
    handler = type("Handler", (_Handler,), {"probes": probes})
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
    logger.info("The scheduler answers health probes on port %d of %s", server.server_address[1], address[0])
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
        logger.info("A health probe was not answered: %s", sys.exception())


class _ServerOnIPv6(_Server):
    address_family = AF_INET6


class _Handler(BaseHTTPRequestHandler):
    probes: Probes
    timeout = REQUEST_SECONDS
    server_version = "christmas"
    sys_version = ""

    def do_GET(self) -> None:
        found = self.probes.answer(self.path)
        body = json.dumps(found.body).encode() + b"\n"
        self.send_response(found.code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  # the base class's names

    def log_message(self, *_: object) -> None:
        """Log nothing: requests need no key, and could fill the log."""
