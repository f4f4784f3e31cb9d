"""The ``christmas`` command."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from christmas import __version__
from christmas import config as configuration
from christmas.commands import audit, jobs, keys, logs, metrics, schedule, services
from christmas.commands.common import console
from christmas.commands.common import engine as configured_engine
from christmas.errors import ArgumentError, ChristmasError
from christmas.logs import redaction

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from sqlalchemy import Engine

    from christmas.catalog.vendor_health import HealthRow
    from christmas.config import Config
    from christmas.jobs.records import JobRow

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A price guide for collectible Christmas ornaments that keeps itself up to date.",
    epilog="Configuration: config/default.json or CHRISTMAS__* variables; `christmas doctor` checks it.",
)
db = typer.Typer(no_args_is_help=True, help="The catalog's database.")
app.add_typer(db, name="db")
app.add_typer(jobs.app, name="jobs", cls=jobs.Group)
app.add_typer(schedule.app, name="schedule")
app.add_typer(audit.held, name="held")
app.add_typer(audit.health, name="health")
app.add_typer(keys.keys, name="keys")
app.add_typer(keys.users, name="users")
for command in (
    jobs.run, logs.logs, services.node, services.scheduler, services.server, services.up, services.sign_in,
    metrics.metrics,
):  # fmt: skip
    app.command()(command)

Demo = Annotated[bool, typer.Option("--demo", help="Look at the demonstration's catalog instead of your own.")]
Output = Annotated[str, typer.Option("--format", help="table, json, csv or parquet.")]


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


@app.command()
def demo(
    size: Annotated[int, typer.Option(min=1, max=100_000, help="Ornaments per sample shop.")] = 300,
    once: Annotated[bool, typer.Option("--once", help="End after the first refresh.")] = False,
) -> None:
    """Crawl three bundled sample shops, let prices change, refresh, and show what changed; with the pages beside."""
    from christmas.commands import up as running
    from christmas.demo import run

    config = configuration.current()

    def serve(engine: Engine, variables: Mapping[str, str], log: Path) -> AbstractContextManager[run.Wait]:
        return running.server_beside(config, engine, variables, log, typer.echo)

    run.run(_demo_folder(config), console(), serve, size=size, once=once)


@app.command()
def live(
    vendors: Annotated[list[str] | None, typer.Argument(help="Vendors to read; all when none is named.")] = None,
    year: Annotated[int | None, typer.Option(help="Release year; the current one unless told.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Product pages per vendor.")] = 50,
    once: Annotated[bool, typer.Option("--once", help="End after the reading; the pages otherwise stay.")] = False,
) -> None:
    """Read the real shops, carefully: one release year and a few product pages each; with the pages beside."""
    from datetime import UTC, datetime

    from christmas.commands import up as running
    from christmas.jobs import local_crawls

    config = configuration.current()
    names = _known_vendors(vendors)
    if not config.contact_url:
        raise ChristmasError(
            "Reading real shops needs a contact their owners can reach: set CHRISTMAS__CONTACT_URL to a page or a "
            "mailto: address, such as CHRISTMAS__CONTACT_URL=mailto:you@example.org make live"
        )
    engine = _catalog(config)
    chosen, logs_folder = year or datetime.now(UTC).year, config.var_path / "logs"
    with running.server_beside(config, engine, {}, logs_folder / "server.log", typer.echo) as wait:
        for title, arguments in (
            (f"1/2  Listings of {chosen}", {"stage": "links", "year": chosen}),
            (
                f"2/2  At most {limit} product pages",
                {"stage": "products", "which": "unscraped", "year": chosen, "limit": limit},
            ),
        ):
            done = local_crawls.run(
                engine, names, arguments, environment={}, logs=logs_folder, console=console(), title=title
            )
            local_crawls.raise_if_failed(done)
        vendors_table(engine)
        if not once:
            typer.echo("The pages stay until Ctrl-C.")
            wait(None)


@app.command()
def vendors(demo: Demo = False) -> None:
    """List the vendors: products, how many of them can be bought, last run and how it ended."""
    vendors_table(_catalog(configuration.current(), demo=demo))


@app.command()
def products(
    vendor: Annotated[str | None, typer.Option(help="Only this vendor.")] = None,
    year: Annotated[int | None, typer.Option(help="Only this release year.")] = None,
    availability: Annotated[str | None, typer.Option(help="in_stock, low_stock, out_of_stock, preorder ...")] = None,
    text: Annotated[
        str | None, typer.Option(help="Words of name, series, brand, year or SKU; misspelt ones are corrected.")
    ] = None,
    brand: Annotated[str | None, typer.Option(help="Only this brand.")] = None,
    series: Annotated[str | None, typer.Option(help="Only this series.")] = None,
    min_price: Annotated[str | None, typer.Option(help="At least this price in US dollars, such as 12.50.")] = None,
    max_price: Annotated[str | None, typer.Option(help="At most this price in US dollars.")] = None,
    gone: Annotated[bool, typer.Option("--gone", help="Also what the shops no longer list.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="The most products to list.")] = None,
    output: Output = "table",
    file: Annotated[Path | None, typer.Option(help="Write to this file instead of the screen.")] = None,
    demo: Demo = False,
) -> None:
    """List products, as a table or for other programs (json, csv, parquet)."""
    from christmas.catalog import product_lists
    from christmas.catalog.filters import Filters
    from christmas.catalog.search import Vocabulary
    from christmas.commands import output as writers
    from christmas.db import database

    writers.check(output, file)
    filters = Filters(
        vendor=vendor, year=year, availability=_availability(availability), brand=brand, series=series, gone=gone,
        price_min_minor=_minor("--min-price", min_price), price_max_minor=_minor("--max-price", max_price),
    )  # fmt: skip
    with database.read(_catalog(configuration.current(), demo=demo)) as connection:
        filters = replace(filters, query=Vocabulary().query(connection, text))
        writers.understood(filters.query)
        writers.products(product_lists.find(connection, filters, limit=limit), output, file)


@app.command()
def offers(
    sku: Annotated[str, typer.Argument(help="A SKU in any spelling, such as QX4822.")],
    year: Annotated[int | None, typer.Option(help="Only of this release year.")] = None,
    currency: Annotated[
        str | None, typer.Option(help="The currency to compare prices in; by default the one most offers have.")
    ] = None,
    output: Output = "table",
    file: Annotated[Path | None, typer.Option(help="Write to this file instead of the screen.")] = None,
    demo: Demo = False,
) -> None:
    """List one SKU's offers in all shops, the best first: what can be bought, what is sold out, what is delisted."""
    from christmas.catalog import offers as store
    from christmas.commands import output as writers
    from christmas.db import database

    writers.check(output, file)
    with database.read(_catalog(configuration.current(), demo=demo)) as connection:
        found = store.of_sku(connection, sku, year, currency=currency)
    writers.products(found.offers, output, file)


@app.command()
def history(
    id: Annotated[str, typer.Argument(help="A product's ID, its first characters, or vendor:key.")],  # noqa: A002
    output: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
    demo: Demo = False,
) -> None:
    """Show every change of one product: field, old, new, when, by which job, and where it was read."""
    from christmas.catalog import changes
    from christmas.catalog import products as store
    from christmas.commands import output as writers
    from christmas.db import database

    if output not in {"table", "json"}:
        raise ArgumentError(f"--format {output} is not known here: use table or json.")
    with database.read(_catalog(configuration.current(), demo=demo)) as connection:
        product = store.get(connection, id)
        if product is None:
            raise ArgumentError(f"No product {id!r}: give an ID from `christmas products`, or vendor:key.")
        rows = changes.history(connection, product.id)
    writers.history(product, rows, output)


@app.command()
def forget(
    id: Annotated[str, typer.Argument(help="A product's ID, its first characters, or vendor:key.")],  # noqa: A002
) -> None:
    """Remove one product and its history; it is read anew as long as its shop lists it."""
    from christmas.catalog import products as store
    from christmas.db import database

    with database.begin(_catalog(configuration.current())) as connection:
        product = store.get(connection, id)
        if product is None:
            raise ArgumentError(f"No product {id!r}: give an ID from `christmas products`, or vendor:key.")
        store.remove(connection, product.id)
    typer.echo(f"{product.vendor}:{product.key} ({product.name}) is forgotten")


@app.command()
def read(
    pages: Annotated[list[str] | None, typer.Argument(help="Files or http(s) addresses of product pages.")] = None,
    kept: Annotated[
        list[int] | None, typer.Option(help="ID of a page that a run kept, from `christmas held --format json`.")
    ] = None,
    url: Annotated[str, typer.Option(help="The address a file was saved from; it may hold the key.")] = "",
    output: Annotated[str, typer.Option("--format", help="table or json (one object a line).")] = "table",
) -> None:
    """Show what the readers read from any page; needs no database and no Redis unless the page was kept by a run."""
    from christmas.commands import probe

    if output not in {"table", "json"}:
        raise ArgumentError(f"--format {output} is not known here: use table or json.")
    if not pages and not kept:
        raise ArgumentError("Name a file or an address, or give --kept ID.")
    found = [probe.kept(configured_engine(), number) for number in kept or []]
    if not probe.show([*(pages or []), *found], url, output):
        raise typer.Exit(1)


@db.command()
def upgrade(
    service_keys: Annotated[
        Path | None,
        typer.Option(help="Folder with integrator.key, scheduler.key, server.key: makes them the services' keys."),
    ] = None,
) -> None:
    """Create the catalog's tables, or bring them up to date; on PostgreSQL the services' roles too."""
    from christmas.access import bootstrap
    from christmas.db import database
    from christmas.policy import rules

    config = configuration.current()
    engine = _catalog(config)
    database.grant(engine, rules.load(config))
    typer.echo(f"The catalog is up to date: {database.shown(engine.url)}")
    if service_keys is not None:
        typer.echo(f"Keys are known of {', '.join(bootstrap.register(config, engine, service_keys))}")


@db.command()
def grants() -> None:
    """Print the SQL that makes PostgreSQL's roles what the policy says, for who may not create roles."""
    from christmas.db import permissions
    from christmas.policy import rules

    for statement in permissions.grants(rules.load(configuration.current())):
        typer.echo(f"{statement};")


@app.command()
def doctor(
    keys: Annotated[bool, typer.Option("--keys", help="List every key of the configuration instead.")] = False,
) -> None:
    """Check configuration, database, Redis and browser; say what is wrong and how to mend it."""
    from christmas.commands import doctor as checkup

    if keys:
        checkup.list_keys()
        return
    if not checkup.run():
        raise typer.Exit(1)


def vendors_table(engine: Engine) -> None:
    """Print one line per vendor."""
    from rich.table import Table

    from christmas.catalog import vendors as store
    from christmas.db import database
    from christmas.jobs import records as runs
    from christmas.jobs import submission

    table = Table("Vendor", "Products", "In stock", "Without price", "Health", "Last run", "Result")
    with database.read(engine) as connection:
        for row in store.overview(connection, submission.known_vendors(connection, None)):
            job = runs.last(connection, row.name)
            when = job.started_at.strftime("%Y-%m-%d %H:%M UTC") if job and job.started_at else "never"
            numbers = (row.count.products, row.count.in_stock, row.count.without_price)
            table.add_row(row.name, *map(str, numbers), _health(row.health), when, _result(job) if job else "")
    console().print(table)


def _health(row: HealthRow | None) -> str:
    if row is None:
        return ""
    return f"{row.state} ({row.kind})" if row.kind else row.state


def _result(job: JobRow) -> str:
    error = (job.outcome or {}).get("error")
    return f"{job.state}: {error}" if error else job.state


def _known_vendors(wanted: list[str] | None) -> list[str]:
    from christmas.jobs import spider_files

    known = sorted(spider_files.installed())
    for name in wanted or []:
        if name not in known:
            raise ArgumentError(f"No vendor {name!r}; there are {', '.join(known)}.")
    return wanted or known


def _catalog(config: Config, *, demo: bool = False) -> Engine:
    from christmas.db import database

    if demo:
        path = _demo_folder(config) / "christmas.db"
        if not path.exists():
            raise ChristmasError("There is no demonstration yet: `christmas demo` makes one.")
        return database.open_engine(f"sqlite:///{path}")
    return configured_engine()


def _demo_folder(config: Config) -> Path:
    return config.var_path / "demo"


def _availability(text: str | None) -> tuple[str, ...]:
    from christmas.items import Availability

    if text is None:
        return ()
    if text not in {one.value for one in Availability}:
        raise ArgumentError(f"--availability {text} is not known: use {', '.join(one.value for one in Availability)}.")
    return (text,)


def _minor(name: str, text: str | None) -> int | None:
    from christmas.errors import PriceUnreadable
    from christmas.reading.money import amount, to_minor

    try:
        value = amount(text)
    except PriceUnreadable as error:
        raise ArgumentError(f"{name}: {error}") from error
    return None if value is None else to_minor(value, "USD")
