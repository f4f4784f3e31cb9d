"""The one answer to ``/health/live`` and ``/health/ready``, which node, server and scheduler only pass on."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from redis import RedisError

from christmas import valkey
from christmas.db import database
from christmas.errors import ChristmasError, RedisUnavailable
from christmas.health import LIVE, READY

if TYPE_CHECKING:
    from redis import Redis
    from sqlalchemy import Engine

    from christmas.config import Config

# Probes need no key, and each asks the dependencies: more frequent ones get the last result.
KEPT_SECONDS = 1.0
REDIS_SECONDS = 1.0
LATE_SECONDS = 5.0


class Result(NamedTuple):
    """The HTTP status, and the JSON body with ``status`` and, of readiness, the ``missing`` dependencies."""

    code: int
    body: dict[str, Any]


@dataclass
class Probes:
    """Liveness and readiness of one service; safe to use from several threads.

    ``stopping`` is set by a service that drains. One that calls ``beat`` is alive while the last call is no older than
    ``hanging_seconds``.
    """

    config: Config
    engine: Engine
    hanging_seconds: float = math.inf
    stopping: bool = False
    _beat_at: float = field(default_factory=time.monotonic)
    _redis: Redis | None = None
    _missing: list[str] = field(default_factory=list)
    _asked_at: float = -math.inf
    _began_at: float = math.inf  # since when a thread waits for the dependencies
    _known: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)

    def answer(self, path: str) -> Result:
        """Return what a path answers; READY blocks."""
        if path == LIVE:
            return self.live()
        if path == READY:
            return self.ready()
        return Result(404, {"status": "error", "message": f"there are {LIVE} and {READY}"})

    def beat(self) -> None:
        """Note that the service is alive."""
        self._beat_at = time.monotonic()

    def live(self) -> Result:
        """Return whether the process works; without blocking."""
        if time.monotonic() - self._beat_at < self.hanging_seconds:
            return Result(200, {"status": "ok"})
        return Result(503, {"status": "hanging"})

    def ready(self) -> Result:
        """Return whether requests or jobs are taken, which needs the database; without ``redis`` a service works.

        One caller waits for the dependencies, the others get what was known before. If that one waits for longer than
        LATE_SECONDS, the database does not answer: Redis times out earlier.
        """
        if self._lock.acquire(blocking=False):
            try:
                if time.monotonic() - self._asked_at > KEPT_SECONDS:
                    self._ask()
            finally:
                self._lock.release()
        elif not self._known.wait(LATE_SECONDS) or time.monotonic() - self._began_at > LATE_SECONDS:
            return self._result(["database"])
        return self._result(self._missing)

    def _result(self, missing: list[str]) -> Result:
        status = "stopping" if self.stopping else "unavailable" if "database" in missing else "ok"
        return Result(200 if status == "ok" else 503, {"status": status, "missing": missing})

    def _ask(self) -> None:
        self._began_at = time.monotonic()
        try:
            checks = {"database": self._database_answers, "redis": self._redis_answers}
            self._missing = [name for name, answers in checks.items() if not answers()]
        finally:
            self._asked_at, self._began_at = time.monotonic(), math.inf
            self._known.set()

    def _database_answers(self) -> bool:
        try:
            with database.read(self.engine) as connection:
                return bool(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())
        except ChristmasError:
            return False

    def _redis_answers(self) -> bool:
        try:
            if self._redis is None:
                self._redis = valkey.connect(self.config, REDIS_SECONDS)
            return bool(self._redis.ping())
        except (RedisError, RedisUnavailable, OSError):
            self._redis = None
            return False
