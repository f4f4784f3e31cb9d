"""Submitting jobs, from Python, the command line, Scrapyd's API and the scheduler alike."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from christmas.config import current
from christmas.db import database
from christmas.errors import AccessDenied, ArgumentError, JobRefused
from christmas.jobs import eggs, hooks, notify, queue, records, spider_files, tree
from christmas.jobs.definitions import registry
from christmas.jobs.definitions.base import Definition, RootJob, SpiderJob
from christmas.jobs.queue import NewJob

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from christmas.config import Config
    from christmas.jobs.records import JobRow

PROJECT = "christmas"
MODULES = registry.MODULES
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


@dataclass(frozen=True, slots=True)
class _Planned:
    """One job of a plan; ``before`` is the index of the sibling that must succeed before it."""

    job: Definition
    before: int | None = None
    refusal: str | None = None
    children: tuple[_Planned, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A job that was checked and that its pre hooks have let pass, with all that is below it."""

    request: _Request
    top: _Planned
    job_id: str | None
    always_new: bool


def submit(name: str, arguments: Mapping[str, Any], *, config: Config | None = None, **more: Any) -> JobRow:
    """Submit a job and wake the nodes; return its record, or that of the same job that is open already.

    Takes and raises what ``plan`` does.
    """
    config = config or current()
    hooks.check(config)
    engine = database.get_engine(config)
    database.upgrade(engine)
    chosen = plan(engine, name, arguments, config=config, **more)
    with database.begin(engine) as connection:
        job = add(connection, chosen)
    notify.nodes(config)
    return job


def plan(
    engine: Engine,
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
    always_new: bool = False,
) -> Plan:
    """Check a job and call its pre hooks, outside of any transaction: a slow hook holds no lock.

    Raise JobRefused for an unknown name or a pre hook's refusal, AccessDenied for a vendor outside
    ``allowed_vendors``, and ArgumentError for anything wrong in the arguments. What is refused below a root is
    recorded there, unless everything is. ``always_new`` makes a root of its own even where the same one is open.
    """
    if job_id is not None and not _ID.fullmatch(job_id):
        raise ArgumentError(f"jobid {job_id!r} is not accepted: up to 64 letters, digits, dots, dashes, underscores.")
    with database.read(engine) as connection:
        asked = registry.make(name, arguments)
        job = asked.resolved(connection, allowed_vendors)
        known = known_vendors(connection, version)
    _check_vendor(job, known, allowed_vendors)
    request = _Request(config, known, submitted_by, version, dict(settings or {}), priority)
    return Plan(request, _planned(job, request), job_id, always_new and isinstance(job, RootJob))


def _planned(job: Definition, request: _Request, before: int | None = None) -> _Planned:
    hooks.run_pre(job, request.config)
    children: list[_Planned] = []
    if isinstance(job, RootJob):
        for child, sibling in job.children(sorted(request.known)):
            children.append(_child(child, request, sibling, children))
        if not children:
            raise ArgumentError(f"{job.job_name()}: there is no vendor.")
        if all(child.refusal for child in children):
            raise JobRefused(str(children[0].refusal))
    return _Planned(job, before, None, tuple(children))


def _child(job: Definition, request: _Request, before: int | None, siblings: list[_Planned]) -> _Planned:
    if before is not None and siblings[before].refusal:
        return _Planned(job, before, "The job before it was refused.")
    try:
        return _planned(job, request, before)
    except JobRefused as refusal:
        return _Planned(job, before, str(refusal))


def add(connection: Connection, chosen: Plan) -> JobRow:
    """Submit a plan in the caller's transaction; return the job's record, or that of the same job that is open already.

    Raise ArgumentError where there is a job of that id. Call ``notify.nodes`` after the commit.
    """
    if chosen.job_id is not None and records.get(connection, chosen.job_id) is not None:
        raise ArgumentError(f"There is a job {chosen.job_id!r} already.")
    new = _new(chosen.top, chosen.request, job_id=chosen.job_id or uuid4().hex)
    return _add(connection, chosen.top, chosen.request, replace(new, always_new=chosen.always_new))


def _add(connection: Connection, planned: _Planned, request: _Request, new: NewJob) -> JobRow:
    now = datetime.now(UTC)
    record, is_new = queue.submit(connection, new, now)
    if not is_new:
        return record
    ids: list[str] = []
    refused: dict[str, str] = {}
    for child in planned.children:
        after = None if child.before is None else ids[child.before]
        below = _new(child, request, job_id=uuid4().hex, parent=record, after_id=after)
        ids.append(_add(connection, child, request, below).id)
        if child.refusal and ids[-1] == below.id:
            refused[below.id] = child.refusal
    # Only now: the end of the last child that is known ends the root.
    for child_id, reason in refused.items():
        tree.close(connection, child_id, "cancelled", {"error": reason}, now)
    return record


def _new(
    planned: _Planned, request: _Request, *, job_id: str, parent: JobRow | None = None, after_id: str | None = None
) -> NewJob:
    job = planned.job
    arguments = job.arguments()
    return NewJob(
        id=job_id,
        name=job.job_name(),
        vendor=arguments.pop("vendor", None),
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


def _consumer(job: Definition, known: Mapping[str, bool]) -> str | None:
    if not isinstance(job, SpiderJob):
        return None
    root = job.job_name().partition(".")[0]
    return f"{root}.browser" if known.get(job.vendor) else root


def known_vendors(connection: Connection, version: str | None) -> Mapping[str, bool]:
    """Return the vendors of an egg's version, of the newest egg, or of the installed project where there is none."""
    found = eggs.spiders(connection, PROJECT, version)
    if found is not None:
        return found
    if version is not None:
        raise ArgumentError(f"There is no version {version!r} of {PROJECT}.")
    return spider_files.installed()


def _check_vendor(job: Definition, known: Mapping[str, bool], allowed: Sequence[str] | None) -> None:
    vendor = getattr(job, "vendor", None)
    if vendor is not None and vendor not in known:
        raise ArgumentError(f"There is no vendor {vendor!r}; there are {', '.join(sorted(known))}.")
    if allowed is not None and vendor not in allowed:
        raise AccessDenied(
            f"No permission jobs.submit for {vendor or 'all vendors'}: the key is for {', '.join(allowed)} only."
        )


def wait(job_id: str, *, config: Config | None = None, timeout_seconds: float | None = None) -> JobRow:
    """Wait until a job has ended, and return its record; raise TimeoutError."""
    config = config or current()
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    while True:
        with database.read(database.get_engine(config)) as connection:
            job = records.get(connection, job_id)
        if job is None:
            raise ArgumentError(f"There is no job {job_id!r}.")
        if job.state not in records.OPEN:
            return job
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError(f"Job {job_id} is still {job.state} after {timeout_seconds} s.")
        time.sleep(LOOK_SECONDS)


Definition.submitter = staticmethod(submit)


@hooks.post_hook
def confirm_held(job: JobRow, config: Config) -> None:
    """Read the pages of what a run has quarantined again, at once."""
    if job.vendor and (job.outcome or {}).get("held"):
        submit("auditor.confirm_held", {"vendor": job.vendor}, config=config, submitted_by="confirm_held")
