"""The server as a process of its own: uvicorn, with a bound on heads of requests and a time to drain."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from christmas.access import bootstrap
from christmas.config import is_loopback
from christmas.errors import ChristmasError, ConfigurationError
from christmas.health.parent import watch
from christmas.server import app
from christmas.server.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from fastapi import FastAPI

    from christmas.config import Config

logger = logging.getLogger(__name__)

# How long requests in progress may take when the server stops.
STOP_SECONDS = 10
# An idle connection is closed after this long, later than proxies close it (nginx and AWS after 60 s): otherwise they
# send requests into one that is being closed just then.
KEEP_SECONDS = 75
SWITCH_SECONDS = 0.001
# Of a request's lines before the body; proxies allow 8 to 64 KB. What comes in one piece, up to 256 KB, is not counted.
HEAD_MAX_BYTES = 64 * 2**10
_BODY = b"The head of the request is too large."
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_BODY)
) + _BODY


class BoundedProtocol(HttpToolsProtocol):
    """Answers 431 and closes, where uvicorn keeps whatever comes before the body."""

    head_bytes = 0
    in_head = True

    def data_received(self, data: bytes) -> None:
        """Take the next piece of what the client sends."""
        if self.in_head and self.head_bytes > HEAD_MAX_BYTES:
            self.transport.write(TOO_LARGE)
            self.transport.close()
            return
        self.head_bytes += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        self.in_head, self.head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the head is over."""
        self.in_head = False
        super().on_headers_complete()


class Server(uvicorn.Server):
    """Calls ``drain`` once after the first SIGTERM, and stops ``seconds`` later; at once after any other signal.

    Until then it goes on answering: proxies need a moment to notice that it is not ready any more.
    """

    def __init__(self, config: uvicorn.Config, seconds: float, drain: Callable[[], object]) -> None:
        super().__init__(config)
        self.seconds = seconds
        self.drain = drain
        self._signalled_at: float | None = None
        self._draining = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain, or stop; a signal's handler, so no more than that."""
        if sig == signal.SIGTERM and self.seconds and self._signalled_at is None:
            self._signalled_at = time.monotonic()
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Return whether it is time to stop; uvicorn asks ten times a second."""
        if self._signalled_at is not None and not self._draining:
            self._draining = True
            logger.info("The server answers for %g s more", self.seconds)
            self.drain()
        if self._signalled_at is not None and time.monotonic() > self._signalled_at + self.seconds:
            self.should_exit = True
        return await super().on_tick(counter)


def run(config: Config, *, watch_parent: bool = False, descriptor: int | None = None) -> None:
    """Run until SIGINT or SIGTERM, or with ``watch_parent`` until stdin closes; raise what is wrong at the start.

    ``descriptor`` is the socket of the server whose worker this process is.
    """
    server = config.server
    if config.access.test_users and not is_loopback(server.bind_address):
        raise ConfigurationError(
            f"access.test_users has publicly known keys: not on {server.bind_address}, only on 127.0.0.1."
        )
    bound = bootstrap.prepare(config, "server")
    listener = _listener(config) if descriptor is None else socket.socket(fileno=descriptor)
    application = app.create(bound)
    workers: Workers

    def drain() -> None:
        application.state.christmas.probes.stopping = True
        workers.drain()

    running = Server(_options(config, application), server.drain_seconds, drain)

    def stop(*_: object) -> None:
        running.should_exit = True

    # Uvicorn raises the signal again when it has stopped, for the previous handler: this one makes the end orderly.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if watch_parent:
        watch(stop)
    # A thread that computes does not keep the one that all requests go through for long.
    sys.setswitchinterval(SWITCH_SECONDS)
    logger.info("The server listens on %s", _address(server.bind_address, listener.getsockname()[1]))
    workers = Workers(listener, server.workers - 1 if descriptor is None else 0, stop)
    try:
        workers.start()
        running.run([listener])
    finally:
        workers.stop()
    logger.info("The server has stopped")


def _options(config: Config, application: FastAPI) -> uvicorn.Config:
    options = uvicorn.Config(
        application,
        http=BoundedProtocol,  # default one without a limit on the head of a request
        log_config=None,  # default its own handlers, because the service's are set up
        access_log=False,  # default one line a request, because /metrics counts them
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_keep_alive=KEEP_SECONDS,  # default 5, because of the proxies
        proxy_headers=bool(config.server.proxies),
        forwarded_allow_ips=config.server.proxies,
    )
    # default warnings too, which any client could fill the logs with: wrong methods, upgrades that are not there
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return options


def _address(host: str, port: int) -> str:
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
