"""Submitting jobs, from Python, the command line, Scrapyd's API and the scheduler alike."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from christmas import config as configuration
from christmas.errors import AccessDenied, ArgumentError
from christmas.jobs import hooks, registry, vendors, wake
from christmas.jobs.definition import Definition, RootJob, SpiderJob

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from christmas.catalog.jobs import JobRow
    from christmas.config import Config

PROJECT = "christmas"
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class _Request:
    """What a submitted job and all jobs below it have in common."""

    config: Config
    known: Mapping[str, bool]
    submitted_by: str | None
    version: str | None
    settings: dict[str, str]
    priority: int | None


def submit(name: str, arguments: Mapping[str, Any], *, config: Config | None = None, **more: Any) -> JobRow:
    """Submit a job and wake the nodes; see ``submit_in`` for what it takes and raises."""
    from christmas.catalog import database

    config = config or configuration.current()
    hooks.check(config)
    engine = database.of(config)
    database.upgrade(engine)
    with database.begin(engine) as connection:
        job = submit_in(connection, name, arguments, config=config, **more)
    wake.nodes(config)
    return job


def submit_in(
    connection: Connection,
    name: str,
    arguments: Mapping[str, Any],
    *,
    config: Config,
    submitted_by: str | None = None,
    job_id: str | None = None,
    version: str | None = None,
    settings: Mapping[str, str] | None = None,
    priority: int | None = None,
    allowed_vendors: Sequence[str] | None = None,
) -> JobRow:
    """Submit in the caller's transaction; gives the job's record, or that of the same job that is open already.

    Raises JobRefused for an unknown name or a pre hook's refusal, AccessDenied for a vendor outside
    ``allowed_vendors``, and ArgumentError for anything wrong in the arguments. Call ``wake.nodes`` after the commit.
    """
    job = registry.make(name, arguments).resolved(connection)
    known = known_vendors(connection, version)
    _check_vendor(job, known, allowed_vendors)
    request = _Request(config, known, submitted_by, version, dict(settings or {}), priority)
    return _add(connection, job, request, job_id=_checked_id(connection, job_id))


def _add(
    connection: Connection,
    job: Definition,
    request: _Request,
    *,
    job_id: str,
    parent: JobRow | None = None,
    after_id: str | None = None,
) -> JobRow:
    from christmas.catalog import queue

    hooks.run_pre(job, request.config)
    arguments = job.arguments()
    vendor = arguments.pop("vendor", None)
    new = queue.NewJob(
        id=job_id,
        name=job.job_name(),
        vendor=vendor,
        consumer=_consumer(job, request.known),
        arguments=arguments,
        settings=request.settings,
        version=request.version,
        priority=job.priority if request.priority is None else request.priority,
        attempts_max=request.config.jobs.attempts,
        parent=parent,
        after_id=after_id,
        submitted_by=request.submitted_by,
        hooks=hooks.names(request.config.jobs.post_hooks, job.job_name()),
    )
    record, is_new = queue.submit(connection, new, datetime.now(UTC))
    if is_new and isinstance(job, RootJob):
        ids: list[str] = []
        children = job.children(sorted(request.known))
        if not children:
            raise ArgumentError(f"{job.job_name()}: there is no vendor.")
        for child, before in children:
            after = None if before is None else ids[before]
            ids.append(_add(connection, child, request, job_id=uuid4().hex, parent=record, after_id=after).id)
    return record


def _consumer(job: Definition, known: Mapping[str, bool]) -> str | None:
    if not isinstance(job, SpiderJob):
        return None
    root = job.job_name().partition(".")[0]
    return f"{root}.browser" if known.get(job.vendor) else root


def known_vendors(connection: Connection, version: str | None) -> Mapping[str, bool]:
    """Give the vendors of an egg's version, of the newest egg, or of the installed project where there is none."""
    from christmas.catalog import eggs

    found = eggs.spiders(connection, PROJECT, version)
    if found is not None:
        return found
    if version is not None:
        raise ArgumentError(f"There is no version {version!r} of {PROJECT}.")
    return vendors.installed()


def _check_vendor(job: Definition, known: Mapping[str, bool], allowed: Sequence[str] | None) -> None:
    vendor = getattr(job, "vendor", None)
    if vendor is not None and vendor not in known:
        raise ArgumentError(f"There is no vendor {vendor!r}; there are {', '.join(sorted(known))}.")
    if allowed is not None and vendor not in allowed:
        raise AccessDenied(
            f"No permission jobs.submit for {vendor or 'all vendors'}: the key is for {', '.join(allowed)} only."
        )


def _checked_id(connection: Connection, job_id: str | None) -> str:
    from christmas.catalog import jobs

    if job_id is None:
        return uuid4().hex
    if not _ID.fullmatch(job_id):
        raise ArgumentError(f"jobid {job_id!r} is not accepted: up to 64 letters, digits, dots, dashes, underscores.")
    if jobs.get(connection, job_id) is not None:
        raise ArgumentError(f"There is a job {job_id!r} already.")
    return job_id


def wait(job_id: str, *, config: Config | None = None, timeout_seconds: float | None = None) -> JobRow:
    """Wait until a job has ended, and give its record; raises TimeoutError."""
    from christmas.catalog import database, jobs

    config = config or configuration.current()
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    while True:
        with database.read(database.of(config)) as connection:
            job = jobs.get(connection, job_id)
        if job is None:
            raise ArgumentError(f"There is no job {job_id!r}.")
        if job.state not in jobs.OPEN:
            return job
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError(f"Job {job_id} is still {job.state} after {timeout_seconds} s.")
        time.sleep(LOOK_SECONDS)
