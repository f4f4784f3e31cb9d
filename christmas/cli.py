"""The ``christmas`` command: where each command is. Its module is imported when the command is called."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from christmas import __version__
from christmas.errors import ChristmasError
from christmas.logs import redaction

if TYPE_CHECKING:
    from typer._click import Command, Context

# Name: where it is, and its line of `christmas --help`, which imports none of them: 157 ms, 303 ms with (2026-12).
COMMANDS = {
    "demo": ("demo:demo", "Crawl three sample shops, change prices, refresh, and serve the result."),
    "live": ("demo:live", "Read one release year of the real shops, politely, and serve the result."),
    "vendors": ("vendors:list_vendors", "List the vendors with products, stock and last run."),
    "products": ("products:list_products", "List products as a table, JSON, CSV or Parquet."),
    "offers": ("products:list_offers", "List a SKU's offers at all vendors, best first."),
    "history": ("products:show_history", "Show every change of a product, with the job and page it was read from."),
    "forget": ("products:forget_product", "Remove a product and its history; it returns if its vendor lists it."),
    "read": ("probe:read", "Show what is read from a product page, without a database or Redis."),
    "doctor": ("doctor:doctor", "Check configuration, database, Redis and browser, and explain how to fix problems."),
    "run": ("jobs:run", "Submit a job; with --wait, exit with 1 unless it succeeds."),
    "logs": ("logs:logs", "Show the logs of all services and nodes, newest last."),
    "node": ("node:node", "Run a node: Scrapyd with the jobs table as its queue. Ctrl-C releases running jobs."),
    "scheduler": ("scheduler:scheduler", "Run a scheduler; several may run, and each firing happens once."),
    "server": ("server:server", "Run the server: web pages, and the API at /api/v1."),
    "up": ("up:up", "Run everything on this machine: Valkey, node, scheduler and server."),
    "sign-in": ("up:sign_in", "Print a link that signs in once as operator; it is valid for 15 minutes."),
    "metrics": ("metrics:metrics", "Show latency, time to first byte, counts, the queue and the quarantine."),
    "db": ("database:app", "Create or upgrade the catalog's database."),
    "jobs": ("jobs:app", "List jobs, show one with its descendants, or cancel one."),
    "schedule": ("schedule:app", "List and change schedules."),
    "held": ("audit:held", "List, release or discard quarantined changes."),
    "health": ("audit:health", "Show the vendors' health, or accept a vendor as it is."),
    "keys": ("keys:keys", "Create, list, rotate and revoke API keys; show the access log."),
    "users": ("keys:users", "Manage users and their roles."),
}


class Group(TyperGroup):
    """Commands that are imported when they are called; the help page shows them by their line alone."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (_, line) in COMMANDS.items():
            self.add_command(TyperCommand(name, help=line))

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """Import the command that is called."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(name) if name else None, rest


app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A price guide for collectible Christmas ornaments that keeps itself up to date.",
    epilog="Configuration: config/default.json or CHRISTMAS__* variables; `christmas doctor` checks it.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"christmas {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def load(name: str) -> Command:
    """Import a command or a group of commands."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    found = getattr(import_module(f"christmas.commands.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = name
    return command


def main() -> None:
    """Run a command; every expected error is one clear text on stderr and exit status 1."""
    redaction.install()
    try:
        app()
    except ChristmasError as error:
        print(f"christmas: {redaction.redact(str(error))}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except KeyboardInterrupt:
        print("christmas: interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
