"""Options and helpers that several commands share."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from christmas.config import current
from christmas.db import database
from christmas.errors import ArgumentError, ChristmasError
from christmas.jobs import records

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sqlalchemy import Engine

    from christmas.config import Config
    from christmas.jobs.records import JobRow

PLAIN_WIDTH = 160
LIMIT_MAX = 10**9
# Columns that are copied into the next command: other columns make room for them.
WHOLE = {"id", "job_id", "name", "schedule", "user"}


def _known_format(output: str) -> str:
    if output not in {"table", "json"}:
        raise ArgumentError(f"--format {output} is not known here: use table or json.")
    return output


Demo = Annotated[bool, typer.Option("--demo", help="Use the demonstration's catalog instead of your own.")]
# Of `christmas up`: its services end when it does, even when it is killed.
UntilStdinCloses = Annotated[bool, typer.Option("--until-stdin-closes", hidden=True)]
TableOrJson = Annotated[str, typer.Option("--format", help="table or json.", callback=_known_format)]


def engine(*, demo: bool = False) -> Engine:
    """Return the configured catalog, upgraded, or the demonstration's; raise ChristmasError where there is none."""
    if demo:
        path = demo_folder(current()) / "christmas.db"
        if not path.exists():
            raise ChristmasError("There is no demonstration yet: `christmas demo` makes one.")
        return database.open_engine(f"sqlite:///{path}")
    found = database.get_engine(current())
    database.upgrade(found)
    return found


def demo_folder(config: Config) -> Path:
    """Return the folder of the demonstration's state."""
    return config.var_path / "demo"


def job_tree(job_id: str) -> list[JobRow]:
    """Return a job and its descendants; raise ArgumentError where there is no such job."""
    with database.read(engine()) as connection:
        rows = records.tree(connection, job_id)
    if not rows:
        raise ArgumentError(f"There is no job {job_id!r}; `christmas jobs` lists them.")
    return rows


def console() -> Console:
    """Return a console that does not wrap lines in a pipe."""
    found = Console()
    return found if found.is_terminal else Console(width=PLAIN_WIDTH)


def show(columns: Sequence[str], rows: Iterable[dict[str, Any]], output: str) -> None:
    """Print rows as a table of these columns, or all they hold as a JSON list."""
    if output == "json":
        typer.echo(json.dumps(list(rows), default=_as_text, indent=2))
        return
    table = Table()
    for name in columns:
        table.add_column(name.replace("_", " "), no_wrap=name in WHOLE, overflow="fold")
    for row in rows:
        table.add_row(*[Text(_cell(row.get(name))) for name in columns])
    console().print(table)


def arguments(pairs: Iterable[str]) -> dict[str, str]:
    """Read ``name=value`` texts."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ArgumentError(f"{pair!r} is not an argument: write name=value, such as vendor=ornament_shop_com.")
        if name in found:
            raise ArgumentError(f"{name} is given twice.")
        found[name] = value
    return found


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, dict):
        return " ".join(f"{name}={_cell(part)}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
