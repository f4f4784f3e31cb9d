"""Wrong keys of each address, counted for all server processes together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from christmas.access.throttle import WINDOW_SECONDS, Throttle

if TYPE_CHECKING:
    from redis import Redis

    from christmas.server.shared import Shared

PREFIX = "christmas:wrong-keys"


class WrongKeys:
    """Closes an address for the rest of the minute that began with its first wrong key.

    Counted in Redis; while that is away by each process alone, as ``access.throttle`` does.
    """

    def __init__(self, limit: int, shared: Shared) -> None:
        self.limit = limit
        self._shared = shared
        self._alone = Throttle(limit)

    def failed(self, address: str) -> None:
        """Count one wrong key."""

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
        """Say whether the address has failed too often within a minute."""

        def look(redis: Redis) -> int:
            found: Any = redis.get(_failures(address))
            return int(found or 0)

        failures = self._shared.ask(look)
        return self._alone.is_closed(address) if failures is None else failures >= self.limit

    def refused(self, address: str) -> bool:
        """Note that an address was refused because it is closed; gives whether that is the first time in a minute."""
        name = f"{PREFIX}:{address}:refused"
        first = self._shared.ask(lambda redis: bool(redis.set(name, 1, ex=int(WINDOW_SECONDS), nx=True)))
        return self._alone.refused(address) if first is None else first


def _failures(address: str) -> str:
    return f"{PREFIX}:{address}"
