"""What all requests of one server process share."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from christmas.access import policy
from christmas.access.throttle import Throttle
from christmas.catalog import database, sessions
from christmas.catalog.search import Vocabulary
from christmas.errors import ChristmasError
from christmas.server.counts import Counts
from christmas.server.limits import Limits

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Engine
    from starlette.requests import Request

    from christmas.access.policy import Policy
    from christmas.config import Config


logger = logging.getLogger(__name__)


@dataclass
class State:
    """The configuration is bound to the rights of ``service:server``, and so is the engine."""

    config: Config
    engine: Engine
    policy: Policy
    throttle: Throttle
    limits: Limits
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    counts: Counts = field(default_factory=Counts)
    # Which query parameters each route knows, by the function that answers it.
    query_names: dict[Any, frozenset[str]] = field(default_factory=dict)
    # For what nobody waits for, such as noting that a key was used.
    background: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "background"))

    def read(self) -> AbstractContextManager[Connection]:
        """Give a connection for reading; raises DatabaseUnavailable."""
        return database.read(self.engine)

    def begin(self) -> AbstractContextManager[Connection]:
        """Give a connection in a writing transaction; raises DatabaseUnavailable."""
        return database.begin(self.engine)

    def close(self) -> None:
        """Give back what is held."""
        self.background.shutdown()
        self.limits.close()


def make(config: Config) -> State:
    """Make the state of a process whose configuration is prepared (see ``access.services``)."""
    return State(
        config,
        database.of(config),
        policy.load(config),
        Throttle(config.access.failed_logins_per_minute),
        Limits(config),
    )


def forget_old_sessions(state: State) -> None:
    """Remove the sessions that have expired, of users who never came back as well."""
    try:
        with state.begin() as connection:
            sessions.prune(connection, datetime.now(UTC))
    except ChristmasError as error:  # they are valid no longer, whether they are there or not
        logger.warning("Old sessions could not be removed: %s", error)


def of(request: Request) -> State:
    """Give the state; a dependency of the routes."""
    found: State = request.app.state.christmas
    return found
