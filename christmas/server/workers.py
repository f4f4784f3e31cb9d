"""The workers of a server, on the same socket: one that ends is replaced, unless that happens too often.

Uvicorn's supervisor (0.54.0) answers nothing itself, so it takes a process more (89 MB idle), replaces without a bound,
and knows no time in which a server that drains goes on answering.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from collections import deque
from threading import Lock, Thread
from typing import TYPE_CHECKING

from christmas.errors import ChristmasError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

logger = logging.getLogger(__name__)

# The most replacements within this time; a cause that ends more of them will not go away by restarting.
REPLACED_MAX, REPLACED_SECONDS = 5, 60.0
# A worker that is stopped completes the requests in progress; then it is killed.
STOP_SECONDS = 20.0


class Workers:
    """Keeps ``number`` processes running from ``start`` to ``stop``."""

    def __init__(self, listener: socket.socket, number: int, give_up: Callable[[], object]) -> None:
        """``give_up`` is called, in another thread, when too many have ended; then call ``stop``, which says so."""
        self._listener = listener
        self._act = give_up
        self._threads = [Thread(target=self._keep, name=f"worker-{one + 1}") for one in range(number)]
        self._lock = Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ends: deque[float] = deque(maxlen=REPLACED_MAX + 1)
        self._stopping = False
        self._problem: str | None = None

    def start(self) -> None:
        """Start them."""
        for thread in self._threads:
            thread.start()

    def drain(self) -> None:
        """Send them SIGTERM, and replace none any more."""
        with self._lock:
            self._stopping = True
            for process in self._running:
                process.terminate()

    def stop(self) -> None:
        """Stop them; raise ChristmasError where they ended too often, or one did not stop in an orderly way."""
        self.drain()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        with self._lock:
            for process in self._running:
                process.kill()
        for thread in self._threads:
            thread.join()
        if self._problem is not None:
            raise ChristmasError(self._problem)

    def _keep(self) -> None:
        while (process := self._begin()) is not None:
            self._ended(process, process.wait())

    def _begin(self) -> subprocess.Popen[bytes] | None:
        try:
            with self._lock:
                if self._stopping:
                    return None
                process = _start(self._listener)
                self._running.add(process)
                return process
        except OSError as error:
            self._give_up(f"Another process of the server cannot be started: {error}.")
            return None

    def _ended(self, process: subprocess.Popen[bytes], status: int) -> None:
        assert process.stdin is not None  # noqa: S101  # it was started with a pipe
        process.stdin.close()
        with self._lock:
            self._running.discard(process)
            if self._stopping:
                if status not in {0, -signal.SIGTERM}:  # the signal where it had not come to handling any
                    self._problem = f"A process of the server has ended with status {status}; its log says why."
                return
            self._ends.append(time.monotonic())
            if len(self._ends) <= REPLACED_MAX or self._ends[-1] - self._ends[0] > REPLACED_SECONDS:
                logger.error("A process of the server has ended with status %s; another one is started", status)
                return
        self._give_up(
            f"{len(self._ends)} processes of the server have ended within {REPLACED_SECONDS:.0f} s, the last one with "
            f"status {status}; the log says why."
        )

    def _give_up(self, problem: str) -> None:
        with self._lock:
            self._stopping = True
            self._problem = problem
        logger.error("The server stops: %s", problem)
        self._act()


def _start(listener: socket.socket) -> subprocess.Popen[bytes]:
    """Start a worker on the same socket; it ends with this process, however that ends."""
    number = listener.fileno()
    command = [sys.executable, "-m", "christmas", "server", "--until-stdin-closes", "--descriptor", str(number)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, pass_fds=(number,))  # noqa: S603
