"""What a call costs, for tests that compare two ways."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time


def least_seconds(call: Callable[[], object]) -> float:
    """Return the least CPU time of five calls, in seconds, of SQLite too, which is in this process."""
    taken = []
    for _ in range(5):
        started = process_time()
        call()
        taken.append(process_time() - started)
    return min(taken)
