"""A run's right to read its vendor: taken or joined at the start, renewed, given up at the end.

All methods talk to the database and are called in a thread; ``valid`` and ``due`` are free.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError

from christmas.db import database
from christmas.errors import LeaseLost, VendorTaken
from christmas.jobs import process_id, queue, records
from christmas.jobs.queue import NewJob
from christmas.logs import own_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from christmas.config import Config

# A run that cannot renew stops fetching when this share of the lease has passed; others take over after the whole.
SAFE_SHARE = 2 / 3
# Why a run ended that is no fault of it: its node leaves, or the database was unavailable for too long.
HANDED_BACK = {"shutdown", "node_lost"}
TRIED_AGAIN = {"lease_lost", "store_failed"}


class Lease:
    """One attempt at one job; measured by this process's own monotonic clock, which does not jump."""

    def __init__(self, config: Config, spider: Any) -> None:
        self.config = config
        self.spider = spider
        self.beat_seconds = config.jobs.beat_seconds
        self.renewed_at = float("-inf")
        self.given_by_node = spider.attempt is not None
        self.parent = os.getppid()

    @property
    def valid_seconds(self) -> float:
        """For how long the run may still fetch."""
        return max(0.0, self.renewed_at + self.config.jobs.lease_seconds * SAFE_SHARE - time.monotonic())

    @property
    def valid(self) -> bool:
        """Whether the run may fetch."""
        return self.valid_seconds > 0

    @property
    def due(self) -> bool:
        """Whether it is time to renew."""
        return time.monotonic() - self.renewed_at >= self.beat_seconds

    @property
    def orphaned(self) -> bool:
        """Whether the node that started this process has died."""
        return self.given_by_node and os.getppid() != self.parent

    def take(self) -> None:
        """Join the node's claim, or take the vendor; raise LeaseLost, VendorTaken and DatabaseUnavailable."""
        if self.given_by_node:
            if self.renew(process=process_id.own()) == "lost":
                raise LeaseLost(f"Job {self.spider.job_id} was taken over before this run began.")
            return
        began = time.monotonic()
        self.spider.attempt = 1
        self._take_vendor()
        self.renewed_at = began

    def renew(self, outcome: dict[str, Any] | None = None, process: str | None = None) -> str:
        """Renew; return ``held``, ``cancelled`` or ``lost``."""
        began = time.monotonic()
        with database.begin(self._engine()) as connection:
            held = queue.heartbeat(
                connection, self.spider.job_id, self.spider.attempt, datetime.now(UTC), process=process, outcome=outcome
            )
        if held != "lost":
            self.renewed_at = began
        return held

    def end(self, report: Callable[[], tuple[str, dict[str, Any]]], reason: str) -> tuple[str, dict[str, Any]]:
        """Have what the run changes judged, and write the outcome that ``report`` gives then, in one transaction.

        A node's job is handed back, or tried again, where the run could not go on. Return state and outcome.
        """
        job_id, attempt, now = self.spider.job_id, self.spider.attempt, datetime.now(UTC)
        with database.begin(self._engine()) as connection:
            held = queue.heartbeat(connection, job_id, attempt, now)
            judged = {}
            if held != "lost" and reason not in TRIED_AGAIN:
                judged = self.spider.quarantine.conclude(connection, reason)
            state, outcome = report()
            outcome |= judged
            queue.heartbeat(connection, job_id, attempt, now, outcome=outcome)
            if held == "held" and self.given_by_node and reason in HANDED_BACK:
                queue.release(connection, job_id, attempt)
            elif held == "held" and self.given_by_node and reason in TRIED_AGAIN:
                job = records.get(connection, job_id)
                assert job is not None  # noqa: S101  # renewed above
                queue.requeue(connection, job, outcome["error"], now, by_itself=True)
            else:
                stopped = held == "cancelled" and reason in {"cancelled", *HANDED_BACK}
                final = "cancelled" if stopped else state
                queue.complete(connection, job_id, attempt, state=final, outcome=outcome, now=now)
        return state, outcome

    def _take_vendor(self) -> None:
        spider = self.spider
        new = NewJob(
            id=spider.job_id,
            name=spider.arguments.job_name,
            vendor=spider.name,
            consumer=spider.arguments.job_name.partition(".")[0],
            arguments=spider.arguments.as_dict(),
        )
        try:
            with database.begin(self._engine()) as connection:
                self._give_up_dead(connection)
                queue.start(connection, new, node=own_name(), process=process_id.own(), now=datetime.now(UTC))
        except IntegrityError:
            raise VendorTaken(self._taken_by()) from None

    def _give_up_dead(self, connection: Connection) -> None:
        for job in queue.running(connection, self.spider.name):
            if process_id.is_dead(job.process):
                queue.requeue(connection, job, "The run's process died without a report.", datetime.now(UTC))

    def _taken_by(self) -> str:
        with database.read(self._engine()) as connection:
            runs = queue.running(connection, self.spider.name)
            if not runs and records.get(connection, self.spider.job_id):
                return f"There is a job {self.spider.job_id} already; leave _job out, or give another."
        who = ", ".join(f"job {job.id} ({job.name}) on {job.node} since {job.started_at:%H:%M:%S} UTC" for job in runs)
        return (
            f"{self.spider.name} is being read by {who or 'a run that has just ended'}: wait for it, or "
            "`christmas jobs cancel` it"
        )

    def _engine(self) -> Any:
        return database.get_engine(self.config)
