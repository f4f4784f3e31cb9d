"""Whether a service can do its work: the answer of ``/health/ready`` on node, scheduler and server."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Literal

from christmas import valkey
from christmas.db import database
from christmas.errors import ChristmasError, RedisUnavailable

if TYPE_CHECKING:
    from redis import Redis
    from sqlalchemy import Engine

    from christmas.config import Config

# Answers are cached for this long: the endpoint needs no key, and asks database and Redis.
KEPT_SECONDS = 1.0
REDIS_SECONDS = 1.0
LATE_SECONDS = 5.0
Status = Literal["ok", "unavailable", "stopping"]


@dataclass(frozen=True, slots=True)
class Standing:
    """``missing`` are the dependencies that do not answer; without ``redis`` a service still works."""

    status: Status
    missing: list[str]

    @property
    def http_status(self) -> int:
        """200 where requests or jobs are taken, 503 where they are not."""
        return 200 if self.status == "ok" else 503

    def as_dict(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return {"status": self.status, "missing": self.missing}


@dataclass
class Readiness:
    """Asks the database and Redis; safe to use from several threads.

    ``stopping`` is set by a service that drains: it goes on for a while after SIGTERM.
    """

    config: Config
    engine: Engine
    stopping: bool = False
    _redis: Redis | None = None
    _missing: list[str] = field(default_factory=list)
    _asked_at: float = float("-inf")
    _began_at: float = float("inf")  # since when a check is under way
    _known: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)

    def look(self) -> Standing:
        """Return the present status. One caller waits for the dependencies; others get the previous answer.

        Where that one waits for longer than LATE_SECONDS, the database does not answer: Redis is given up before.
        """
        if self._lock.acquire(blocking=False):
            try:
                if time.monotonic() - self._asked_at > KEPT_SECONDS:
                    self._ask()
            finally:
                self._lock.release()
        elif not self._known.wait(LATE_SECONDS) or time.monotonic() - self._began_at > LATE_SECONDS:
            return Standing("stopping" if self.stopping else "unavailable", ["database"])
        missing = self._missing
        if self.stopping:
            return Standing("stopping", missing)
        return Standing("unavailable" if "database" in missing else "ok", missing)

    def _ask(self) -> None:
        self._began_at = time.monotonic()
        try:
            checks = {"database": self._database_answers, "redis": self._redis_answers}
            self._missing = [name for name, answers in checks.items() if not answers()]
        finally:
            self._asked_at, self._began_at = time.monotonic(), float("inf")
            self._known.set()

    def _database_answers(self) -> bool:
        try:
            with database.read(self.engine) as connection:
                return bool(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())
        except ChristmasError:
            return False

    def _redis_answers(self) -> bool:
        from redis import RedisError

        try:
            if self._redis is None:
                self._redis = valkey.connect(self.config, REDIS_SECONDS)
            return bool(self._redis.ping())
        except (RedisError, RedisUnavailable, OSError):
            self._redis = None
            return False
