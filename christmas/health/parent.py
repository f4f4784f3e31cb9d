"""The parent watchdog: ends a service when the process that started it has ended, which closes its stdin."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def watch(act: Callable[[], object]) -> None:
    """Call ``act``, in another thread, when stdin closes."""

    def wait() -> None:
        # Not through sys.stdin: a thread that waits in it when the interpreter ends is a fatal error.
        while os.read(0, 4096):
            pass
        act()

    threading.Thread(target=wait, name="parent watchdog", daemon=True).start()
