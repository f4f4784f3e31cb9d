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
    "demo": (
        "demo:demo",
        "Crawl three bundled sample shops, let prices change, refresh, and show what changed; with the pages beside.",
    ),
    "live": (
        "demo:live",
        "Read the real shops, carefully: one release year and a few product pages each; with the pages beside.",
    ),
    "vendors": (
        "vendors:vendors",
        "List the vendors: products, how many of them can be bought, last run and how it ended.",
    ),
    "products": ("products:products", "List products, as a table or for other programs (json, csv, parquet)."),
    "offers": (
        "products:offers",
        "List one SKU's offers in all shops, the best first: what can be bought, what is sold out, what is delisted.",
    ),
    "history": (
        "products:history",
        "Show every change of one product: field, old, new, when, by which job, and where it was read.",
    ),
    "forget": ("products:forget", "Remove one product and its history; it is read anew as long as its shop lists it."),
    "read": (
        "probe:read",
        "Show what the readers read from any page; needs no database and no Redis unless the page was kept by a run.",
    ),
    "doctor": (
        "doctor:doctor",
        "Check configuration, database, Redis and browser; say what is wrong and how to fix it.",
    ),
    "run": ("jobs:run", "Submit a job; with --wait, exit status 1 where it does not succeed."),
    "logs": ("logs:logs", "Show what all processes of all nodes have logged, the newest last."),
    "node": (
        "node:node",
        "Run a node: Scrapyd with the jobs table as its queue, and keys. Ctrl-C hands running jobs back.",
    ),
    "scheduler": ("scheduler:scheduler", "Run the scheduler; as many as you like may run, each firing happens once."),
    "server": ("server:server", "Run the server: the API under /api/v1 and the web pages."),
    "up": (
        "up:up",
        "Run everything on this machine: Valkey, a node for all consumers, scheduler, server. Ctrl-C stops it all.",
    ),
    "sign-in": (
        "up:sign_in",
        "Print a link that signs in once, as the operator of this machine; it works for 15 minutes.",
    ),
    "metrics": ("metrics:metrics", "Show latency, time to first byte, durations, counts, the queue and what is held."),
    "db": ("database:app", "Create or upgrade the catalog's database."),
    "jobs": ("jobs:app", "List jobs, show one with everything below it, or cancel one."),
    "schedule": ("schedule:app", "What is done when: list, pause, resume, run, add, change, remove."),
    "held": ("audit:held", "Changes that are not believed yet: list, release, discard."),
    "health": ("audit:health", "How the vendors are, as their last runs have shown."),
    "keys": ("keys:keys", "API keys: create, list, revoke, rotate; and the access log."),
    "users": ("keys:users", "Users and their roles."),
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
