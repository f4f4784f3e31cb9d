"""Starts and ends the spider processes; what they were worth is in the jobs table, never in an exit status."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scrapyd.interfaces import IPoller
from scrapyd.launcher import Launcher as ScrapydsLauncher
from scrapyd.launcher import ScrapyProcessProtocol
from twisted.internet import defer, reactor, threads
from twisted.internet.error import ProcessExitedAlready

from christmas.jobs.notify import Listener
from christmas.jobs.submission import PROJECT
from christmas.logs.lines import about

if TYPE_CHECKING:
    from christmas.node.poller import JobsPoller
    from christmas.node.prepare import Start

logger = logging.getLogger(__name__)

HARD_SECONDS = 5.0


class Run(ScrapyProcessProtocol):
    """One spider process; the attributes of Scrapyd's own, and the attempt it is."""

    def __init__(self, start: Start, arguments: list[str]) -> None:
        super().__init__(PROJECT, start.job.vendor, start.job.id, {}, arguments)
        self.start_time = datetime.now(UTC).replace(tzinfo=None)  # Scrapyd's own records have no time zone
        self.attempt = start.job.attempt
        self.signalled = False
        self.how = "an unknown status"

    def processEnded(self, status: Any) -> None:  # noqa: N802  # Twisted's name
        """Note how it ended; the table says what it was worth."""
        value = status.value
        self.how = f"signal {value.signal}" if getattr(value, "signal", None) else f"exit status {value.exitCode}"
        super().processEnded(status)


class Launcher(ScrapydsLauncher):
    """Scrapyd's launcher, whose slots are filled with claimed jobs."""

    def __init__(self, config: Any, app: Any) -> None:
        super().__init__(config, app)
        self.poller: JobsPoller = app.getComponent(IPoller)
        self.options = self.poller.options
        self.max_proc = self.options.slots
        self.processes: dict[int, Run]
        self.listener = Listener(self.options.config, lambda: reactor.callFromThread(self.poller.poll))
        self.stopping: defer.Deferred[None] | None = None

    def startService(self) -> None:  # noqa: N802  # Twisted's name
        """Open the slots and listen for calls."""
        self.poller.stop_runs = self.stop_runs
        super().startService()
        self.listener.start()

    def stopService(self) -> defer.Deferred[None]:  # noqa: N802  # Twisted's name
        """Take no more jobs and have those that run hand theirs back; kills what takes longer than the grace period."""
        super().stopService()
        self.listener.stop()
        self.poller.close()
        self.stopping = defer.Deferred()
        self.stop_runs({run.job for run in self.processes.values()})
        grace = self.options.config.node.grace_seconds
        timer = reactor.callLater(grace, self._kill_all)
        last = reactor.callLater(grace + HARD_SECONDS, lambda: self._vacated(force=True))
        self.stopping.addBoth(lambda _: [call.cancel() for call in (timer, last) if call.active()])
        self.stopping.addBoth(lambda _: self.poller.rest())
        self.stopping.addBoth(lambda _: threads.deferToThread(self.poller.settle))
        self.stopping.addErrback(lambda failure: logger.error("Not settled: %s", failure.getErrorMessage()))
        stopped = self.stopping
        self._vacated()
        return stopped

    def stop_runs(self, job_ids: set[str], number: int = signal.SIGTERM) -> list[str]:
        """Send a signal to the processes of these jobs; return those that were running here.

        A process gets one signal to stop: Scrapy takes a second one for an order to drop everything.
        """
        found = []
        for run in list(self.processes.values()):
            if run.job not in job_ids:
                continue
            found.append(run.job)
            if run.signalled and number != signal.SIGKILL:
                continue
            run.signalled = True
            with contextlib.suppress(ProcessExitedAlready):
                run.transport.signalProcess(number)
        return found

    def _spawn_process(self, start: Start, slot: int) -> None:
        # -P: the working directory may hold a stale folder of the project's name.
        arguments = [sys.executable, "-P", "-m", self.runner, *start.arguments]
        run = Run(start, arguments)
        run.deferred.addBoth(self._process_finished, slot)
        self.processes[slot] = run
        try:
            # What the process prints goes to its log: a spider that cannot be imported says so before Scrapy logs.
            log = os.open(start.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                files = {0: "w", 1: log, 2: log}
                reactor.spawnProcess(run, sys.executable, args=arguments, env=start.environment, childFDs=files)
            finally:
                os.close(log)
        except Exception as error:  # whatever is wrong with this one, its slot must become free again
            logger.exception("Job %s: no process", run.job, extra=about(start.job))
            run.how = f"no process ({error})"
            run.deferred.callback(run)

    def _process_finished(self, _: Any, slot: int) -> None:
        run = self.processes.pop(slot)
        run.end_time = datetime.now(UTC).replace(tzinfo=None)
        self.poller.ended(run.job, run.attempt, run.how)
        if self.stopping is None:
            self._get_message(slot)
        self._vacated()

    def _get_max_proc(self, config: Any) -> int:
        return 1  # Scrapyd's option; ours is node.slots

    def _kill_all(self) -> None:
        self.stop_runs({run.job for run in self.processes.values()}, signal.SIGKILL)

    def _vacated(self, *, force: bool = False) -> None:
        if self.stopping is not None and not self.stopping.called and (force or not self.processes):
            self.stopping.callback(None)
