"""``christmas demo`` and ``christmas live``: shops are read by this command itself, with the server beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from christmas.commands.common import console, demo_folder, engine
from christmas.commands.up import server_beside
from christmas.commands.vendors import known_vendors, vendors_table
from christmas.config import current
from christmas.demo import run
from christmas.errors import ChristmasError
from christmas.jobs import local_crawls

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlalchemy import Engine


def demo(
    size: Annotated[int, typer.Option(min=1, max=100_000, help="Ornaments per sample shop.")] = 300,
    once: Annotated[bool, typer.Option("--once", help="Exit after the first refresh.")] = False,
) -> None:
    """Crawl three sample shops, change prices, refresh, and serve the result."""
    config = current()

    def serve(catalog: Engine, variables: Mapping[str, str], log: Path) -> AbstractContextManager[run.Wait]:
        return server_beside(config, catalog, variables, log, typer.echo)

    run.run(demo_folder(config), console(), serve, size=size, once=once)


def live(
    vendors: Annotated[list[str] | None, typer.Argument(help="Vendors to read; default all.")] = None,
    year: Annotated[int | None, typer.Option(help="Release year; default the current one.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Product pages per vendor.")] = 50,
    once: Annotated[bool, typer.Option("--once", help="Exit after reading instead of serving the pages.")] = False,
) -> None:
    """Read one release year of the real shops, politely, and serve the result."""
    config = current()
    names = known_vendors(vendors)
    if not config.contact_url:
        raise ChristmasError(
            "Reading real shops needs a contact their owners can reach: set CHRISTMAS__CONTACT_URL to a page or a "
            "mailto: address, such as CHRISTMAS__CONTACT_URL=mailto:you@example.org make live"
        )
    catalog = engine()
    chosen, logs_folder = year or datetime.now(UTC).year, config.var_path / "logs"
    with server_beside(config, catalog, {}, logs_folder / "server.log", typer.echo) as wait:
        for title, arguments in (
            (f"1/2  Listings of {chosen}", {"stage": "links", "year": chosen}),
            (
                f"2/2  At most {limit} product pages",
                {"stage": "products", "which": "unscraped", "year": chosen, "limit": limit},
            ),
        ):
            done = local_crawls.run(
                catalog, names, arguments, environment={}, logs=logs_folder, console=console(), title=title
            )
            local_crawls.raise_if_failed(done)
        vendors_table(catalog)
        if not once:
            typer.echo("Serving the pages; press Ctrl-C to stop.")
            wait(None)
