"""Wrong keys are counted for each address; too many close it for the rest of the minute."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from threading import Lock

WINDOW_SECONDS = 60.0
ADDRESSES_MAX = 10_000


class Throttle:
    """Remembers the last failures of the addresses that failed most recently."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._told: dict[str, float] = {}  # the oldest failure when an address was last refused
        self._lock = Lock()

    def failed(self, address: str, now: float | None = None) -> None:
        """Count one wrong key; ``now`` is the monotonic clock."""
        now = time.monotonic() if now is None else now
        with self._lock:
            self._failures.setdefault(address, deque(maxlen=self.limit)).append(now)
            self._failures.move_to_end(address)
            while len(self._failures) > ADDRESSES_MAX:
                oldest, _ = self._failures.popitem(last=False)
                self._told.pop(oldest, None)

    def is_closed(self, address: str, now: float | None = None) -> bool:
        """Return whether the address has failed too often within a minute."""
        now = time.monotonic() if now is None else now
        with self._lock:
            times = self._failures.get(address)
            return times is not None and len(times) == self.limit and now - times[0] < WINDOW_SECONDS

    def refused(self, address: str) -> bool:
        """Note that an address was refused because it is closed; gives whether that is the first time since it is."""
        with self._lock:
            times = self._failures.get(address)
            if times is None:  # forgotten meanwhile, for others
                return True
            first = self._told.get(address) != times[0]
            self._told[address] = times[0]
            return first
