"""Products and histories as tables and as data for other programs."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from christmas.catalog import export
from christmas.errors import ArgumentError, ChristmasError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from christmas.catalog.changes import ChangeRow
    from christmas.catalog.products import ProductRow
    from christmas.catalog.search import Query

FORMATS = ("table", "json", "csv", "parquet")
# What is written as the server exports it.
FILES = ("csv", "parquet")


def check(output: str, file: Path | None) -> None:
    """Refuse an unknown format, and Parquet without a file; raise ArgumentError."""
    if output not in FORMATS:
        raise ArgumentError(f"--format {output} is not known: use {', '.join(FORMATS)}.")
    if output == "parquet" and file is None:
        raise ArgumentError("--format parquet needs --file FILE: it is binary.")


def products(rows: Iterable[ProductRow], output: str, file: Path | None) -> None:
    """Write products in a format; ``file`` None is the screen."""
    if output in FILES:
        with _opened(file, "wb") as binary:
            binary.writelines(export.FORMATS[output][1](rows))
        return
    values = (export.as_dict(row) for row in rows)
    with _opened(file, "w") as target:
        {"table": _table, "json": _json_list}[output](values, target)


def understood(query: Query | None) -> None:
    """Print the corrected words to stderr."""
    for written, meant in query.corrected.items() if query is not None else ():
        print(f"Showing results for {meant} instead of {written}.", file=sys.stderr)  # noqa: T201


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
    now = export.as_dict(product)
    price = f"{now['price']} {now['currency']}" if now["price"] else "no price"
    table = Table(
        "Field", "Old", "New", "When", "Source", "Page",
        title=f"{product.name} ({product.vendor} {product.key}): {price}, {product.availability}",
    )  # fmt: skip
    for one in values:
        table.add_row(one["field"], one["old"] or "-", one["new"] or "-", one["at"], one["source"], one["url"])
    Console().print(table if values else f"{table.title}\nNothing has changed since {now['first_seen']}.")


@contextmanager
def _opened(file: Path | None, mode: str) -> Iterator[IO[Any]]:
    if file is None:
        sys.stdout.flush()
        yield sys.stdout.buffer if "b" in mode else sys.stdout
        return
    try:
        with file.open(mode, encoding=None if "b" in mode else "utf-8") as handle:
            yield handle
    except OSError as error:
        raise ChristmasError(f"{file} cannot be written: {error.strerror}.") from error


def _json_list(values: Iterable[dict[str, Any]], target: IO[str]) -> None:
    separator = "["
    for one in values:
        target.write(f"{separator}\n {json.dumps(one, ensure_ascii=False)}")
        separator = ","
    target.write("[]\n" if separator == "[" else "\n]\n")


def _table(values: Iterable[dict[str, Any]], target: IO[str]) -> None:
    table = Table("ID", "Vendor", "SKU", "Name", "Year", "Price", "Was", "Stock")
    for one in values:
        price = f"{one['price']} {one['currency']}" if one["price"] else "-"
        year = str(one["release_year"] or "-")
        table.add_row(
            one["id"][:8], one["vendor"], one["sku"] or "-", one["name"], year, price, one["list_price"] or "-",
            one["availability"],
        )  # fmt: skip
    console = Console(file=target)
    empty = "No products found. `christmas demo` or `christmas live` fills an empty catalog."
    console.print(table if table.row_count else empty)
