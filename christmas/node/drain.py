"""How a node leaves: it takes no more jobs, and its runs may come to their end before they hand their jobs back."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING

from twisted.internet import reactor
from twisted.internet.error import ReactorNotRunning

if TYPE_CHECKING:
    from christmas.health.probes import Probes
    from christmas.node.launcher import Launcher

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.2


class Drain:
    """Begun by SIGTERM; ends with the reactor, whose services then hand back what still runs."""

    def __init__(self, launcher: Launcher, probes: Probes, seconds: float) -> None:
        self.launcher = launcher
        self.probes = probes
        self.seconds = seconds
        self._deadline: float | None = None

    def begin(self) -> None:
        """Let runs finish for some seconds; on a second signal, end at once. In the reactor's thread."""
        if self._deadline is not None:
            self._deadline = float("-inf")
            return
        self._deadline = time.monotonic() + self.seconds
        self.probes.stopping = True
        self.launcher.poller.take_no_more()
        if self.launcher.processes and self.seconds:
            logger.info(
                "No more jobs are taken; %d runs may finish within %.0f s", len(self.launcher.processes), self.seconds
            )
        self._look()

    def _look(self) -> None:
        if self.launcher.processes and time.monotonic() < (self._deadline or 0):
            reactor.callLater(LOOK_SECONDS, self._look)
        else:
            with contextlib.suppress(ReactorNotRunning):  # stopped by another signal
                reactor.stop()
