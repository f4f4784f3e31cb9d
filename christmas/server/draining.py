"""Uvicorn's server, which goes on answering for a while after SIGTERM: proxies need a moment to notice."""

from __future__ import annotations

import logging
import signal
import time
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Calls ``leave`` once after the first SIGTERM, and stops ``seconds`` later; at once after any other signal."""

    def __init__(self, config: uvicorn.Config, seconds: float, leave: Callable[[], object]) -> None:
        super().__init__(config)
        self.seconds = seconds
        self.leave = leave
        self._signalled_at: float | None = None
        self._leaving = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to leave, or stop; a signal's handler, so no more than that."""
        if sig == signal.SIGTERM and self.seconds and self._signalled_at is None:
            self._signalled_at = time.monotonic()
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Return whether it is time to stop; uvicorn asks ten times a second."""
        if self._signalled_at is not None and not self._leaving:
            self._leaving = True
            logger.info("The server answers for %g s more", self.seconds)
            self.leave()
        if self._signalled_at is not None and time.monotonic() > self._signalled_at + self.seconds:
            self.should_exit = True
        return await super().on_tick(counter)
