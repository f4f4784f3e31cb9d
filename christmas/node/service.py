"""The node as a process of its own: what plain ``scrapyd`` does, without a pid file that outlives it."""

from __future__ import annotations

import logging
import signal

from scrapyd.config import Config
from twisted.application.app import startApplication
from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.python.log import PythonLoggingObserver

from christmas.errors import ChristmasError
from christmas.health.parent import watch
from christmas.node import options
from christmas.node.application import application, drain

logger = logging.getLogger(__name__)

THREADS = 20


def run(*, watch_parent: bool = False) -> None:
    """Run until SIGINT, or until SIGTERM and what may be finished then, or with ``watch_parent`` until stdin closes."""
    logging.getLogger("twisted").setLevel(logging.WARNING)
    PythonLoggingObserver().start()
    app = application(Config())
    reactor.suggestThreadPoolSize(THREADS)
    node = options.current().config.node
    try:
        startApplication(app, False)
    except CannotListenError as error:
        reason = error.socketError.strerror or error.socketError
        raise ChristmasError(
            f"The node cannot listen on port {node.port} of {node.bind_address}: {reason}. Stop what has it, or set "
            "CHRISTMAS__NODE__PORT or CHRISTMAS__NODE__BIND_ADDRESS."
        ) from error
    logger.info("Node %s listens on port %d of %s", options.current().name, node.port, node.bind_address)
    leaving = drain(app)
    # After the reactor has set its own handlers.
    reactor.callWhenRunning(signal.signal, signal.SIGTERM, lambda *_: reactor.callFromThread(leaving.begin))
    if watch_parent:
        watch(lambda: reactor.callFromThread(_stop))
    reactor.run()


def _stop() -> None:
    if reactor.running:
        reactor.stop()
