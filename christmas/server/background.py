"""One thread for what no request waits for."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

# How long a refusal waits until it is recorded; while the database is locked, it is answered before.
MOMENT_SECONDS = 1.0
WAITING_MAX = 1_000


class Background:
    """Runs calls one after the other; what goes wrong is logged. Safe to use from several threads."""

    def __init__(self) -> None:
        self.executor = ThreadPoolExecutor(1, "background")
        self._under_way: set[str] = set()
        self._lock = Lock()
        self._waiting = BoundedSemaphore(WAITING_MAX)

    def later(self, what: str, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function later; not where the same, by name, is under way."""
        with self._lock:
            if what in self._under_way:
                return
            self._under_way.add(what)

        def done(_: Future[None]) -> None:
            with self._lock:
                self._under_way.discard(what)

        self._submit(what, function, *arguments).add_done_callback(done)

    def soon(self, what: str, function: Callable[..., None], *arguments: Any) -> bool:
        """Call a function, and wait for it up to MOMENT_SECONDS; return False where too many calls wait already."""
        if not self._waiting.acquire(blocking=False):
            return False

        future = self._submit(what, function, *arguments)
        future.add_done_callback(lambda _: self._waiting.release())
        wait([future], MOMENT_SECONDS)  # then it goes on by itself
        return True

    def _submit(self, what: str, function: Callable[..., None], *arguments: Any) -> Future[None]:
        def done(future: Future[None]) -> None:
            if future.cancelled():
                logger.warning("%s was left undone, for the server ends", what)
            elif (error := future.exception()) is not None:
                logger.error("%s could not be done", what, exc_info=error)

        future = self.executor.submit(function, *arguments)
        future.add_done_callback(done)
        return future

    def close(self) -> None:
        """Cancel the calls that have not begun, and wait for the one that has."""
        self.executor.shutdown(cancel_futures=True)
