"""``christmas scheduler``."""

from __future__ import annotations

import signal
import threading

from christmas import logs
from christmas.commands.common import UntilStdinCloses
from christmas.config import current
from christmas.health.parent import watch
from christmas.scheduler import service


def scheduler(until_stdin_closes: UntilStdinCloses = False) -> None:
    """Run a scheduler; several may run, and each firing happens once."""
    config = current()
    logs.set_up(config, service="scheduler")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if until_stdin_closes:
        watch(stop.set)
    try:
        service.run(config, stop)
    finally:
        logs.close()
