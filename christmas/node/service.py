"""The node as a process of its own: what plain ``scrapyd`` does, without a pid file that outlives it."""

from __future__ import annotations

import logging
import sys

from scrapyd.config import Config
from twisted.application.app import startApplication
from twisted.internet import reactor
from twisted.python.log import PythonLoggingObserver

from christmas import config as configuration
from christmas.leash import watch
from christmas.node.application import application

THREADS = 20


def run(*, leash: bool = False) -> None:
    """Run until SIGINT or SIGTERM, or with ``leash`` until stdin closes."""
    logging.basicConfig(
        level=configuration.current().log_level,
        stream=sys.stdout,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
    )
    logging.getLogger("twisted").setLevel(logging.WARNING)
    PythonLoggingObserver().start()
    app = application(Config())
    reactor.suggestThreadPoolSize(THREADS)
    startApplication(app, False)
    if leash:
        watch(lambda: reactor.callFromThread(_stop))
    reactor.run()


def _stop() -> None:
    if reactor.running:
        reactor.stop()
