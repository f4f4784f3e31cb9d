"""Has the durations of ended jobs written, and the node's slots, now and then, in a thread of its own."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING

from christmas import valkey
from christmas.errors import DatabaseUnavailable, RedisUnavailable
from christmas.metrics import gauges, jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from christmas.node.options import Options

logger = logging.getLogger(__name__)

EVERY_SECONDS = 10.0


class Measuring:
    """Called with every look for jobs; neither Redis nor the database keeps it, or the node, from going on."""

    def __init__(self, options: Options, used_slots: Callable[[], int]) -> None:
        self.options = options
        self.used_slots = used_slots
        self.client: Redis | None = None
        self.due_at = 0.0
        self.busy = False
        self.warned = False

    def poll(self) -> None:
        """Begin, unless it was done a moment ago or is being done."""
        if self.busy or time.monotonic() < self.due_at:
            return
        self.busy = True
        Thread(target=self._run, name="measuring", daemon=True).start()

    def _run(self) -> None:
        from redis import RedisError

        try:
            if self.client is None:
                self.client = valkey.connect(self.options.config)
            used, total = self.used_slots(), self.options.slots
            gauges.announce(self.client, self.options.name, used, total, datetime.now(UTC))
            while jobs.collect(self.options.engine, self.client) >= jobs.AT_ONCE:
                pass
            self.warned = False
        except (DatabaseUnavailable, RedisUnavailable, RedisError) as error:
            self.client = None
            if not self.warned:
                logger.warning("Durations of jobs are written later: %s", error)
            self.warned = True
        except Exception:  # tried again with the next poll
            logger.exception("Writing durations of jobs failed")
        finally:
            self.due_at = time.monotonic() + EVERY_SECONDS
            self.busy = False
