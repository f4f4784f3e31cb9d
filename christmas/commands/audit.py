"""``christmas held`` and ``christmas health``: the auditor's quarantine, and the health of vendors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from christmas.catalog import held_changes, vendor_health
from christmas.catalog.changes import shown
from christmas.commands.common import LIMIT_MAX, TableOrJson, engine, show
from christmas.db import database
from christmas.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from christmas.catalog.held_changes import HeldRow

held = typer.Typer(invoke_without_command=True, help="List, release or discard quarantined changes.")
health = typer.Typer(invoke_without_command=True, help="Show the vendors' health, or accept a vendor as it is.")
HELD = ("id", "vendor", "name", "field", "old", "new", "at", "reason", "agrees")
HEALTH = ("vendor", "state", "kind", "reason", "since", "checked_at", "job_id")
OPERATOR = "command line"

Ids = Annotated[list[int] | None, typer.Argument(help="Their IDs, from `christmas held`.", metavar="[ID]...")]
Vendor = Annotated[str | None, typer.Option(help="All quarantined changes of this vendor.")]
Group = Annotated[str | None, typer.Option(help="All changes that were quarantined together by this job.")]


@held.callback()
def list_held(
    context: typer.Context,
    vendor: Annotated[str | None, typer.Option(help="Only this vendor.")] = None,
    state: Annotated[str, typer.Option(help="held, released, discarded or withdrawn.")] = "held",
    limit: Annotated[int, typer.Option(min=1, max=LIMIT_MAX, help="Maximum number, newest first.")] = 50,
    output: TableOrJson = "table",
) -> None:
    """List quarantined changes with both values, the reason, the job and the page."""
    if context.invoked_subcommand is not None:
        return
    if state not in held_changes.STATES:
        raise ArgumentError(f"--state {state} is not known: use {', '.join(held_changes.STATES)}.")
    with database.read(engine()) as connection:
        rows = held_changes.find(connection, vendor=vendor, state=state, limit=limit)
    if not rows and output == "table":
        typer.echo(f"Nothing is {state}.")
        return
    show(HELD, [_record(row) for row in rows], output)


@held.command()
def release(ids: Ids = None, vendor: Vendor = None, group: Group = None) -> None:
    """Apply quarantined changes, with the other prices read from the same product."""
    _decide(held_changes.release, "released", ids, vendor, group)


@held.command()
def discard(ids: Ids = None, vendor: Vendor = None, group: Group = None) -> None:
    """Discard quarantined changes; the catalog stays as it is."""
    _decide(held_changes.discard, "discarded", ids, vendor, group)


def _decide(act: Callable[..., int], word: str, ids: list[int] | None, vendor: str | None, group: str | None) -> None:
    if sum(one is not None and one != [] for one in (ids, vendor, group)) != 1:
        raise ArgumentError("Say which: IDs, or --vendor, or --group.")
    with database.begin(engine()) as connection:
        count = held_changes.decide(
            connection, act, ids=ids or None, vendor=vendor, group=group, by=OPERATOR, now=datetime.now(UTC)
        )
    typer.echo(f"{count} {word}")


def _record(row: HeldRow) -> dict[str, Any]:
    names = (
        "id", "vendor", "product_id", "name", "key", "currency", "at", "url", "source", "reason", "agrees",
        "checked_at", "state", "decided_at", "decided_by",
    )  # fmt: skip
    return {name: getattr(row, name) for name in names} | {
        "field": row.field.removesuffix("_minor"), "old": shown(row.field, row.old, row.currency),
        "new": shown(row.field, row.new, row.currency),
        "job": row.job_id, "group": row.group_id, "page": row.page_id,
    }  # fmt: skip


@health.callback()
def list_health(context: typer.Context, output: TableOrJson = "table") -> None:
    """List the vendors' health: state, since when and why."""
    if context.invoked_subcommand is not None:
        return
    with database.read(engine()) as connection:
        rows = vendor_health.find(connection)
    if not rows and output == "table":
        typer.echo("No vendor has been read yet.")
        return
    show(HEALTH, [{name: getattr(row, name) for name in HEALTH} for row in rows], output)


@health.command()
def accept(vendor: Annotated[str, typer.Argument(help="A vendor's name.")]) -> None:
    """Accept a vendor as it is now: later runs are compared with its current size and prices."""
    with database.begin(engine()) as connection:
        if not vendor_health.accept(connection, vendor, datetime.now(UTC)):
            raise ArgumentError(f"There is no health of {vendor!r}; `christmas health` lists the vendors.")
    typer.echo(f"{vendor} is accepted as it is")
