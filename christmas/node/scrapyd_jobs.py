"""Scrapyd's queue and job storage as views of the jobs table. They block: the node's own pages do not use them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scrapyd.interfaces import IJobStorage, ISpiderQueue
from scrapyd.launcher import ScrapyProcessProtocol
from zope.interface import implementer

from christmas.db import database
from christmas.errors import ChristmasError
from christmas.jobs import eggs, queue, records, submission
from christmas.jobs.definitions import registry
from christmas.jobs.submission import PROJECT
from christmas.node import options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from christmas.jobs.records import JobRow
    from christmas.node.options import Options

FINISHED = ("succeeded", "failed", "cancelled")
FINISHED_SHOWN = 100


@implementer(ISpiderQueue)
class SpiderQueue:
    """The queued jobs of one project."""

    def __init__(self, config: Any, project: str, chosen: Options | None = None) -> None:
        self.options = chosen or options.current()

    def add(self, name: str, priority: float = 0.0, **spider_args: Any) -> None:
        """Submit the job that the spider's arguments stand for."""
        job_id, version = spider_args.pop("_job", None), spider_args.pop("_version", None)
        settings = spider_args.pop("settings", {})
        job = registry.of_spider(name, spider_args)
        submission.submit(
            job.job_name(), job.arguments(), config=self.options.config, priority=int(priority), job_id=job_id,
            version=version, settings=settings,
        )  # fmt: skip

    def pop(self) -> dict[str, Any] | None:
        """Claim the next job; None where there is none."""
        with database.begin(self.options.engine) as connection:
            job = queue.claim(connection, self.options.consumers, self.options.name, datetime.now(UTC))
        return None if job is None else message(job)

    def list(self) -> list[dict[str, Any]]:
        """Return the queued jobs."""
        with database.read(self.options.engine) as connection:
            return [message(job) for job in records.find(connection, states=["queued"], processes_only=True)]

    def count(self) -> int:
        """Return how many are queued."""
        with database.read(self.options.engine) as connection:
            return records.count(connection)["queued"]

    def remove(self, func: Callable[[dict[str, Any]], bool]) -> int:
        """Cancel the queued jobs for which the function is true; return how many."""
        with database.begin(self.options.engine) as connection:
            found = [job for job in records.find(connection, states=["queued"]) if func(message(job))]
            for job in found:
                queue.cancel(connection, job.id, datetime.now(UTC))
        return len(found)

    def clear(self) -> None:
        """Cancel everything that is queued."""
        self.remove(lambda _: True)


class Queues:
    """Project to queue, as Scrapyd looks them up."""

    def __init__(self, chosen: Options) -> None:
        self.options = chosen

    def __iter__(self) -> Iterator[str]:
        with database.read(self.options.engine) as connection:
            return iter(sorted({PROJECT, *eggs.projects(connection)}))

    def __contains__(self, project: object) -> bool:
        return project in list(self)

    def __getitem__(self, project: str) -> SpiderQueue:
        return SpiderQueue(None, project, self.options)

    def items(self) -> Iterator[tuple[str, SpiderQueue]]:
        """Return every project with its queue."""
        return ((project, self[project]) for project in self)

    def values(self) -> Iterator[SpiderQueue]:
        """Return every queue."""
        return (queue for _, queue in self.items())


@implementer(IJobStorage)
class JobStorage:
    """The ended jobs of this node, the newest first."""

    def __init__(self, config: Any) -> None:
        self.options = options.current()

    def add(self, job: Any) -> None:
        """Nothing to do: the run has written its own record."""

    def list(self) -> list[Any]:
        """Return the newest ended jobs."""
        return list(self)

    def __len__(self) -> int:
        with database.read(self.options.engine) as connection:
            counts = records.count(connection, node=self.options.name)
        return sum(counts[state] for state in FINISHED)

    def __iter__(self) -> Iterator[Any]:
        with database.read(self.options.engine) as connection:
            ended = records.find(connection, states=FINISHED, node=self.options.name, limit=FINISHED_SHOWN)
        return iter([record(job) for job in ended])


def message(job: JobRow) -> dict[str, Any]:
    """Return a queued job as Scrapyd's messages are."""
    try:
        arguments = registry.make(job.name, {"vendor": job.vendor, **job.arguments}).spider_arguments()  # type: ignore[attr-defined]
    except ChristmasError:  # of another version; that one runs it
        arguments = {name: str(value) for name, value in job.arguments.items()}
    version = {"_version": job.version} if job.version else {}
    return {"name": job.vendor, "_job": job.id, "settings": job.settings, **version, **arguments}


def record(job: JobRow) -> Any:
    """Return an ended job as Scrapyd's records are, with times that have no zone."""
    found = ScrapyProcessProtocol(PROJECT, job.vendor, job.id, env={}, args=[])
    found.start_time = (job.started_at or job.queued_at).replace(tzinfo=None)
    found.end_time = (job.finished_at or job.queued_at).replace(tzinfo=None)
    return found
