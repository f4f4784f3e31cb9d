"""``christmas doctor``: what this installation needs, what is wrong with it and how to fix it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from christmas import valkey
from christmas.catalog import vendors
from christmas.config import current, documentation
from christmas.db import database
from christmas.errors import ChristmasError
from christmas.platforms.browser import find_browser

if TYPE_CHECKING:
    from collections.abc import Callable

    from christmas.config import Config


def doctor(
    keys: Annotated[bool, typer.Option("--keys", help="List every key of the configuration instead.")] = False,
) -> None:
    """Check configuration, database, Redis and browser, and explain how to fix problems."""
    if keys:
        list_keys()
    elif not run():
        raise typer.Exit(1)


def run() -> bool:
    """Print one line per check; False where something that is needed is wrong."""
    console = Console(soft_wrap=True, highlight=False)
    try:
        config = current()
    except ChristmasError as error:
        console.print(f"[red]wrong[/]  configuration: {error}", markup=True)
        return False
    console.print(f"[green]right[/]  configuration; state is in {config.var_path}")
    checks: tuple[tuple[str, Callable[[Config], str]], ...] = (("database", _database), ("redis", _redis))
    fine = True
    for name, check in checks:
        try:
            console.print(f"[green]right[/]  {name}: {check(config)}")
        except ChristmasError as error:
            fine = False
            console.print(f"[red]wrong[/]  {name}: {error}")
    _optional(console.print, config)
    return fine


def list_keys() -> None:
    """Print every key of the configuration with its default, its meaning and its variable."""
    table = Table("Key", "Default", "Meaning", title="Keys of config/<ENV>.json, or CHRISTMAS__SECTION__KEY variables")
    for key, default, meaning in documentation():
        table.add_row(key, default, meaning)
    Console().print(table)


def _database(config: Config) -> str:
    engine = database.get_engine(config)
    database.upgrade(engine)
    with database.read(engine) as connection:
        count = sum(row.products for row in vendors.counts(connection).values())
    return f"{database.shown(engine.url)}, {count} products"


def _redis(config: Config) -> str:
    client = valkey.connect(config)
    client.close()
    return "the configured server answers" if config.redis.url else "the embedded Valkey starts"


def _optional(tell: Callable[[str], None], config: Config) -> None:
    browser = find_browser(config.browser_path)
    if browser:
        tell(f"[green]right[/]  browser: {browser}")
    else:
        tell("[yellow]none[/]   browser: needed only by vendors that need one; install chromium")
    if not config.contact_url:
        tell("[yellow]none[/]   contact_url: needed before a real vendor is read; set CHRISTMAS__CONTACT_URL")
