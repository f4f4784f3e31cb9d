"""``christmas products``, ``offers``, ``history`` and ``forget``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from christmas.catalog import changes, offers, product_lists, products
from christmas.catalog.filters import Filters
from christmas.catalog.search import Vocabulary
from christmas.commands import formats
from christmas.commands.common import Demo, TableOrJson, engine
from christmas.db import database
from christmas.errors import ArgumentError, PriceUnreadable
from christmas.items import Availability
from christmas.reading.money import amount, to_minor

Output = Annotated[str, typer.Option("--format", help="table, json, csv or parquet.")]


def list_products(
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
    gone: Annotated[bool, typer.Option("--gone", help="Include delisted products.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of products.")] = None,
    output: Output = "table",
    file: Annotated[Path | None, typer.Option(help="Write to this file instead of the screen.")] = None,
    demo: Demo = False,
) -> None:
    """List products as a table, JSON, CSV or Parquet."""
    formats.check(output, file)
    filters = Filters(
        vendor=vendor, year=year, availability=_availability(availability), brand=brand, series=series, gone=gone,
        price_min_minor=_minor("--min-price", min_price), price_max_minor=_minor("--max-price", max_price),
    )  # fmt: skip
    with database.read(engine(demo=demo)) as connection:
        filters = replace(filters, query=Vocabulary().query(connection, text))
        formats.understood(filters.query)
        formats.products(product_lists.find(connection, filters, limit=limit), output, file)


def list_offers(
    sku: Annotated[str, typer.Argument(help="A SKU in any spelling, such as QX4822.")],
    year: Annotated[int | None, typer.Option(help="Only this release year.")] = None,
    currency: Annotated[
        str | None, typer.Option(help="The currency to compare prices in; by default the one most offers have.")
    ] = None,
    output: Output = "table",
    file: Annotated[Path | None, typer.Option(help="Write to this file instead of the screen.")] = None,
    demo: Demo = False,
) -> None:
    """List a SKU's offers at all vendors, best first."""
    formats.check(output, file)
    with database.read(engine(demo=demo)) as connection:
        found = offers.of_sku(connection, sku, year, currency=currency)
    formats.products(found.offers, output, file)


def show_history(
    id: Annotated[str, typer.Argument(help="A product's ID, its first characters, or vendor:key.")],  # noqa: A002
    output: TableOrJson = "table",
    demo: Demo = False,
) -> None:
    """Show every change of a product, with the job and page it was read from."""
    with database.read(engine(demo=demo)) as connection:
        product = products.get(connection, id)
        if product is None:
            raise ArgumentError(f"No product {id!r}: use an ID from `christmas products`, or vendor:key.")
        rows = changes.history(connection, product.id)
    formats.history(product, rows, output)


def forget_product(
    id: Annotated[str, typer.Argument(help="A product's ID, its first characters, or vendor:key.")],  # noqa: A002
) -> None:
    """Remove a product and its history; it returns if its vendor lists it."""
    with database.begin(engine()) as connection:
        product = products.get(connection, id)
        if product is None:
            raise ArgumentError(f"No product {id!r}: use an ID from `christmas products`, or vendor:key.")
        products.remove(connection, product.id)
    typer.echo(f"{product.vendor}:{product.key} ({product.name}) has been removed")


def _availability(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    if text not in {one.value for one in Availability}:
        raise ArgumentError(f"--availability {text} is not known: use {', '.join(one.value for one in Availability)}.")
    return (text,)


def _minor(name: str, text: str | None) -> int | None:
    try:
        value = amount(text)
    except PriceUnreadable as error:
        raise ArgumentError(f"{name}: {error}") from error
    return None if value is None else to_minor(value, "USD")
