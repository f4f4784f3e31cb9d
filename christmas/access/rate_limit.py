"""Rate limits: failed logins of an address, requests of a key or address; shared by all processes through Redis.

While Redis is unavailable each process counts alone.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis import Redis

    from christmas.access.counters import Shared

WINDOW_SECONDS = 60
REQUESTS_PREFIX = "christmas:limits"
FAILURES_PREFIX = "christmas:wrong-keys"
ADDRESSES_MAX = 10_000
# How long an address that was open counts as open: asking Redis each time would cost as much as counting the request.
OPEN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of a limit is used within the current window."""

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


class RequestLimit:
    """Counts requests in fixed windows of a minute; safe to use from several threads."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._own: Counter[str] = Counter()
        self._own_window = 0
        self._lock = Lock()

    def count(self, who: str, limit: int, now: float | None = None) -> Standing:
        """Count one request of ``who``; ``now`` is in seconds since 1970."""
        now = time.time() if now is None else now
        window = int(now // WINDOW_SECONDS)
        used = self._shared.ask(lambda redis: _count(redis, f"{REQUESTS_PREFIX}:{who}:{window}"))
        if used is None:
            used = self._count_alone(who, window)
        return Standing(limit, used, int((window + 1) * WINDOW_SECONDS - now) + 1)

    def _count_alone(self, who: str, window: int) -> int:
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


class FailedLogins:
    """The failed logins of each address within a minute, counted by this process alone; safe from several threads.

    It remembers the addresses that failed most recently.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._refused: dict[str, float] = {}  # the oldest failure when an address was last refused
        self._lock = Lock()

    def failed(self, address: str, now: float | None = None) -> None:
        """Count one failed login; ``now`` is the monotonic clock."""
        now = time.monotonic() if now is None else now
        with self._lock:
            self._failures.setdefault(address, deque(maxlen=self.limit)).append(now)
            self._failures.move_to_end(address)
            while len(self._failures) > ADDRESSES_MAX:
                oldest, _ = self._failures.popitem(last=False)
                self._refused.pop(oldest, None)

    def is_closed(self, address: str, now: float | None = None) -> bool:
        """Return whether the address has failed too often within a minute."""
        now = time.monotonic() if now is None else now
        with self._lock:
            times = self._failures.get(address)
            return times is not None and len(times) == self.limit and now - times[0] < WINDOW_SECONDS

    def refused(self, address: str) -> bool:
        """Note that a closed address was refused; return whether this is the first refusal since it was closed."""
        with self._lock:
            times = self._failures.get(address)
            if times is None:  # forgotten meanwhile, to make room for others
                return True
            first = self._refused.get(address) != times[0]
            self._refused[address] = times[0]
            return first


class SharedFailedLogins(FailedLogins):
    """The failed logins of each address, counted in Redis: closed for a minute from its first failed login."""

    def __init__(self, limit: int, shared: Shared) -> None:
        super().__init__(limit)
        self._shared = shared
        self._open_until: dict[str, float] = {}

    def failed(self, address: str, now: float | None = None) -> None:
        """Count one failed login."""
        self._open_until.pop(address, None)

        def count(redis: Redis) -> bool:
            # In one transaction with its expiry: a count that never expired would close the address for good.
            with redis.pipeline() as both:
                both.set(_failures(address), 0, ex=WINDOW_SECONDS, nx=True)
                both.incr(_failures(address))
                both.execute()
            return True

        if self._shared.ask(count) is None:
            super().failed(address, now)

    def is_closed(self, address: str, now: float | None = None) -> bool:
        """Return whether the address has failed too often within a minute."""
        now = time.monotonic() if now is None else now
        if self._open_until.get(address, 0.0) > now:
            return False

        def look(redis: Redis) -> int:
            found: Any = redis.get(_failures(address))
            return int(found or 0)

        failures = self._shared.ask(look)
        is_closed = super().is_closed(address, now) if failures is None else failures >= self.limit
        if not is_closed:
            if len(self._open_until) >= ADDRESSES_MAX:
                self._open_until.clear()
            self._open_until[address] = now + OPEN_SECONDS
        return is_closed

    def refused(self, address: str) -> bool:
        """Note that a closed address was refused; return whether this is the first refusal within a minute."""
        name = f"{_failures(address)}:refused"
        first = self._shared.ask(lambda redis: bool(redis.set(name, 1, ex=WINDOW_SECONDS, nx=True)))
        return super().refused(address) if first is None else first


def _failures(address: str) -> str:
    return f"{FAILURES_PREFIX}:{address}"
