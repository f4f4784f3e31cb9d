"""``christmas demo``: three sample shops are crawled, change, and are refreshed; everything else is real."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from christmas.catalog import changes, vendors
from christmas.db import database
from christmas.demo.server import DemoServer
from christmas.errors import ChristmasError
from christmas.jobs import local_crawls

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rich.console import Console
    from sqlalchemy import Engine

    from christmas.catalog.changes import ChangeRow

CHANGES_PER_SHOP = 8
REFRESH_SECONDS = 30
SHOWN_CHANGES = 15
# Waits for a number of seconds; raises ChristmasError where the server has ended.
Wait = Callable[[float | None], None]


def run(
    folder: Path, console: Console, serve: Callable[[Engine, Mapping[str, str], Path], AbstractContextManager[Wait]],
    *, size: int = 300, seed: int = 1973, once: bool = False,
) -> None:  # fmt: skip
    """Run it in ``folder``, which is emptied first; raise ChristmasError where the first crawl or the server fails.

    ``serve`` runs a server on a catalog with further variables and its log. Unless ``once``, the shops go on changing
    and are refreshed every half minute, until Ctrl-C.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    engine = database.open_engine(f"sqlite:///{folder / 'christmas.db'}")
    database.upgrade(engine)
    with DemoServer(size=size, seed=seed) as shops:
        environment, names = _environment(folder, shops), list(shops.shops)

        def crawl(title: str, **arguments: object) -> None:
            done = local_crawls.run(
                engine, names, arguments, environment=environment, logs=folder / "logs", console=console, title=title
            )
            local_crawls.raise_if_failed(done)

        with serve(engine, environment, folder / "logs" / "server.log") as wait:
            crawl("1  Reading three sample shops: listings, then every product's own page")
            chance = random.Random(seed)  # noqa: S311  # made-up prices, not secrets
            for round_ in count(2):
                changed = sum(len(shop.change_some(chance, CHANGES_PER_SHOP)) for shop in shops.shops.values())
                console.print(f"     {changed} ornaments in the shops get another price or stock.")
                try:
                    crawl(f"{round_}  Refreshing from the listings alone", stage="links", which="all")
                except ChristmasError as error:
                    if once:
                        raise
                    console.print(f"[red]{escape(str(error))}")  # the next one may find the database free again
                report(engine, console)
                if once:
                    return
                console.print(f"The next refresh begins in {REFRESH_SECONDS} s; Ctrl-C ends.")
                wait(REFRESH_SECONDS)


def _environment(folder: Path, shops: DemoServer) -> dict[str, str]:
    """Return the variables of the demonstration's processes."""
    addresses = {
        f"CHRISTMAS__VENDORS__{vendor.upper()}__BASE_URL": shop.base_url for vendor, shop in shops.shops.items()
    }
    return addresses | {
        "CHRISTMAS__VAR_PATH": str(folder),
        "CHRISTMAS__DATABASE__URL": f"sqlite:///{folder / 'christmas.db'}",
        "CHRISTMAS__POLITENESS__DOWNLOAD_DELAY_SECONDS": "0",
        "CHRISTMAS__POLITENESS__CONCURRENCY": "8",
        "CHRISTMAS__SERVER__PUBLIC": "true",  # the catalog is made up
    }


def report(engine: Engine, console: Console) -> None:
    """Print the number of products by vendor, and the newest changes."""
    with database.read(engine) as connection:
        counted = vendors.counts(connection)
        latest = changes.latest(connection, limit=SHOWN_CHANGES)
    table = Table("Vendor", "Products", "In stock", "Without price", title="Products")
    for name, row in counted.items():
        table.add_row(name, str(row.products), str(row.in_stock), str(row.without_price))
    console.print(table)
    console.print(changes_table(latest))
    console.print(
        "Look further: [bold].venv/bin/christmas products --demo[/] and, with an ID from there, history ID --demo"
    )


def changes_table(rows: list[ChangeRow]) -> Table:
    """Return a table of changes, the newest first."""
    table = Table(title=f"Changes, the newest first ({len(rows)})", expand=True)
    table.add_column("At (UTC)", no_wrap=True)
    table.add_column("Vendor", no_wrap=True)
    table.add_column("Product", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("Change", no_wrap=True)
    for row in rows:
        change = f"{row.field}: {row.old or '-'} -> {row.new or '-'}"
        table.add_row(row.at.strftime("%H:%M:%S"), row.vendor, row.name, change)
    return table
