"""The server as a process of its own."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from typing import TYPE_CHECKING

import uvicorn

from christmas.access import bootstrap
from christmas.config import is_loopback
from christmas.errors import ChristmasError, ConfigurationError
from christmas.health.parent import watch
from christmas.server import app
from christmas.server.draining import Server
from christmas.server.helpers import Helpers
from christmas.server.protocol import BoundedProtocol

if TYPE_CHECKING:
    from christmas.config import Config

logger = logging.getLogger(__name__)

# How long requests that are under way may take when the server stops.
STOP_SECONDS = 10
# An idle connection is closed after this long, later than proxies close it (nginx and AWS after 60 s):
# otherwise they send requests into one that is being closed just then.
KEEP_SECONDS = 75
SWITCH_SECONDS = 0.001


def run(config: Config, *, watch_parent: bool = False, descriptor: int | None = None) -> None:
    """Run until SIGINT or SIGTERM, or with ``watch_parent`` until stdin closes; raises what is wrong at the start.

    ``descriptor`` is the socket of another process, which this one helps to answer.
    """
    server = config.server
    if config.access.test_users and not is_loopback(server.bind_address):
        raise ConfigurationError(
            f"access.test_users has publicly known keys: not on {server.bind_address}, only on 127.0.0.1."
        )
    bound = bootstrap.prepare(config, "server")
    listener = _listener(config) if descriptor is None else socket.socket(fileno=descriptor)
    application = app.create(bound)
    state = application.state.christmas
    helpers: Helpers

    def leave() -> None:
        state.readiness.stopping = True
        helpers.leave()

    running = Server(
        uvicorn.Config(
            application,
            http=BoundedProtocol,  # default one without a limit on the head of a request
            log_config=None,  # default its own handlers, because the service's are set up
            access_log=False,  # default one line a request, because /metrics counts them
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
            timeout_keep_alive=KEEP_SECONDS,  # default 5, because of the proxies
            proxy_headers=bool(server.proxies),
            forwarded_allow_ips=server.proxies,
        ),
        server.drain_seconds,
        leave,
    )

    # default warnings too, which anybody could fill the logs with: wrong methods, upgrades that are not there
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)

    def stop(*_: object) -> None:
        running.should_exit = True

    # Uvicorn raises the signal again when it has stopped, for the previous handler: this one makes the end orderly.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if watch_parent:
        watch(stop)
    # A thread that computes does not keep the one that all requests go through for long.
    sys.setswitchinterval(SWITCH_SECONDS)
    logger.info("The server listens on %s", address(config, listener.getsockname()[1]))
    helpers = Helpers(listener, server.workers - 1 if descriptor is None else 0, stop)
    try:
        helpers.start()
        running.run([listener])
    finally:
        helpers.stop()
    logger.info("The server has stopped")


def address(config: Config, port: int) -> str:
    """Return the address of the server's pages."""
    host = config.server.bind_address
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _listener(config: Config) -> socket.socket:
    server = config.server
    family = socket.AF_INET6 if ":" in server.bind_address else socket.AF_INET
    try:
        return socket.create_server((server.bind_address, server.port), family=family)
    except OSError as error:
        raise ChristmasError(
            f"The server cannot listen on port {server.port} of {server.bind_address}: {error.strerror}. Stop what has "
            "it, or set CHRISTMAS__SERVER__PORT or CHRISTMAS__SERVER__BIND_ADDRESS."
        ) from error
