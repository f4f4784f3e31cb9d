"""What all requests of one server process share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from christmas.access import sessions
from christmas.access.counters import Shared
from christmas.access.gate import Gate
from christmas.access.rate_limit import RequestLimit, SharedFailedLogins
from christmas.catalog.search import Vocabulary
from christmas.catalog.vendors import CountCache
from christmas.db import database
from christmas.health.probes import Probes
from christmas.server.background import Background

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Engine
    from starlette.requests import Request

    from christmas.config import Config


@dataclass
class State:
    """The configuration is bound to the rights of ``service:server``, and so is the engine."""

    config: Config
    engine: Engine
    shared: Shared
    background: Background
    gate: Gate
    request_limit: RequestLimit
    probes: Probes
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    counts: CountCache = field(default_factory=CountCache)
    # Which query parameters each route knows, by the function that answers it.
    query_names: dict[Any, frozenset[str]] = field(default_factory=dict)

    def read(self) -> AbstractContextManager[Connection]:
        """Return a connection for reading; raise DatabaseUnavailable."""
        return database.read(self.engine)

    def begin(self) -> AbstractContextManager[Connection]:
        """Return a connection in a writing transaction; raise DatabaseUnavailable."""
        return database.begin(self.engine)

    def close(self) -> None:
        """Release what is held."""
        self.background.close()
        self.shared.close()


def make(config: Config) -> State:
    """Make the state of a process whose configuration is prepared (see ``access.bootstrap``)."""
    shared, background, engine = Shared(config), Background(), database.get_engine(config)
    failed_logins = SharedFailedLogins(config.access.failed_logins_per_minute, shared)
    return State(
        config,
        engine,
        shared,
        background,
        Gate(config, engine, failed_logins, background),
        RequestLimit(shared),
        Probes(config, engine),
    )


def forget_old_sessions(state: State) -> None:
    """Remove the sessions that have expired, of users who never came back as well."""
    with state.begin() as connection:
        sessions.prune(connection, datetime.now(UTC))


def state_of(request: Request) -> State:
    """Return the state; a dependency of the routes."""
    found: State = request.app.state.christmas
    return found
