"""``christmas demo``: three sample shops are crawled, change, and are refreshed; everything else is real."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING

from rich.table import Table

from christmas import crawls
from christmas.demo.server import DemoServer

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console
    from sqlalchemy import Engine

    from christmas.catalog.changes import ChangeRow

CHANGES_PER_SHOP = 8


def run(folder: Path, console: Console, *, size: int = 300, seed: int = 1973) -> None:
    """Run the demonstration in ``folder`` (emptied first); raise ChristmasError where a crawl fails."""
    from christmas.catalog import database

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    engine = database.open_engine(f"sqlite:///{folder / 'christmas.db'}")
    database.upgrade(engine)
    with DemoServer(size=size, seed=seed) as server:
        environment = {
            "CHRISTMAS__VAR_PATH": str(folder),
            "CHRISTMAS__DATABASE__URL": f"sqlite:///{folder / 'christmas.db'}",
            "CHRISTMAS__POLITENESS__DOWNLOAD_DELAY_SECONDS": "0",
            "CHRISTMAS__POLITENESS__CONCURRENCY": "8",
        }
        for vendor, shop in server.shops.items():
            environment[f"CHRISTMAS__VENDORS__{vendor.upper()}__BASE_URL"] = shop.base_url
        vendors = list(server.shops)

        def crawl(title: str, **arguments: object) -> None:
            done = crawls.run(
                engine, vendors, arguments, environment=environment, logs=folder / "logs", console=console, title=title
            )
            crawls.raise_if_failed(done)

        crawl("1/2  Reading three sample shops: listings, then every product's own page")
        changed = 0
        for vendor, shop in server.shops.items():
            changed += len(shop.change_some(random.Random(f"{seed}{vendor}"), CHANGES_PER_SHOP))  # noqa: S311
        console.print(f"     The shops change {changed} prices and stocks.")
        crawl("2/2  Refreshing from the listings alone", stage="links", which="all")
    _report(engine, console)


def _report(engine: Engine, console: Console) -> None:
    from christmas.catalog import changes, database, products

    with database.read(engine) as connection:
        counts = products.count_by_vendor(connection)
        latest = changes.latest(connection, limit=100)
    table = Table("Vendor", "Products", "In stock", "Without price", title="Products")
    for row in counts:
        table.add_row(row.vendor, str(row.products), str(row.in_stock), str(row.without_price))
    console.print(table)
    console.print(changes_table(latest))
    console.print(
        "Look further: [bold]christmas products --demo[/], [bold]christmas history ID --demo[/] with an ID from there."
    )


def changes_table(rows: list[ChangeRow]) -> Table:
    """Lay changes out as a table, newest first."""
    table = Table("When", "Vendor", "Product", "Field", "Old", "New", title=f"Changes ({len(rows)})")
    for row in rows:
        when = row.at.strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(when, row.vendor, row.name, row.field, row.old or "-", row.new or "-")
    return table
