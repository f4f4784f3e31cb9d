"""How many requests a key, or an address without one, may make in a minute; counted in Redis for all processes."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from christmas import embedded
from christmas.errors import RedisUnavailable

if TYPE_CHECKING:
    from redis import Redis

    from christmas.config import Config

logger = logging.getLogger(__name__)

PREFIX = "christmas:limits"
WINDOW_SECONDS = 60
# After a failure Redis is left alone for so long; meanwhile each process counts for itself.
AWAY_SECONDS = 5.0


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

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Give the fields of draft-ietf-httpapi-ratelimit-headers."""
        left = max(self.limit - self.used, 0)
        return [
            (b"ratelimit-policy", f'"minute";q={self.limit};w={WINDOW_SECONDS}'.encode()),
            (b"ratelimit", f'"minute";r={left};t={self.reset_seconds}'.encode()),
        ]


class Limits:
    """Counts requests; safe to use from several threads."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._client: Redis | None = None
        self._away_until = 0.0
        self._own: Counter[str] = Counter()
        self._own_window = 0
        self._lock = Lock()

    def count(self, who: str, limit: int, now: float | None = None) -> Standing:
        """Count one request of somebody; ``now`` is in seconds since 1970."""
        now = time.time() if now is None else now
        window = int(now // WINDOW_SECONDS)
        used = self._shared(who, window)
        if used is None:
            used = self._alone(who, window)
        return Standing(limit, used, int((window + 1) * WINDOW_SECONDS - now) + 1)

    def _shared(self, who: str, window: int) -> int | None:
        """Count in Redis; None where it is away."""
        from redis import RedisError

        if time.monotonic() < self._away_until:
            return None
        try:
            if self._client is None:
                self._client = embedded.connect(self.config)
            name = f"{PREFIX}:{who}:{window}"
            used: Any = self._client.incr(name)
            if used == 1:
                self._client.expire(name, 2 * WINDOW_SECONDS)
            return int(used)
        except (RedisError, RedisUnavailable, OSError) as error:
            self._client = None
            self._away_until = time.monotonic() + AWAY_SECONDS
            logger.warning("Requests are counted by each process alone until Redis answers: %s", error)
            return None

    def _alone(self, who: str, window: int) -> int:
        with self._lock:
            if window != self._own_window:
                self._own, self._own_window = Counter(), window
            self._own[who] += 1
            return self._own[who]

    def close(self) -> None:
        """Give the connection back."""
        if self._client is not None:
            self._client.close()
