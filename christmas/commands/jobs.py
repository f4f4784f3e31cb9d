"""``christmas run`` and ``christmas jobs``."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from christmas.commands.common import LIMIT_MAX, TableOrJson, arguments, console, engine, job_tree, show
from christmas.config import current
from christmas.db import database
from christmas.errors import ArgumentError
from christmas.jobs import notify, queue, records, submission

if TYPE_CHECKING:
    from collections.abc import Iterator

    from christmas.jobs.records import JobRow

COLUMNS = ("id", "name", "state", "parent", "vendor", "queued_at", "started_at", "finished_at", "attempt", "outcome")
SHOWN = ("id", "name", "vendor", "state", "attempt", "queued_at", "took", "outcome")
LOOK_SECONDS = 0.5


class Group(TyperGroup):
    """``christmas jobs ID`` shows that job."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Treat what is not a command as an ID."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["show", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Group,
    invoke_without_command=True,
    help="List jobs, show one with its descendants, or cancel one.",
    context_settings={"help_option_names": ["--help"]},
)


def run(
    name: Annotated[str, typer.Argument(help="A job, such as integrator.sync_links.")],
    given: Annotated[list[str] | None, typer.Argument(help="The arguments: vendor=ornament_shop_com year=1998")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the job and show its progress.")] = False,
    priority: Annotated[int | None, typer.Option(min=-1000, max=1000, help="Higher runs first.")] = None,
    output: TableOrJson = "table",
) -> None:
    """Submit a job; with --wait, exit with 1 unless it succeeds.

    integrator.sync_links, sync_products, sync_product, sync_vendor, sync_year, sync_all. A wrong argument lists
    the accepted ones. `christmas up` or a `christmas node` runs the job.
    """
    job = submission.submit(name, arguments(given or []), submitted_by="command line", priority=priority)
    if wait:
        job = _follow(job.id, quiet=output == "json")
    if output == "json":
        show(COLUMNS, [_record(job)], output)
    else:
        typer.echo(f"{job.id} {job.state}" + (f": {error}" if (error := (job.outcome or {}).get("error")) else ""))
    if wait and job.state != "succeeded":
        raise typer.Exit(1)


@app.callback()
def jobs(
    context: typer.Context,
    state: Annotated[
        str | None, typer.Option(help="Only this state: queued, running, succeeded, failed, cancelled.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIMIT_MAX, help="Maximum number, newest first.")] = 50,
    output: TableOrJson = "table",
) -> None:
    """List the newest jobs."""
    if context.invoked_subcommand is not None:
        context.default_map = {"show": {"output": output}}  # `christmas jobs --format json ID` as well
        return
    if state is not None and state not in records.STATES:
        raise ArgumentError(f"--state {state} is not known: use {', '.join(records.STATES)}.")
    with database.read(engine()) as connection:
        rows = records.find(connection, states=[state] if state else records.STATES, limit=limit)
    if output == "json":
        show(COLUMNS, [_record(row) for row in rows], output)
    else:
        show(SHOWN, [_record(row) | {"took": _took(row), "outcome": _result(row)} for row in rows], output)


@app.command("show")
def show_one(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="A job's ID.")],
    follow: Annotated[bool, typer.Option("--follow", help="Follow the job until it has ended.")] = False,
    output: TableOrJson = "table",
) -> None:
    """Show a job and its descendants; `christmas jobs ID` is the same."""
    if follow:
        _follow(job_id, quiet=output == "json")
    rows = job_tree(job_id)
    if output == "json":
        show(COLUMNS, [_record(row) | {"children": _children(row.id)} for row in rows], output)
    else:
        console().print(_table(rows))


@app.command()
def cancel(job_id: Annotated[str, typer.Argument(metavar="ID", help="A job's ID.")]) -> None:
    """Cancel a job and its descendants, on any node."""
    with database.begin(engine()) as connection:
        before = queue.cancel(connection, job_id, datetime.now(UTC))
    if before is None:
        raise ArgumentError(f"There is no queued or running job {job_id!r}; `christmas jobs` lists them.")
    notify.nodes(current())
    typer.echo(f"{job_id} was {before} and is being cancelled")


def _children(job_id: str) -> list[dict[str, Any]]:
    """Return a job's first-generation children, and when each completed."""
    with database.read(engine()) as connection:
        return [{"id": one.job.id, "completed_at": one.completed_at} for one in records.children(connection, job_id)]


def _record(row: JobRow) -> dict[str, Any]:
    return {
        "id": row.id, "name": row.name, "state": row.state, "parent": row.parent_id, "vendor": row.vendor,
        "queued_at": row.queued_at, "started_at": row.started_at, "finished_at": row.finished_at,
        "attempt": row.attempt, "outcome": row.outcome, "arguments": row.arguments, "node": row.node,
        "priority": row.priority, "submitted_by": row.submitted_by, "hooks": row.hooks,
    }  # fmt: skip


def _follow(job_id: str, *, quiet: bool) -> JobRow:
    """Show the tree until its root has ended: live on a screen, a line for each change in a pipe."""
    screen = console()
    if screen.is_terminal and not quiet:
        with Live(console=screen, refresh_per_second=4) as live:
            for rows in _looks(job_id):
                live.update(_table(rows))
        return rows[0]
    known: dict[str, str] = {}
    for rows in _looks(job_id):
        for row in rows:
            if not quiet and known.get(row.id) != row.state:
                typer.echo(f"{row.name} {row.vendor or ''} {row.state}".replace("  ", " "))
            known[row.id] = row.state
    if not quiet:
        screen.print(_table(rows))
    return rows[0]


def _looks(job_id: str) -> Iterator[list[JobRow]]:
    """Yield the tree repeatedly, for the last time when its root has ended."""
    while True:
        rows = job_tree(job_id)
        yield rows
        if rows[0].state not in records.OPEN:
            return
        time.sleep(LOOK_SECONDS)


def _table(rows: list[JobRow]) -> Table:
    table = Table("Job", "Vendor", "State", "Attempt", "Started (UTC)", "Took", "Pages", "Result")
    depth: dict[str, int] = {}
    for row in rows:
        # One that another root had submitted already has its parent elsewhere.
        depth[row.id] = depth.get(row.parent_id or "", 0) + 1 if depth else 0
        outcome = row.outcome or {}
        start = f"{row.started_at:%H:%M:%S}" if row.started_at else ""
        read, planned = outcome.get("pages_read", 0), outcome.get("pages_planned", 0)
        pages = f"{read}/{max(read, planned)}" if planned else ""  # a listing's further pages come unplanned
        name, error = "  " * depth[row.id] + row.name, str(outcome.get("error", ""))
        texts = [name, row.vendor or "", row.state, str(row.attempt), start, _took(row), pages, error]
        table.add_row(*map(Text, texts))
    return table


def _took(row: JobRow) -> str:
    if row.started_at is None:
        return ""
    return str((row.finished_at or datetime.now(UTC)) - row.started_at).partition(".")[0]


def _result(row: JobRow) -> str:
    """Return a short summary of the outcome."""
    outcome = row.outcome or {}
    told = {"pages_read": "pages", "store_new_keys": "new keys", "store_new_products": "new products"}
    told |= {"store_changes": "changes", "children": "jobs"}
    return outcome.get("error") or ", ".join(
        f"{outcome[name]} {word}" for name, word in told.items() if outcome.get(name)
    )
