"""Products as data for other programs: plain values, and files of any length, piece by piece."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from christmas.items import DECLARED, Kind
from christmas.reading.money import decimals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from christmas.catalog.products import ProductRow

# The columns of a file.
COLUMNS = (
    "id", "vendor", "key", *(one.public_name for one in DECLARED), "url", "first_seen", "last_changed",
    "gone_since",
)  # fmt: skip
_AMOUNTS = {one.public_name: one.name for one in DECLARED if one.kind is Kind.AMOUNT}
_NUMBERS = {one.name for one in DECLARED if one.kind is Kind.NUMBER}
# Rows of a Parquet row group; a million products are written without being held.
GROUP_ROWS = 10_000
CHUNK_ROWS = 500


def as_dict(row: ProductRow) -> dict[str, Any]:
    """Return a product as plain values: prices as decimal strings, times as ISO 8601."""
    values: dict[str, Any] = {}
    for name in COLUMNS:
        if name in _AMOUNTS:
            values[name] = amount(getattr(row, _AMOUNTS[name]), row.currency)
        else:
            value = getattr(row, name)
            values[name] = value.isoformat() if isinstance(value, datetime) else value
    values["id"] = str(values["id"])
    return values


def amount(minor: int | None, currency: str | None) -> str | None:
    """Return an amount in minor units as a decimal string: 2495 USD is ``24.95``; None stays None."""
    if minor is None:
        return None
    places = decimals(currency)  # in integers, for it is asked for hundreds of times a page
    whole, part = divmod(abs(minor), 10**places)
    return f"{'-' if minor < 0 else ''}{whole}{f'.{part:0{places}}' if places else ''}"


def json_lines(rows: Iterable[ProductRow]) -> Iterator[bytes]:
    """Yield one JSON object a line."""
    for some in _some(rows, CHUNK_ROWS):
        yield "".join(json.dumps(as_dict(row), ensure_ascii=False) + "\n" for row in some).encode()


def csv_lines(rows: Iterable[ProductRow]) -> Iterator[bytes]:
    """Yield CSV with a header."""
    yield from csv_of(COLUMNS, map(as_dict, rows))


def csv_of(fields: Iterable[str], values: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Yield plain values as CSV with a header; what a spreadsheet would run as a formula gets an apostrophe."""
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, list(fields))
    writer.writeheader()
    for some in _some(values, CHUNK_ROWS):
        writer.writerows({name: _harmless(value) for name, value in one.items()} for one in some)
        yield target.getvalue().encode()
        target.seek(0)
        target.truncate()
    yield target.getvalue().encode()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" else value


def parquet(rows: Iterable[ProductRow]) -> Iterator[bytes]:
    """Yield a Parquet file, a row group at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.int32() if name in _NUMBERS else pa.string()) for name in COLUMNS])
    target = _Taken()
    with pq.ParquetWriter(pa.PythonFile(target, mode="w"), schema) as writer:
        for some in _some(rows, GROUP_ROWS):
            writer.write_table(pa.Table.from_pylist([as_dict(row) for row in some], schema))
            yield target.take()
    yield target.take()


class _Taken(io.RawIOBase):
    """A write-only file whose bytes are taken while it grows."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.parts.append(bytes(data))
        self.length += len(self.parts[-1])
        return len(self.parts[-1])

    def tell(self) -> int:
        return self.length

    def take(self) -> bytes:
        taken, self.parts = b"".join(self.parts), []
        return taken


def _some(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    some: list[Any] = []
    for row in rows:
        some.append(row)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


# By the name of the format: media type and what makes the file.
FORMATS: dict[str, tuple[str, Callable[[Iterable[ProductRow]], Iterator[bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", csv_lines),
    "jsonl": ("application/x-ndjson", json_lines),
    "parquet": ("application/vnd.apache.parquet", parquet),
}
