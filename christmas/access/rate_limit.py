"""How many requests a key, or an address without one, may make in a minute; counted in Redis for all processes."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis import Redis

    from christmas.access.counters import Shared

PREFIX = "christmas:limits"
WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands within the current window."""

    limit: int
    used: int
    reset_seconds: int

    @property
    def exceeded(self) -> bool:
        """Whether this request is one too many."""
        return self.used > self.limit

    @property
    def first_exceeded(self) -> bool:
        """Whether this is the first request too many within the window."""
        return self.used == self.limit + 1

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the fields of draft-ietf-httpapi-ratelimit-headers."""
        left = max(self.limit - self.used, 0)
        return [
            (b"ratelimit-policy", f'"minute";q={self.limit};w={WINDOW_SECONDS}'.encode()),
            (b"ratelimit", f'"minute";r={left};t={self.reset_seconds}'.encode()),
        ]


class Limits:
    """Counts requests; safe to use from several threads."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._own: Counter[str] = Counter()
        self._own_window = 0
        self._lock = Lock()

    def count(self, who: str, limit: int, now: float | None = None) -> Standing:
        """Count one request of somebody; ``now`` is in seconds since 1970."""
        now = time.time() if now is None else now
        window = int(now // WINDOW_SECONDS)
        used = self._shared.ask(lambda redis: _count(redis, f"{PREFIX}:{who}:{window}"))
        if used is None:
            used = self._alone(who, window)
        return Standing(limit, used, int((window + 1) * WINDOW_SECONDS - now) + 1)

    def _alone(self, who: str, window: int) -> int:
        with self._lock:
            if window != self._own_window:
                self._own, self._own_window = Counter(), window
            self._own[who] += 1
            return self._own[who]


def _count(redis: Redis, name: str) -> int:
    used: Any = redis.incr(name)
    if used == 1:
        redis.expire(name, 2 * WINDOW_SECONDS)
    return int(used)
