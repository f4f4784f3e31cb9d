"""Wrong keys of each address, counted for all server processes together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from christmas.access.throttle import WINDOW_SECONDS, Throttle

if TYPE_CHECKING:
    from redis import Redis

    from christmas.access.counters import Shared

PREFIX = "christmas:wrong-keys"
# An address that was open is taken for open so long, for requests with a right key; asking anew would cost as much as
# counting the request. A wrong key through this process ends it.
OPEN_SECONDS = 1.0
OPEN_MAX = 10_000


class WrongKeys:
    """Closes an address for the rest of the minute that began with its first wrong key.

    Counted in Redis; while that is away by each process alone, as ``access.throttle`` does.
    """

    def __init__(self, limit: int, shared: Shared) -> None:
        self.limit = limit
        self._shared = shared
        self._alone = Throttle(limit)
        self._open_until: dict[str, float] = {}

    def failed(self, address: str) -> None:
        """Count one wrong key."""
        self._open_until.pop(address, None)

        def count(redis: Redis) -> bool:
            # Made with its end: a count that never ended would close the address for good.
            with redis.pipeline() as both:
                both.set(_failures(address), 0, ex=int(WINDOW_SECONDS), nx=True)
                both.incr(_failures(address))
                both.execute()
            return True

        if self._shared.ask(count) is None:
            self._alone.failed(address)

    def is_closed(self, address: str) -> bool:
        """Return whether the address has failed too often within a minute."""
        now = time.monotonic()
        if self._open_until.get(address, 0.0) > now:
            return False

        def look(redis: Redis) -> int:
            found: Any = redis.get(_failures(address))
            return int(found or 0)

        failures = self._shared.ask(look)
        is_closed = self._alone.is_closed(address) if failures is None else failures >= self.limit
        if not is_closed:
            if len(self._open_until) >= OPEN_MAX:
                self._open_until.clear()
            self._open_until[address] = now + OPEN_SECONDS
        return is_closed

    def refused(self, address: str) -> bool:
        """Note that an address was refused because it is closed; gives whether that is the first time in a minute."""
        name = f"{PREFIX}:{address}:refused"
        first = self._shared.ask(lambda redis: bool(redis.set(name, 1, ex=int(WINDOW_SECONDS), nx=True)))
        return self._alone.refused(address) if first is None else first


def _failures(address: str) -> str:
    return f"{PREFIX}:{address}"
