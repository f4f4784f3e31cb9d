"""Counters in Redis that all server processes share; no request waits long for it."""

from __future__ import annotations

import logging
import time
from threading import Lock, get_ident
from typing import TYPE_CHECKING, TypeVar

from christmas import valkey
from christmas.errors import RedisUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from christmas.config import Config

logger = logging.getLogger(__name__)

T = TypeVar("T")

TIMEOUT_SECONDS = 1.0
# While one thread has waited for longer than that, no other begins to.
SLOW_SECONDS = 0.25
# How long Redis is not asked after a failure; then one request tries again.
RETRY_AFTER_SECONDS = 5.0


class Shared:
    """Asks Redis without waiting for a slow one; safe to use from several threads."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._client: Redis | None = None
        self._retry_at = 0.0
        self._asking: dict[int, float] = {}  # since when which thread waits
        self._lock = Lock()

    def ask(self, question: Callable[[Redis], T]) -> T | None:
        """Return what ``question`` returns; None while Redis is unavailable or slow: the process counts alone then."""
        from redis import RedisError

        if not self._may_ask():
            return None
        try:
            client = self._client  # another thread may remove it meanwhile
            if client is None:
                client = self._client = valkey.connect(self.config, TIMEOUT_SECONDS)
            return question(client)
        except (RedisError, RedisUnavailable, OSError) as error:
            self._client = None
            self._retry_at = time.monotonic() + RETRY_AFTER_SECONDS
            logger.warning("Requests are counted by each process alone until Redis answers: %s", error)
            return None
        finally:
            with self._lock:
                del self._asking[get_ident()]

    def _may_ask(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if self._client is None:  # one connects, the others do not wait for it
                may = now >= self._retry_at and not self._asking
            else:
                may = all(now - since < SLOW_SECONDS for since in self._asking.values())
            if may:
                self._asking[get_ident()] = now
            return may

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
