"""What runs for each batch, or for each of many keys, finds its rows by an index: a vendor may have a million keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, text, update

from christmas.catalog import changes, held_changes, kept_pages, page_schedule, product_lists, products, vendor_health
from christmas.catalog.filters import Filters
from christmas.catalog.page_schedule import Wanted
from christmas.catalog.writing import delisted, listings
from christmas.catalog.writing.product_pages import product_id
from christmas.db.tables import keys as keys_table
from christmas.items import GoneReading, OddPage, Page, SecondReading
from christmas.jobs import records
from tests.catalog.making import VENDOR, YEAR, at, entry, product, reading, unread, write
from tests.catalog.plans import collected, whole_tables
from tests.catalog.watches import doubt

PAGE = Page("https://bells.example/7.html", b"", "utf-8")
CONFIRMED = SecondReading(VENDOR, "7", product(hours=3, price_minor=5), (("selectors", 5),), at(3))


def _select(which: str, **values: Any) -> Callable[[Connection], object]:
    wanted = Wanted(which=which, now=at(200), page_max_age_days=7, **values)
    return lambda connection: page_schedule.select_pages(connection, VENDOR, wanted, limit=10, after=1)


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
    "held": lambda connection: doubt(connection, product(hours=3, price_minor=6), page=PAGE),
    "withdrawn": lambda connection: write(connection, product(hours=3)),
    "second reading": lambda connection: write(connection, CONFIRMED),
    "released": lambda connection: held_changes.release(connection, [1, 2], by="noel", now=at(3)),
    "discarded": lambda connection: held_changes.discard(connection, [1, 2], by="noel", now=at(3)),
    "groups": lambda connection: held_changes.decide_groups(connection, VENDOR, at(3)),
    "gone": lambda connection: write(connection, GoneReading(VENDOR, "150", "missing", at(30))),
    "gone no more": lambda connection: write(connection, GoneReading(VENDOR, "150", "listed", at(30))),
    "odd": lambda connection: write(connection, OddPage(VENDOR, "Odd.", PAGE, at(3))),
    "health": lambda connection: vendor_health.record(
        connection, VENDOR, state="healthy", kind=None, reason="Well.", job_id="job-1", now=at(3)
    ),
}
READS: dict[str, Callable[[Connection], object]] = {
    "unscraped": _select("unscraped"),
    "stale": _select("stale"),
    "by key": _select("all", keys=["7", "/seven"]),
    "due": lambda connection: listings.due(connection, VENDOR, [(YEAR, 1995)], at(1)),
    "last run": lambda connection: records.last(connection, VENDOR),
    "history": lambda connection: changes.history(connection, product_id(VENDOR, "7")),
    "by id": lambda connection: products.get(connection, "abcd1234"),
    "by vendor and key": lambda connection: products.get(connection, f"{VENDOR}:7"),
    "to be confirmed": lambda connection: held_changes.to_check(connection, VENDOR, sample=20, limit=100),
    "contradicted": lambda connection: held_changes.contradicted(connection, VENDOR),
    "held changes by id": lambda connection: held_changes.find(connection, ids=[1, 2]),
    "gone and not confirmed": lambda connection: delisted.unconfirmed(connection, VENDOR, at(30), limit=10),
    "kept page": lambda connection: kept_pages.get(connection, 1),
    "health of a vendor": lambda connection: vendor_health.history(connection, VENDOR, at(30)),
    "of a year": lambda connection: list(product_lists.find(connection, Filters(vendor=VENDOR, year=1995, gone=True))),
}


@pytest.mark.parametrize("name", [*WRITES, *READS])
def test_no_table_is_read_whole(connection: Connection, name: str) -> None:
    for start in (1, 101, 201):
        names = [str(number) for number in range(start, start + 100)]
        write(
            connection, *(entry(one, aliases=(f"/{one}",)) for one in names), *(product(one, hours=1) for one in names)
        )
    doubt(connection, *(product(str(number), 2, price_minor=5) for number in range(1, 51)), page=PAGE)
    doubt(connection, *(product(str(number), 2, price_minor=5) for number in range(51, 101)), group="job-2")
    connection.execute(update(keys_table).where(keys_table.c.id.between(140, 160)).values(gone_since=at(2)))
    with collected(connection) as statements:
        (WRITES | READS)[name](connection)
    assert statements
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL enable_seqscan = off"))
    for statement, parameters in statements:
        if not statement.startswith("INSERT"):
            assert whole_tables(connection, statement, parameters) == [], statement


def test_a_table_that_is_read_whole_is_noticed(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL enable_seqscan = off"))
    assert whole_tables(connection, "SELECT id FROM keys WHERE url = 'x'", ()) != []


def test_a_batch_takes_few_statements(connection: Connection) -> None:
    many = [entry(str(number), listing=f"/{number // 200}") for number in range(1000)]
    write(connection, *many)
    for one in many:
        one.read_at = at(1)
    with collected(connection) as statements:
        assert write(connection, *many).unchanged == 1000
    assert len(statements) <= 4
