"""Takes jobs from the table for the launcher's free slots. Everything it does to the database it does in a thread.

``poll`` never raises: Twisted's timer would never call it again.
"""

from __future__ import annotations

import logging
import signal
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from scrapyd.interfaces import IPoller
from twisted.internet import defer, reactor, threads
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from christmas.db import database
from christmas.errors import ChristmasError, DatabaseUnavailable
from christmas.jobs import hooks, notify, process_id, queue, tree
from christmas.logs.lines import about
from christmas.node import options
from christmas.node.measuring import Measuring
from christmas.node.prepare import Start, last_line, log_path, prepare
from christmas.node.scrapyd_jobs import Queues

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from christmas.jobs.records import JobRow
    from christmas.node.options import Options

logger = logging.getLogger(__name__)

# After the disk was full a node leaves the jobs to others for so long.
UNFIT_SECONDS = 30.0
# A process that has not begun its run by then never will; twelve at once on two cores took 20 s (measured 2026-11).
START_SECONDS_MAX = 120.0


@dataclass
class Look:
    """What one look at the table gave: runs to start, and those of this node that must stop or have hung."""

    starts: list[Start]
    stops: set[str]
    hung: set[str]


class StalledRuns:
    """Remembers when each run's heartbeat was first seen as it is: a run whose heartbeat stays for a lease is dead.

    This node's own monotonic clock counts: no two machines' clocks are compared, and none may jump.
    """

    def __init__(self, lease_seconds: float) -> None:
        self.lease_seconds = lease_seconds
        self.seen: dict[str, tuple[object, float]] = {}

    def dead(self, runs: list[JobRow], now: float | None = None) -> list[JobRow]:
        """Return the runs that are not alive; ``now`` is the monotonic clock."""
        now = time.monotonic() if now is None else now
        before, self.seen = self.seen, {}
        found = []
        for job in runs:
            beat = (job.attempt, job.heartbeat_at)
            known = before.get(job.id)
            since = known[1] if known is not None and known[0] == beat else now
            self.seen[job.id] = (beat, since)
            if now - since > self.lease_seconds or process_id.is_dead(job.process):
                found.append(job)
        return found

    def take_over(self, connection: Connection, runs: list[JobRow]) -> list[tuple[JobRow, str]]:
        """Requeue the dead runs' jobs, or fail them; return each with a sentence."""
        requeued = []
        for job in self.dead(runs):
            error = f"Attempt {job.attempt} on {job.node} died without a report."
            state = queue.requeue(connection, job, error, datetime.now(UTC))
            if state is not None:
                requeued.append((job, f"Job {job.id}: {error} It is {state}."))
        return requeued


@implementer(IPoller)
class JobsPoller:
    """Scrapyd's poller; ``next`` gives a Deferred of a ``Start``."""

    def __init__(self, config: Any) -> None:
        self.options: Options = options.current()
        self.queues = Queues(self.options)
        self.waiting: deque[defer.Deferred[Start]] = deque()
        self.stalled = StalledRuns(self.options.config.jobs.lease_seconds)
        self.started: dict[str, tuple[int, float]] = {}  # the attempts whose processes live, and since when, by job
        self.unstarted: dict[str, int] = {}  # the attempts that are claimed, and not yet given to the launcher
        self.settling = Lock()
        self.unsettled: deque[tuple[str, int, str]] = deque()
        self.stop_runs: Callable[[set[str], int], object] = lambda job_ids, number: None
        self.looking = False
        self.again = False
        self.hooking = False
        self.measuring = Measuring(self.options, lambda: len(self.started))
        self.closed = False  # no look at the table any more
        self.taking = True
        self.resting: defer.Deferred[None] | None = None
        self.unfit_until = float("-inf")
        # A thread of its own: many requests to the API must not keep jobs from starting.
        self.threads = ThreadPool(1, 1, name="poller")
        reactor.callWhenRunning(self.threads.start)
        reactor.addSystemEventTrigger("after", "shutdown", self.threads.stop)

    def next(self) -> defer.Deferred[Start]:
        """Ask for the next job; a free slot is filled at once where there is one."""
        deferred: defer.Deferred[Start] = defer.Deferred()
        self.waiting.append(deferred)
        self.poll()
        return deferred

    def poll(self) -> None:
        """Look for jobs, unless a look is under way; then once more after it."""
        if self.closed:
            return
        self._poll_hooks()
        self.measuring.poll()
        if self.looking:
            self.again = True
            return
        self.looking = True
        deferred = threads.deferToThreadPool(reactor, self.threads, self._look, len(self.waiting) if self.taking else 0)
        deferred.addCallback(self._deliver)
        deferred.addErrback(self._complain)
        deferred.addBoth(self._looked)

    def _poll_hooks(self) -> None:
        if self.hooking:
            return
        self.hooking = True
        # One that hangs neither keeps jobs from starting nor the node from stopping.
        Thread(target=self._run_hooks, name="hooks", daemon=True).start()

    def _run_hooks(self) -> None:
        try:
            hooks.run_post(self.options.engine, self.options.config)
        except DatabaseUnavailable as error:
            logger.error("Post hooks are called later: %s", error)
        except Exception:  # tried again with the next poll
            logger.exception("Calling post hooks failed")
        finally:
            self.hooking = False

    def update_projects(self) -> None:
        """Nothing to do: the projects are looked up when they are needed."""

    def ended(self, job_id: str, attempt: int, how: str) -> None:
        """Note that a run's process has ended; settled with the next look, however often that must be tried."""
        self.started.pop(job_id, None)
        self.unsettled.append((job_id, attempt, how))
        self.poll()

    def take_no_more(self) -> None:
        """Take no more jobs; those that run here are looked after as before."""
        self.taking = False

    def close(self) -> None:
        """Take no more jobs, and look no more."""
        self.taking = False
        self.closed = True

    def rest(self) -> defer.Deferred[None]:
        """Return what is called when no look is under way; one that is may just have claimed a job."""
        if not self.looking:
            return defer.succeed(None)
        self.resting = defer.Deferred()
        return self.resting

    def settle(self) -> None:
        """Write down what became of ended processes; blocking, raises DatabaseUnavailable."""
        with self.settling:
            while self.unsettled:
                self._settle(*self.unsettled[0])
                self.unsettled.popleft()
                notify.nodes(self.options.config)
            for job_id, attempt in list(self.unstarted.items()):
                with database.begin(self.options.engine) as connection:
                    queue.release(connection, job_id, attempt)
                del self.unstarted[job_id]

    def _settle(self, job_id: str, attempt: int, how: str) -> None:
        with database.begin(self.options.engine) as connection:
            for job in queue.running(connection):
                if (job.id, job.attempt) != (job_id, attempt):
                    continue
                if self.closed and not job.cancel_requested:  # told to stop before it could hand its job back
                    queue.release(connection, job_id, attempt)
                else:
                    path = log_path(self.options, job)
                    where = path.relative_to(self.options.config.var_path)
                    error = f"Attempt {attempt} on {job.node} ended with {how} and without a report; its log ({where}) "
                    error += f"ends: {last_line(path)}"
                    level = logging.INFO if job.cancel_requested else logging.ERROR  # as it was told to end
                    logger.log(level, "Job %s: %s", job_id, error, extra=about(job))
                    queue.requeue(connection, job, error, datetime.now(UTC))

    def _look(self, free: int) -> Look:
        self.settle()
        engine = self.options.engine
        starts: list[Start] = []
        with database.read(engine) as connection:
            runs = queue.running(connection)
        hung = self._vouch(runs)
        if self.stalled.dead(runs):
            with database.begin(engine) as connection:
                for dead, sentence in self.stalled.take_over(connection, queue.running(connection)):
                    logger.warning(sentence, extra=about(dead))
        while len(starts) < free and self.taking and time.monotonic() > self.unfit_until:
            with database.begin(engine) as connection:
                job = queue.claim(connection, self.options.consumers, self.options.name, datetime.now(UTC))
            if job is None:
                break
            self.unstarted[job.id] = job.attempt
            start = self._prepared(job)
            if start is not None:
                starts.append(start)
        stops = {job.id for job in runs if job.node == self.options.name and job.cancel_requested}
        return Look(starts, stops, hung)

    def _vouch(self, runs: list[JobRow]) -> set[str]:
        """Renew the runs whose processes are still starting, which takes long where many start at once.

        Return those that take too long.
        """
        hung = set()
        for job in runs:
            attempt, since = self.started.get(job.id, (0, 0.0))
            if job.process is not None or attempt != job.attempt:
                continue
            if time.monotonic() - since > START_SECONDS_MAX:
                hung.add(job.id)
                continue
            with database.begin(self.options.engine) as connection:
                queue.heartbeat(connection, job.id, job.attempt, datetime.now(UTC))
        return hung

    def _prepared(self, job: JobRow) -> Start | None:
        try:
            return prepare(self.options, job)
        except DatabaseUnavailable:
            raise  # the job is handed back with the next look
        except OSError as error:  # a full disk is this node's trouble, not the job's
            logger.error("Job %s cannot be started: %s", job.id, error, extra=about(job))
            logger.error("This node takes no jobs for %.0f s; others may", UNFIT_SECONDS)
            self.unfit_until = time.monotonic() + UNFIT_SECONDS
            with database.begin(self.options.engine) as connection:
                queue.release(connection, job.id, job.attempt)
        except ChristmasError as error:
            logger.error("Job %s cannot be started: %s", job.id, error, extra=about(job))
            with database.begin(self.options.engine) as connection:
                tree.close(connection, job.id, "failed", {"error": str(error)}, datetime.now(UTC))
        return None

    def _deliver(self, look: Look) -> None:
        for start in look.starts if self.taking else ():  # what was claimed meanwhile is handed back
            del self.unstarted[start.job.id]
            self.started[start.job.id] = (start.job.attempt, time.monotonic())
            self.waiting.popleft().callback(start)
        if self.closed:
            return
        self.stop_runs(look.stops, signal.SIGTERM)
        self.stop_runs(look.hung, signal.SIGKILL)

    def _complain(self, failure: Any) -> None:
        logger.error("Looking for jobs failed, and is tried again: %s", failure.getErrorMessage())
        if not failure.check(ChristmasError):
            logger.error(failure.getTraceback())

    def _looked(self, _: Any) -> None:
        self.looking = False
        if self.resting is not None:
            self.resting.callback(None)
            self.resting = None
        if self.again:
            self.again = False
            self.poll()
