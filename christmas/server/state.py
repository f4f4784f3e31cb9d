"""What all requests of one server process share."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any

from christmas.access import sessions
from christmas.access.counters import Shared
from christmas.access.rate_limit import RequestLimit, SharedFailedLogins
from christmas.catalog.search import Vocabulary
from christmas.catalog.vendors import CountCache
from christmas.db import database
from christmas.health.readiness import Readiness
from christmas.policy import rules

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Engine
    from starlette.requests import Request

    from christmas.config import Config
    from christmas.policy.rules import Policy


logger = logging.getLogger(__name__)

# So long a refusal waits until it is written; while the database is locked, it is answered before.
MOMENT_SECONDS = 1.0
WAITING_MAX = 1_000


@dataclass
class State:
    """The configuration is bound to the rights of ``service:server``, and so is the engine."""

    config: Config
    engine: Engine
    policy: Policy
    shared: Shared
    failed_logins: SharedFailedLogins
    request_limit: RequestLimit
    readiness: Readiness
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    counts: CountCache = field(default_factory=CountCache)
    # Which query parameters each route knows, by the function that answers it.
    query_names: dict[Any, frozenset[str]] = field(default_factory=dict)
    background: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "background"))
    _under_way: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)
    _waiting: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(WAITING_MAX))

    def read(self) -> AbstractContextManager[Connection]:
        """Return a connection for reading; raises DatabaseUnavailable."""
        return database.read(self.engine)

    def begin(self) -> AbstractContextManager[Connection]:
        """Return a connection in a writing transaction; raises DatabaseUnavailable."""
        return database.begin(self.engine)

    def later(self, what: str, function: Callable[..., None], *arguments: Any) -> None:
        """Call what nobody waits for; not where the same, by name, is under way. What goes wrong is logged."""
        with self._lock:
            if what in self._under_way:
                return
            self._under_way.add(what)

        def done(_: Future[None]) -> None:
            with self._lock:
                self._under_way.discard(what)

        self._submit(what, function, *arguments).add_done_callback(done)

    def soon(self, what: str, function: Callable[..., None], *arguments: Any) -> bool:
        """Call what is not to keep anybody waiting longer than MOMENT_SECONDS; False where too much waits already.

        What goes wrong is logged.
        """
        if not self._waiting.acquire(blocking=False):
            return False

        future = self._submit(what, function, *arguments)
        future.add_done_callback(lambda _: self._waiting.release())
        wait([future], MOMENT_SECONDS)  # then it goes on by itself
        return True

    def _submit(self, what: str, function: Callable[..., None], *arguments: Any) -> Future[None]:
        def done(future: Future[None]) -> None:
            if future.cancelled():
                logger.warning("%s was left undone, for the server ends", what)
            elif (error := future.exception()) is not None:
                logger.error("%s could not be done", what, exc_info=error)

        future = self.background.submit(function, *arguments)
        future.add_done_callback(done)
        return future

    def close(self) -> None:
        """Release what is held; what nobody waits for and has not begun is left."""
        self.background.shutdown(cancel_futures=True)
        self.shared.close()


def make(config: Config) -> State:
    """Make the state of a process whose configuration is prepared (see ``access.services``)."""
    shared = Shared(config)
    engine = database.get_engine(config)
    return State(
        config,
        engine,
        rules.load(config),
        shared,
        SharedFailedLogins(config.access.failed_logins_per_minute, shared),
        RequestLimit(shared),
        Readiness(config, engine),
    )


def forget_old_sessions(state: State) -> None:
    """Remove the sessions that have expired, of users who never came back as well."""
    with state.begin() as connection:
        sessions.prune(connection, datetime.now(UTC))


def state_of(request: Request) -> State:
    """Return the state; a dependency of the routes."""
    found: State = request.app.state.christmas
    return found
