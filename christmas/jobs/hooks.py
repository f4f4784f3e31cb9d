"""Functions before and after a job; only registered ones are called.

A pre hook takes the job's definition and the configuration, and raises JobRefused where the job must not run; one that
fails refuses the job, too. A post hook takes the finished job's record and the configuration; its failure is recorded
on the job and tried again.
"""

from __future__ import annotations

import importlib
import logging
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from christmas.db import database
from christmas.db.permissions import binds
from christmas.db.tables import jobs
from christmas.errors import ConfigurationError, JobRefused
from christmas.jobs.definitions.registry import DEFINITIONS
from christmas.jobs.records import as_job
from christmas.logs.lines import about

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from christmas.config import Config
    from christmas.jobs.definitions.base import Definition
    from christmas.jobs.records import JobRow

    PreHook = Callable[[Definition, Config], None]
    PostHook = Callable[[JobRow, Config], None]

logger = logging.getLogger(__name__)

ATTEMPTS = 5
# A failed post hook is tried again after 10 s, 20 s, 40 s ...
RETRY_SECONDS = 10.0
# One that was not heard of for so long is taken for dead with its process.
DIED_SECONDS = 300.0

_pre: dict[str, PreHook] = {}
_post: dict[str, PostHook] = {}


def pre_hook(function: PreHook) -> PreHook:
    """Register a function under its name, to be named in ``jobs.pre_hooks``."""
    _pre[function.__name__] = function
    return function


def post_hook(function: PostHook) -> PostHook:
    """Register a function under its name, to be named in ``jobs.post_hooks``."""
    _post[function.__name__] = function
    return function


@pre_hook
def contact_needed(job: Definition, config: Config) -> None:
    """Refuse to read a real shop while its owner cannot reach anybody."""
    vendor = getattr(job, "vendor", None)
    if vendor and not config.may_be_read(vendor):
        raise JobRefused(
            f"{vendor} is a real shop: set CHRISTMAS__CONTACT_URL to a page or mailto: address where its owner can "
            "reach you."
        )


@post_hook
def log_run(job: JobRow, config: Config) -> None:
    """Write one line about the finished job."""
    logger.info("Job %s (%s %s) %s", job.id, job.name, job.vendor or "", job.state, extra=about(job))


def check(config: Config) -> None:
    """Load the hooks' modules and see that every hook and pattern names something; raise ConfigurationError."""
    for module in config.jobs.hook_modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever an operator's module does wrong
            why = f"{type(error).__name__}: {error}"
            raise ConfigurationError(f"jobs.hook_modules names {module}, which cannot be imported: {why}") from error
    kinds: list[tuple[str, Mapping[str, list[str]], Mapping[str, Any]]] = [
        ("pre_hooks", config.jobs.pre_hooks, _pre),
        ("post_hooks", config.jobs.post_hooks, _post),
    ]
    for kind, chosen, registered in kinds:
        for pattern, names in chosen.items():
            if not any(fnmatchcase(job, pattern) for job in DEFINITIONS):
                raise ConfigurationError(
                    f"jobs.{kind}: no job matches {pattern!r}; there are {', '.join(DEFINITIONS)}."
                )
            for name in names:
                if name not in registered:
                    raise ConfigurationError(
                        f"jobs.{kind}.{pattern} names {name!r}, which no module registers; there are "
                        f"{', '.join(sorted(registered))}."
                    )


def names(chosen: Mapping[str, list[str]], job_name: str) -> list[str]:
    """Return the hooks of a job, each once, in the order of the configuration."""
    found = [name for pattern, hooks in chosen.items() if fnmatchcase(job_name, pattern) for name in hooks]
    return list(dict.fromkeys(found))


def run_pre(job: Definition, config: Config) -> None:
    """Call a job's pre hooks; raise JobRefused with the reason."""
    for name in names(config.jobs.pre_hooks, job.job_name()):
        hook = _pre.get(name)
        if hook is None:
            raise JobRefused(f"{job.job_name()} has the pre hook {name!r}, which no module registers.")
        try:
            hook(job, config)
        except JobRefused as refusal:
            raise JobRefused(f"{name} refused {job.job_name()}: {refusal}") from refusal
        except Exception as error:  # one that cannot tell must not let the job pass
            logger.exception("Pre hook %s failed", name)
            why = f"{type(error).__name__}: {error}"
            raise JobRefused(f"{name} failed, so {job.job_name()} is refused: {why}") from error


def run_post(engine: Engine, config: Config) -> int:
    """Call the post hooks that are due; return how many jobs had some. Never raise for a hook's own failure."""
    done = 0
    while True:
        with database.begin(engine) as connection:
            job = claim_due(connection, datetime.now(UTC), _if_it_dies())
        if job is None:
            return done
        done += 1
        results = list(job.hooks)
        for place, entry in enumerate(results):
            if entry["state"] != "waiting":
                continue
            # Counted before: one that ends its process must not do so for ever, nor take the others with it.
            results[place] = begun = {**entry, "attempts": entry["attempts"] + 1, "error": "Its process died."}
            with database.begin(engine) as connection:
                _record(connection, job.id, results, _if_it_dies())
            results[place] = _call(begun, job, config)
        waiting = [entry["attempts"] for entry in results if entry["state"] == "waiting"]
        again = timedelta(seconds=RETRY_SECONDS * 2 ** (min(waiting) - 1)) if waiting else None
        with database.begin(engine) as connection:
            _record(connection, job.id, results, None if again is None else datetime.now(UTC) + again)


@binds("jobs", "write")
def claim_due(connection: Connection, now: datetime, again_at: datetime) -> JobRow | None:
    """Take a job whose hooks are due; they are due again at ``again_at`` where this process dies meanwhile."""
    query = select(jobs).where(jobs.c.hooks_at <= now).order_by(jobs.c.hooks_at).limit(1)
    row = connection.execute(query.with_for_update(skip_locked=True)).first()
    if row is None:
        return None
    connection.execute(update(jobs).where(jobs.c.id == row.id).values(hooks_at=again_at))
    return as_job(row)


@binds("jobs", "write")
def _record(connection: Connection, job_id: str, results: Sequence[dict[str, Any]], again_at: datetime | None) -> None:
    """Write how a job's hooks went, and when those that failed are tried again."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(hooks=list(results), hooks_at=again_at))


def _if_it_dies() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=DIED_SECONDS)


def _call(entry: dict[str, Any], job: JobRow, config: Config) -> dict[str, Any]:
    hook, attempts = _post.get(entry["name"]), entry["attempts"]
    try:
        if attempts > ATTEMPTS:
            return {**entry, "state": "failed", "attempts": ATTEMPTS}
        if hook is None:
            raise ConfigurationError("no module of this node's jobs.hook_modules registers it")  # noqa: TRY301
        hook(job, config)
    except Exception as error:  # noqa: BLE001  # whatever a hook does, it is recorded and the others run
        logger.warning("Post hook %s of job %s failed: %s", entry["name"], job.id, error, extra=about(job))
        state = "waiting" if attempts < ATTEMPTS else "failed"
        return {**entry, "state": state, "error": f"{type(error).__name__}: {error}"}
    return {"name": entry["name"], "state": "succeeded", "attempts": attempts}
