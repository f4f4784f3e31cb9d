"""``christmas logs``."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from christmas import valkey
from christmas.commands.common import LIMIT_MAX, job_tree
from christmas.config import current
from christmas.config.durations import duration
from christmas.errors import ArgumentError
from christmas.jobs import records
from christmas.logs import reading
from christmas.logs.lines import as_json, as_text
from christmas.logs.reading import LEVELS, Wanted
from christmas.node.options import Options
from christmas.node.prepare import log_path

if TYPE_CHECKING:
    from redis import Redis

    from christmas.logs.reading import Line

# After a job has ended, its last lines are on their way for so long.
LAST_LINES_SECONDS = 2.0


def logs(
    job: Annotated[str | None, typer.Option(metavar="ID", help="Only this job and its descendants.")] = None,
    vendor: Annotated[str | None, typer.Option(help="Only this vendor.")] = None,
    level: Annotated[str | None, typer.Option(help="Minimum level: DEBUG, INFO, WARNING, ERROR or CRITICAL.")] = None,
    since: Annotated[str | None, typer.Option(help="Start 30m, 1h or 2d ago, or at a time.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIMIT_MAX, help="Maximum number, newest last.")] = 200,
    follow: Annotated[
        bool, typer.Option("--follow", help="Follow until Ctrl-C, or with --job until the job ends.")
    ] = False,
    output: Annotated[str, typer.Option("--format", help="text, or json: one object a line.")] = "text",
) -> None:
    """Show the logs of all services and nodes, newest last."""
    if output not in {"text", "json"}:
        raise ArgumentError(f"--format {output} is not known here: use text or json.")
    wanted = Wanted(_jobs(job), vendor, _level(level), None if since is None else _time(since, datetime.now(UTC)))
    with valkey.connect(current()) as client:
        newest = reading.newest_id(client)
        found = reading.read(client, wanted, limit=limit, until=newest)
        for line in found:
            _show(line, output)
        if follow:
            _follow(client, newest, job, wanted, output)
        elif not found:
            typer.echo(_nothing(job), err=True)


def _follow(client: Redis, after: str, job: str | None, wanted: Wanted, output: str) -> None:
    ended_at = None
    try:
        for lines in reading.follow(client, after):
            if job is not None:
                rows = job_tree(job)  # a root's later children come while it is followed
                wanted = Wanted({row.id for row in rows}, wanted.vendor, wanted.level)
                if ended_at is None and rows[0].state not in records.OPEN:
                    ended_at = time.monotonic()
            for line in lines:
                if wanted.has(line):
                    _show(line, output)
            if ended_at is not None and time.monotonic() - ended_at > LAST_LINES_SECONDS:
                return
    except KeyboardInterrupt:  # how following ends
        return


def _jobs(job: str | None) -> set[str] | None:
    return None if job is None else {row.id for row in job_tree(job)}


def _nothing(job: str | None) -> str:
    """Return a message for no lines, which names the job's own log files."""
    if job is None:
        return "No log lines match."
    options = Options(current())
    files = [f"{log_path(options, row)} (on {row.node})" for row in job_tree(job) if row.node and row.consumer]
    where = f"; see {', '.join(files)}" if files else "; it has not been run yet"
    return f"No log lines of job {job} match{where}."


def _show(line: Line, output: str) -> None:
    typer.echo(as_json(line) if output == "json" else as_text(line))


def _level(text: str | None) -> str | None:
    if text is not None and text.upper() not in LEVELS:
        raise ArgumentError(f"--level {text} is not known: use {', '.join(LEVELS)}.")
    return None if text is None else text.upper()


def _time(text: str, now: datetime) -> datetime:
    try:
        if (ago := duration(text)) is not None:
            return now - ago
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ArgumentError(
            f"--since {text!r} is not accepted: give 30m, 1h, 2d, or a time such as 2027-01-31T12:00Z."
        ) from error
