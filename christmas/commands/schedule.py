"""``christmas schedule``."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from christmas.commands.common import LIMIT_MAX, TableOrJson, arguments, engine, show
from christmas.config import current
from christmas.db import database
from christmas.errors import ArgumentError
from christmas.jobs import schedules, submission, triggers

app = typer.Typer(invoke_without_command=True, help="List and change schedules.")
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}

Name = Annotated[str, typer.Argument(metavar="NAME", help="A schedule's name.")]
Cron = Annotated[str | None, typer.Option(help="minute hour day month weekday, such as '30 3 * * *'.")]
Every = Annotated[str | None, typer.Option(help="Or an interval: 90 (seconds), 15m, 1h, 1d.")]
Zone = Annotated[str | None, typer.Option(help="Time zone of the cron fields, such as Europe/Berlin.")]
Jitter = Annotated[int | None, typer.Option(min=0, help="Random delay of up to this many seconds.")]
Missed = Annotated[str | None, typer.Option(help="What to do with missed firings: skip, once or all.")]


@app.callback()
def schedule(context: typer.Context, output: TableOrJson = "table") -> None:
    """List schedules, next to fire first."""
    if context.invoked_subcommand is not None:
        return
    with database.begin(engine()) as connection:
        schedules.begin(connection, current().schedules, datetime.now(UTC))
        rows = schedules.find(connection)
    columns = ("name", "next_at", "when", "job", "arguments", "missed", "paused", "origin")
    show(columns, [asdict(row) | {"when": triggers.in_words(row)} for row in rows], output)


@app.command()
def pause(name: Name) -> None:
    """Pause a schedule until it is resumed."""
    _change(name, paused=True)


@app.command()
def resume(name: Name) -> None:
    """Resume a schedule from its next due time."""
    _change(name, paused=False)


@app.command()
def run(name: Name) -> None:
    """Submit a schedule's job now."""
    with database.begin(engine()) as connection:
        schedules.begin(connection, current().schedules, datetime.now(UTC))
        row = schedules.existing(connection, name)
    job = submission.submit(row.job, row.arguments, submitted_by=f"schedule {name}, by hand")
    typer.echo(f"{job.id} {job.state}")


@app.command()
def add(
    name: Name,
    job: Annotated[str, typer.Argument(help="A job, such as integrator.sync_all.")],
    given: Annotated[list[str] | None, typer.Argument(help="The arguments: stage=links")] = None,
    cron: Cron = None,
    every: Every = None,
    timezone: Zone = None,
    jitter: Jitter = None,
    missed: Missed = None,
) -> None:
    """Add a schedule."""
    values = {"job": job, "arguments": arguments(given or []), **_timing(cron, every, timezone, jitter, missed)}
    wanted = schedules.wanted(**values)
    with database.begin(engine()) as connection:
        schedules.begin(connection, current().schedules, datetime.now(UTC))
        row = schedules.add(connection, name, wanted, datetime.now(UTC))
    typer.echo(f"{name} is due at {row.next_at:%Y-%m-%d %H:%M:%S} UTC")


@app.command()
def change(
    name: Name,
    given: Annotated[list[str] | None, typer.Argument(help="New arguments, which replace all of the old.")] = None,
    cron: Cron = None,
    every: Every = None,
    timezone: Zone = None,
    jitter: Jitter = None,
    missed: Missed = None,
) -> None:
    """Change the given fields; the configuration no longer overrides the schedule."""
    values = _timing(cron, every, timezone, jitter, missed)
    if cron is not None and every is not None:
        raise ArgumentError("Use either --cron or --every.")
    values |= {"arguments": arguments(given)} if given else {}
    if not values:
        raise ArgumentError("Nothing to change: use --cron, --every, --timezone, --jitter, --missed or arguments.")
    _change(name, **values)


@app.command()
def remove(name: Name) -> None:
    """Remove a schedule; a configured one returns at the next start, so pause it instead."""
    with database.begin(engine()) as connection:
        schedules.existing(connection, name)
        schedules.remove(connection, name)


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(help="Only this schedule.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIMIT_MAX, help="Maximum number.")] = 50,
    output: TableOrJson = "table",
) -> None:
    """Show the newest firings, with the job or the error."""
    with database.read(engine()) as connection:
        rows = schedules.history(connection, name, limit)
    show(("schedule", "due_at", "fired_at", "job_id", "error"), [asdict(row) for row in rows], output)


def _change(name: str, **values: Any) -> None:
    with database.begin(engine()) as connection:
        schedules.begin(connection, current().schedules, datetime.now(UTC))
        row = schedules.change(connection, name, datetime.now(UTC), **values)
    typer.echo(f"{name} is paused" if row.paused else f"{name} is due at {row.next_at:%Y-%m-%d %H:%M:%S} UTC")


def _timing(
    cron: str | None, every: str | None, timezone: str | None, jitter: int | None, missed: str | None
) -> dict[str, Any]:
    if missed not in {None, "skip", "once", "all"}:
        raise ArgumentError(f"--missed {missed} is not known: use skip, once or all.")
    period = None if every is None else _seconds(every)
    given = {"cron": cron, "every_seconds": period, "timezone": timezone, "jitter_seconds": jitter, "missed": missed}
    return {name: value for name, value in given.items() if value is not None}


def _seconds(text: str) -> int:
    match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd]?)", text)
    if match is None:
        raise ArgumentError(f"--every {text} is not accepted: give seconds, or a number with s, m, h or d.")
    return int(match[1]) * UNITS[match[2]]
