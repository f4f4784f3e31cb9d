"""The scheduler as a service: ticks until it is stopped; an outage of the database is waited out."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from christmas.access import audit_log, bootstrap
from christmas.db import database
from christmas.errors import DatabaseUnavailable
from christmas.health.probes import Probes
from christmas.jobs import hooks, notify, records, schedules
from christmas.scheduler.health import listening
from christmas.scheduler.tick import tick

if TYPE_CHECKING:
    from threading import Event

    from sqlalchemy import Engine

    from christmas.config import Config

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
# A scheduler that has neither finished a tick nor waited out an outage for this long hangs.
HANGING_SECONDS = 120.0
OUTAGE_SECONDS_MAX = 30.0
FIRINGS_KEPT = timedelta(days=90)
PRUNE_EVERY = timedelta(hours=1)


def run(config: Config, stop: Event) -> None:
    """Run until ``stop``; raise what is wrong at the start, and nothing later."""
    hooks.check(config)
    config = bootstrap.prepare(config, "scheduler")
    engine = database.get_engine(config)
    with database.begin(engine) as connection:
        schedules.sync(connection, config.schedules, datetime.now(UTC))
    probes = Probes(config, engine, HANGING_SECONDS)
    with listening(config, probes):
        logger.info("The scheduler has started")
        _tick_until(stop, config, engine, probes)
    logger.info("The scheduler has stopped")


def _tick_until(stop: Event, config: Config, engine: Engine, probes: Probes) -> None:
    pause, pruned_at = TICK_SECONDS, datetime.min.replace(tzinfo=UTC)
    while not stop.wait(pause):
        now = datetime.now(UTC)
        try:
            if tick(engine, config, now):
                notify.nodes(config)
            if abs(now - pruned_at) > PRUNE_EVERY:  # the clock may have been ahead
                _prune(engine, config, now, stop, probes)
                pruned_at = now
            pause = TICK_SECONDS
        except DatabaseUnavailable as error:
            pause = min(pause * 2, OUTAGE_SECONDS_MAX)
            logger.error("%s Tried again in %.0f s.", error, pause)
        except Exception:  # the scheduler must outlive a mistake in one tick
            pause = min(pause * 2, OUTAGE_SECONDS_MAX)
            logger.exception("A tick failed")
        probes.beat()


def _prune(engine: Engine, config: Config, now: datetime, stop: Event, probes: Probes) -> None:
    with database.begin(engine) as connection:
        schedules.prune(connection, now - FIRINGS_KEPT)
        audit_log.prune(connection, now - timedelta(days=config.access.log_days))
    # A thousand records a transaction, because others wait for the queue. What is left is removed an hour later.
    while not stop.is_set():
        with database.begin(engine) as connection:
            if not records.prune(connection, now - timedelta(days=config.jobs.keep_days)):
                return
        probes.beat()
