"""Waking nodes over Redis; without Redis they look by themselves every few seconds, so nothing here is an error."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from christmas import valkey
from christmas.errors import RedisUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from christmas.config import Config

logger = logging.getLogger(__name__)

CHANNEL = "christmas:wake"
# After a failure Redis is left alone for so long: a submission must not wait for it each time.
PAUSE_SECONDS = 5.0
LISTEN_SECONDS = 1.0

_clients: dict[str, Redis] = {}
_away_until = float("-inf")
_lock = threading.Lock()


def nodes(config: Config) -> None:
    """Tell all nodes that there is something to do."""
    from redis import RedisError

    global _away_until  # one connection and one pause for the whole process
    with _lock:
        if time.monotonic() < _away_until:
            return
        where = config.redis.url or str(config.var_path)
        try:
            if where not in _clients:
                _clients[where] = valkey.connect(config)
            _clients[where].publish(CHANNEL, "")
        except (RedisError, RedisUnavailable, OSError) as error:
            _clients.pop(where, None)
            _away_until = time.monotonic() + PAUSE_SECONDS
            logger.warning("Nodes could not be woken; they look by themselves: %s", error)


class Listener(threading.Thread):
    """Calls ``woken`` at every call for the nodes, and after each time Redis was unavailable; ends after ``stop``."""

    def __init__(self, config: Config, woken: Callable[[], None]) -> None:
        super().__init__(name="wake", daemon=True)
        self.config = config
        self.woken = woken
        self.ended = threading.Event()

    def stop(self) -> None:
        """End the thread; it may take a second."""
        self.ended.set()

    def run(self) -> None:
        """Listen until stopped; whatever Redis does, it is tried again."""
        from redis import RedisError

        while not self.ended.is_set():
            try:
                self._listen()
            except (RedisError, RedisUnavailable, OSError) as error:
                if self.ended.is_set():
                    return  # the embedded server ends with the node
                logger.warning("Redis is unavailable; jobs start when the node polls: %s", error)
                self.ended.wait(PAUSE_SECONDS)

    def _listen(self) -> None:
        with valkey.connect(self.config) as client, client.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(CHANNEL)
            self.woken()
            while not self.ended.is_set():
                if channel.get_message(timeout=LISTEN_SECONDS) is not None:
                    self.woken()
