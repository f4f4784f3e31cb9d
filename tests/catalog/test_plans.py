"""What runs for each batch, or for each of many keys, finds its rows by an index: a vendor may have a million keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from christmas.catalog import changes, jobs, keys, listings, products
from christmas.catalog.keys import Wanted
from christmas.catalog.pages import product_id
from christmas.catalog.tables import metadata
from tests.catalog.making import VENDOR, YEAR, at, entry, product, reading, unread, write

TABLES = "|".join(metadata.tables)


@contextmanager
def _statements(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    """Collect what is executed in the block, each with its first parameters."""
    found: list[tuple[str, Any]] = []

    def collect(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        found.append((statement, parameters[0] if many else parameters))

    event.listen(connection, "before_cursor_execute", collect)
    try:
        yield found
    finally:
        event.remove(connection, "before_cursor_execute", collect)


def _whole_tables(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """Give the steps of a statement's plan that read a whole table, or all of one vendor."""
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        steps = [row[3] for row in plan]
        whole_vendor = r"SEARCH (keys|products) .*\(vendor=\?\)"
        return [step for step in steps if re.fullmatch(rf"SCAN ({TABLES}|other)( USING .*)?|{whole_vendor}", step)]
    # Tables as small as these are read whole whatever indexes there are, unless that is made expensive.
    steps = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
    return [step for step in steps if re.search(rf"Seq Scan on ({TABLES})", step)]


def _select(which: str, **values: Any) -> Callable[[Connection], object]:
    wanted = Wanted(which=which, now=at(200), page_max_age_days=7, **values)
    return lambda connection: keys.select_pages(connection, VENDOR, wanted, limit=10, after=1)


WRITES: dict[str, Callable[[Connection], object]] = {
    "new": lambda connection: write(connection, entry("9", aliases=("/9",)), product("9", hours=1, aliases=("/9b",))),
    "seen": lambda connection: write(connection, entry(hours=3)),
    "seen elsewhere": lambda connection: write(connection, entry(hours=3, listing="/angels")),
    "changed": lambda connection: write(connection, entry(hours=3, price_minor=5, aliases=("/7b",))),
    "impossible": lambda connection: write(connection, entry(hours=3, price_minor=None)),
    "page": lambda connection: write(connection, product(hours=3), product("8", hours=3, price_minor=5)),
    "unread": lambda connection: write(connection, unread(hours=3)),
    "returned": lambda connection: listings.take_back(connection, [1]),
    "reading": lambda connection: write(connection, reading(4)),
}
READS: dict[str, Callable[[Connection], object]] = {
    "unscraped": _select("unscraped"),
    "stale": _select("stale"),
    "by key": _select("all", keys=["7", "/seven"]),
    "due": lambda connection: listings.due(connection, VENDOR, [(YEAR, 1995)], at(1)),
    "last run": lambda connection: jobs.last(connection, VENDOR),
    "history": lambda connection: changes.history(connection, product_id(VENDOR, "7")),
    "by id": lambda connection: products.get(connection, "abcd1234"),
    "by vendor and key": lambda connection: products.get(connection, f"{VENDOR}:7"),
    "of a year": lambda connection: list(products.find(connection, vendor=VENDOR, year=1995)),
}


@pytest.mark.parametrize("name", [*WRITES, *READS])
def test_no_table_is_read_whole(connection: Connection, name: str) -> None:
    for start in (1, 101, 201):
        names = [str(number) for number in range(start, start + 100)]
        write(
            connection, *(entry(one, aliases=(f"/{one}",)) for one in names), *(product(one, hours=1) for one in names)
        )
    with _statements(connection) as statements:
        (WRITES | READS)[name](connection)
    assert statements
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL enable_seqscan = off"))
    for statement, parameters in statements:
        if not statement.startswith("INSERT"):
            assert _whole_tables(connection, statement, parameters) == [], statement


def test_a_table_that_is_read_whole_is_noticed(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL enable_seqscan = off"))
    assert _whole_tables(connection, "SELECT id FROM keys WHERE url = 'x'", ()) != []


def test_a_batch_takes_few_statements(connection: Connection) -> None:
    many = [entry(str(number), listing=f"/{number // 200}") for number in range(1000)]
    write(connection, *many)
    for one in many:
        one.read_at = at(1)
    with _statements(connection) as statements:
        assert write(connection, *many).unchanged == 1000
    assert len(statements) <= 4
