"""``christmas db``: the catalog's database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from christmas.access import bootstrap
from christmas.commands.common import engine
from christmas.config import current
from christmas.db import database, permissions
from christmas.policy import rules

app = typer.Typer(no_args_is_help=True, help="Create or upgrade the catalog's database.")


@app.command()
def upgrade(
    service_keys: Annotated[
        Path | None,
        typer.Option(help="Register the API keys in this folder: integrator.key, scheduler.key, server.key."),
    ] = None,
) -> None:
    """Create or upgrade the catalog's tables, and on PostgreSQL the services' roles."""
    config = current()
    catalog = engine()
    database.grant(catalog, rules.load(config))
    typer.echo(f"The catalog is up to date: {database.shown(catalog.url)}")
    if service_keys is not None:
        typer.echo(f"Registered the keys of {', '.join(bootstrap.register(config, catalog, service_keys))}")


@app.command()
def grants() -> None:
    """Print the SQL that grants PostgreSQL's roles what the policy allows."""
    for statement in permissions.grants(rules.load(current())):
        typer.echo(f"{statement};")
