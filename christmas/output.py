"""Products and histories as tables and as data for other programs."""

from __future__ import annotations

import csv
import json
import sys
from contextlib import contextmanager
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

from christmas.errors import ArgumentError, ChristmasError
from christmas.reading.money import format_amount, from_minor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from christmas.catalog.changes import ChangeRow
    from christmas.catalog.products import ProductRow

FORMATS = ("table", "json", "csv", "parquet")
PRODUCT_FIELDS = (
    "id", "vendor", "key", "sku", "gtin", "name", "brand", "release_year", "series", "series_number", "box", "price",
    "price_min", "price_max", "list_price", "currency", "availability", "url", "image_url", "first_seen",
    "last_changed", "gone_since",
)  # fmt: skip
_AMOUNTS = {"price", "price_min", "price_max", "list_price"}
# Rows of a Parquet row group; a million products are written without being held.
CHUNK = 10_000


def check(output: str, file: Path | None) -> None:
    """Refuse an unknown format, and Parquet without a file; raise ArgumentError."""
    if output not in FORMATS:
        raise ArgumentError(f"--format {output} is not known: use {', '.join(FORMATS)}.")
    if output == "parquet" and file is None:
        raise ArgumentError("--format parquet needs --file FILE: it is no text for a screen.")


def as_dict(row: ProductRow) -> dict[str, Any]:
    """Give a product as plain values: prices as decimal strings, times as ISO 8601."""
    values: dict[str, Any] = {}
    for name in PRODUCT_FIELDS:
        if name in _AMOUNTS:
            minor = getattr(row, f"{name}_minor")
            currency = row.currency or "USD"
            values[name] = None if minor is None else format_amount(from_minor(minor, currency), currency)
        else:
            value = getattr(row, name)
            values[name] = value.isoformat() if isinstance(value, datetime) else value
    values["id"] = str(values["id"])
    return values


def products(rows: Iterable[ProductRow], output: str, file: Path | None) -> None:
    """Write products in a format; ``file`` None is the screen."""
    values = (as_dict(row) for row in rows)
    if output == "parquet" and file is not None:
        _parquet(values, file)
        return
    with _target(file) as target:
        {"table": _table, "json": _json_lines, "csv": _csv}[output](values, target)


def history(product: ProductRow, rows: list[ChangeRow], output: str) -> None:
    """Write one product's changes; JSON is a list of ``field, old, new, at, job, url, source, log``.

    ``log`` is where a node shows the job's log.
    """
    names = ("field", "old", "new", "at", "job", "url", "source")
    values = [
        {name: getattr(row, name) for name in names}
        | {"at": row.at.isoformat(), "log": f"/logs/christmas/{row.vendor}/{row.job}.log"}
        for row in rows
    ]
    if output == "json":
        print(json.dumps(values, ensure_ascii=False, indent=1))  # noqa: T201
        return
    from rich.console import Console
    from rich.table import Table

    now = as_dict(product)
    price = f"{now['price']} {now['currency']}" if now["price"] else "no price"
    table = Table(
        "Field", "Old", "New", "When", "Source", "Page",
        title=f"{product.name} ({product.vendor} {product.key}): {price}, {product.availability}",
    )  # fmt: skip
    for one in values:
        table.add_row(one["field"], one["old"] or "-", one["new"] or "-", one["at"], one["source"], one["url"])
    Console().print(table if values else f"{table.title}\nNothing has changed since {now['first_seen']}.")


@contextmanager
def _target(file: Path | None) -> Iterator[IO[str]]:
    if file is None:
        yield sys.stdout
        return
    try:
        with file.open("w", encoding="utf-8", newline="") as handle:
            yield handle
    except OSError as error:
        raise ChristmasError(f"{file} cannot be written: {error.strerror}.") from error


def _json_lines(values: Iterable[dict[str, Any]], target: IO[str]) -> None:
    separator = "["
    for one in values:
        target.write(f"{separator}\n {json.dumps(one, ensure_ascii=False)}")
        separator = ","
    target.write("[]\n" if separator == "[" else "\n]\n")


def _csv(values: Iterable[dict[str, Any]], target: IO[str]) -> None:
    writer = csv.DictWriter(target, PRODUCT_FIELDS)
    writer.writeheader()
    for one in values:
        # A spreadsheet would run a name that begins like a formula.
        writer.writerow({k: f"'{v}" if isinstance(v, str) and v[:1] in "=+-@" else v for k, v in one.items()})


def _table(values: Iterable[dict[str, Any]], target: IO[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("ID", "Vendor", "SKU", "Name", "Year", "Price", "Was", "Stock")
    for one in values:
        price = f"{one['price']} {one['currency']}" if one["price"] else "-"
        year = str(one["release_year"] or "-")
        table.add_row(
            one["id"][:8], one["vendor"], one["sku"] or "-", one["name"], year, price, one["list_price"] or "-",
            one["availability"],
        )  # fmt: skip
    console = Console(file=target)
    console.print(table if table.row_count else "No products: `christmas demo` or `christmas live` reads some.")


def _parquet(values: Iterable[dict[str, Any]], file: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    integers = {"release_year", "series_number"}
    schema = pa.schema([(name, pa.int32() if name in integers else pa.string()) for name in PRODUCT_FIELDS])
    try:
        with pq.ParquetWriter(file, schema) as writer:
            chunk: list[dict[str, Any]] = []
            for one in values:
                chunk.append(one)
                if len(chunk) == CHUNK:
                    writer.write_table(pa.Table.from_pylist(chunk, schema))
                    chunk = []
            writer.write_table(pa.Table.from_pylist(chunk, schema))
    except OSError as error:
        raise ChristmasError(f"{file} cannot be written: {error}") from error
