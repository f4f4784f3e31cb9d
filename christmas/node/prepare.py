"""Everything a run needs before its process starts: the egg as a file, the log's path, arguments and environment."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from christmas.config import PREFIX
from christmas.db import database
from christmas.errors import JobRefused
from christmas.jobs import eggs, records, spider_files
from christmas.jobs.definitions import registry
from christmas.jobs.definitions.base import SpiderJob
from christmas.jobs.submission import PROJECT
from christmas.policy.rules import SPIDER

if TYPE_CHECKING:
    from christmas.jobs.records import JobRow
    from christmas.node.options import Options

# What a spider process gets of the node's environment; the node's own key is never among it.
PASSED = (
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "ENV", "CONFIG_PATH", "DISPLAY", "PLAYWRIGHT_BROWSERS_PATH",
)  # fmt: skip
LAST_LINE_MAX = 500
WITHHELD = {"ACCESS", "NODE"}


@dataclass(frozen=True, slots=True)
class Start:
    """A run that is ready to start."""

    job: JobRow
    log: Path
    arguments: list[str]
    environment: dict[str, str]


def prepare(options: Options, job: JobRow) -> Start:
    """Make a claimed job ready; raise JobRefused where its version has no such spider, and OSError of the disk."""
    definition = registry.make(job.name, {"vendor": job.vendor, **job.arguments})
    assert isinstance(definition, SpiderJob)  # noqa: S101  # only those have a consumer
    egg = _egg(options, job)
    log = _log(options, job)
    given = {**definition.spider_arguments(), "_job": job.id, "_attempt": str(job.attempt)}
    arguments = [str(job.vendor)]
    for name, value in {**job.settings, "LOG_FILE": str(log)}.items():
        arguments += ["-s", f"{name}={value}"]
    for name, value in given.items():
        arguments += ["-a", f"{name}={value}"]
    return Start(job, log, arguments, _environment(options, job, egg))


def _egg(options: Options, job: JobRow) -> Path | None:
    with database.read(options.engine) as connection:
        found = eggs.resolve(connection, PROJECT, job.version)
        if found is None and job.version is not None:
            raise JobRefused(f"Version {job.version} of {PROJECT} has been removed.")
        known = eggs.spiders(connection, PROJECT, job.version) if found else spider_files.installed()
        if job.vendor not in (known or {}):
            which = f"Version {found[0]} of {PROJECT}" if found else "The installed project"
            raise JobRefused(f"{which} has no spider {job.vendor}.")
        if found is None:
            return None
        path = options.eggs / f"{PROJECT}-{found[1]}.egg"
        if not path.exists():
            content = eggs.content(connection, PROJECT, found[0])
            if content is None:
                raise JobRefused(f"Version {found[0]} of {PROJECT} has been removed.")
            _write(path, content, path.with_suffix(f".{job.id}.part"))
        return path


def _write(path: Path, content: bytes, part: Path) -> None:
    """Write a file that is never seen half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        part.write_bytes(content)
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)  # on a full disk it would keep the space that is missing
        raise


def log_path(options: Options, job: JobRow) -> Path:
    """Return where a run's log is kept."""
    return options.logs / PROJECT / str(job.vendor) / f"{job.id}.log"


def last_line(path: Path) -> str:
    """Return the last line of a log, shortened; a run that reported nothing has its reason there."""
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - LAST_LINE_MAX, 0))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError as error:
        return f"(it cannot be read: {error.strerror})"
    return next((line.strip() for line in reversed(lines) if line.strip()), "(it is empty)")


def _log(options: Options, job: JobRow) -> Path:
    path = log_path(options, job)
    path.parent.mkdir(parents=True, exist_ok=True)
    _prune(options, path.parent)
    path.touch()  # where that is impossible, it must be known before the process starts
    return path


def _prune(options: Options, folder: Path) -> None:
    """Remove the oldest logs beyond the limit, but never that of a job that is not over."""
    ages = []
    for path in folder.glob("*.log"):
        with contextlib.suppress(FileNotFoundError):  # another node of this folder prunes it, too
            ages.append((path.stat().st_mtime, path))
    surplus = sorted(ages)[: -options.config.node.logs_to_keep]
    if surplus:
        with database.read(options.engine) as connection:
            still_open = {job.id for job in records.find(connection, states=records.OPEN, vendors=[folder.name])}
        for _, path in surplus:
            if path.stem not in still_open:
                path.unlink(missing_ok=True)


def _environment(options: Options, job: JobRow, egg: Path | None) -> dict[str, str]:
    passed = {name: os.environ[name] for name in (*PASSED, *options.config.node.environment) if name in os.environ}
    ours = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).partition("__")[0] not in WITHHELD
    }
    own = {
        f"{PREFIX}VAR_PATH": str(options.config.var_path),
        f"{PREFIX}SERVICE": f"{SPIDER}:{job.consumer}",
        "CHRISTMAS_NODE_PID": str(os.getpid()),
        "CHRISTMAS_NODE_NAME": options.name,
    }
    if options.config.access.policy_path:  # it binds the spiders, too
        own[f"{PREFIX}ACCESS__POLICY_PATH"] = str(Path(options.config.access.policy_path).absolute())
    if egg is not None:
        own["CHRISTMAS_EGG"] = str(egg)
    return {**passed, **ours, **own}
