"""The feed of changes: what fell, rose, came back and sold out, page by page, along the index on time."""

from __future__ import annotations

import re
from itertools import product as product_of
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text

from christmas.catalog import changes, products
from christmas.catalog.changes import ChangeRow
from christmas.catalog.writing.product_pages import product_id
from christmas.db.tables import changes as table
from christmas.errors import ArgumentError
from tests.catalog.making import HOUR, VENDOR, at, product, write
from tests.catalog.plans import collected, whole_tables

OTHER = "stars_example"


def _change(connection: Connection, key: str = "7", vendor: str = VENDOR, hours: float = 1, **values: Any) -> int:
    """Write one change, of a price unless told otherwise, and give its id."""
    row = {
        "product_id": product_id(vendor, key), "field": "price_minor", "old": "1000", "new": "900", "currency": "USD",
        "at": at(hours), "job_id": "job-2", "url": f"https://bells.example/{key}.html", "source": "json-ld",
    }  # fmt: skip
    id_: int = connection.scalars(insert(table).returning(table.c.id), [row | values]).one()
    return id_


def _ids(found: list[ChangeRow]) -> list[int]:
    return [row.id for row in found]


def _stock(old: str, new: str) -> dict[str, Any]:
    return {"field": "availability", "old": old, "new": new, "currency": None}


def test_a_change_tells_its_product_and_its_amounts(connection: Connection) -> None:
    write(connection, product(release_year=1995, sku="1795QX5509"))
    write(connection, product(hours=1, price_minor=905, availability="low_stock"), job="job-2")
    found = {row.field: row for row in changes.feed(connection, limit=9)}
    price, stock = found["price"], found["availability"]
    stored = products.get(connection, f"{VENDOR}:7")
    assert stored is not None
    assert (price.vendor, price.name, price.release_year) == (VENDOR, "1995 Bell 7", 1995)
    assert (price.product_id, price.piece) == (stored.id, stored.piece)
    assert (price.old, price.new, price.currency) == ("10.00", "9.05", "USD")
    assert (price.old_minor, price.new_minor) == (1000, 905)
    assert (price.at, price.job, price.url, price.source) == (at(1), "job-2", stored.url, "json-ld")
    assert (stock.old, stock.new, stock.old_minor, stock.new_minor) == ("in_stock", "low_stock", None, None)
    assert [one.id for one in changes.history(connection, stored.id)] == sorted(row.id for row in found.values())


def test_prices_fall_and_rise_as_numbers(connection: Connection) -> None:
    write(connection, product())
    fell = [_change(connection, old=old, new=new) for old, new in (("1000", "999"), ("10000000000", "9"))]
    rose = [_change(connection, old=old, new=new) for old, new in (("999", "1000"), ("9", "10000000000"))]
    _change(connection, old=None)  # it appeared
    _change(connection, new=None)  # it vanished
    _change(connection, old="900", new="900")
    _change(connection, field="list_price_minor")
    _change(connection, field="release_year", old="1996", new="1995", currency=None)
    _change(connection, field="name", old="Star", new="Bell", currency=None)
    assert _ids(changes.feed(connection, kind="fell", limit=99)) == fell[::-1]
    assert _ids(changes.feed(connection, kind="rose", limit=99)) == rose[::-1]
    assert len(changes.feed(connection, limit=99)) == 10


def test_prices_in_two_currencies_are_not_compared(connection: Connection) -> None:
    write(connection, product(), product("8"))
    _change(connection, hours=1, currency="EUR")
    _change(connection, hours=1, field="currency", old="USD", new="EUR", currency=None)
    same = [_change(connection, "8", hours=1, old="900", new="1000"), _change(connection, hours=2, currency="EUR")]
    assert _ids(changes.feed(connection, kind="rose", limit=9)) == same[:1]
    assert _ids(changes.feed(connection, kind="fell", limit=9)) == same[1:]


@pytest.mark.parametrize("there", ["in_stock", "low_stock", "preorder"])
@pytest.mark.parametrize("gone", ["out_of_stock", "discontinued"])
def test_pieces_come_back_and_sell_out(connection: Connection, gone: str, there: str) -> None:
    write(connection, product())
    back = _change(connection, hours=1, **_stock(gone, there))
    sold_out = _change(connection, hours=2, **_stock(there, gone))
    for old, new in ((gone, "unknown"), ("unknown", gone), ("unknown", there), (there, "unknown")):
        _change(connection, hours=3, **_stock(old, new))
    _change(connection, hours=3, **_stock("out_of_stock", "discontinued"))
    _change(connection, hours=3, **_stock("in_stock", "low_stock"))
    _change(connection, hours=3, **(_stock(gone, there) | {"field": "name"}))
    assert _ids(changes.feed(connection, kind="back", limit=9)) == [back]
    assert _ids(changes.feed(connection, kind="sold_out", limit=9)) == [sold_out]


def test_of_a_vendor_and_of_those_that_may_be_seen(connection: Connection) -> None:
    write(connection, product())
    write(connection, product(vendor=OTHER))
    mine, other = _change(connection), _change(connection, vendor=OTHER)
    assert _ids(changes.feed(connection, limit=9)) == [other, mine]
    assert _ids(changes.feed(connection, vendor=VENDOR, limit=9)) == [mine]
    assert _ids(changes.feed(connection, vendors=[OTHER], limit=9)) == [other]
    assert _ids(changes.feed(connection, vendors={OTHER, VENDOR}, limit=9)) == [other, mine]
    assert changes.feed(connection, vendor=VENDOR, vendors=[OTHER], limit=9) == []
    assert changes.feed(connection, vendors=[], limit=9) == []


def test_since_a_moment_that_counts_itself(connection: Connection) -> None:
    write(connection, product())
    ids = [_change(connection, hours=hours) for hours in (1, 2, 3)]
    assert _ids(changes.feed(connection, since=at(2), limit=9)) == [ids[2], ids[1]]
    assert changes.feed(connection, since=at(3) + HOUR, limit=9) == []


def test_what_was_read_earlier_and_written_later_stands_where_it_was_read(connection: Connection) -> None:
    write(connection, product())
    first, released = _change(connection, hours=2), _change(connection, hours=1)
    assert _ids(changes.feed(connection, limit=9)) == [first, released]
    assert _ids(changes.latest(connection, limit=9)) == [released, first]


@pytest.mark.parametrize("kind", [None, *changes.KINDS])
def test_pages_give_every_change_once(connection: Connection, kind: str | None) -> None:
    random = Random(7)
    write(connection, product())
    for _ in range(120):
        stock = _stock(*random.sample(["in_stock", "out_of_stock"], 2))
        price = {"old": str(random.randint(1, 2000)), "new": str(random.randint(1, 2000))}
        _change(connection, hours=random.randint(1, 9), **random.choice([stock, price]))
    expected = changes.feed(connection, kind=kind, limit=999)
    assert len(expected) > 20
    assert [(row.at, row.id) for row in expected] == sorted(((row.at, row.id) for row in expected), reverse=True)
    found: list[ChangeRow] = []
    while page := changes.feed(
        connection, kind=kind, before=(found[-1].at, found[-1].id) if found else None, since=at(1), limit=7
    ):
        found += page
        # What is read meanwhile is newer, and moves nothing.
        _change(connection, hours=10)
    assert found == expected


def test_a_kind_that_is_none_is_refused(connection: Connection) -> None:
    with pytest.raises(
        ArgumentError, match="'vanished' is not a kind of change: use one of fell, rose, back, sold_out"
    ):
        changes.feed(connection, kind="vanished", limit=9)


def test_the_changes_of_more_products_than_a_statement_has_parameters(full: Connection) -> None:
    ids = [product_id(VENDOR, str(number)) for number in range(70_000)]
    with collected(full) as statements:
        found = changes.of_products(full, ids, ["price_minor", "availability"])
    [(_, parameters)] = statements
    assert len(parameters) < 10
    assert [row.product_id for row in found] == [product_id(VENDOR, str(number)) for number in range(1, 101)]


SCOPES: tuple[dict[str, Any], ...] = ({}, {"vendor": VENDOR}, {"vendors": [VENDOR, "x"]})
BOUNDS: dict[str, dict[str, Any]] = {
    "SCAN changes USING INDEX ix_changes_at": {},
    "SEARCH changes USING INDEX ix_changes_at (at<?)": {"before": (at(50), 50)},
    "SEARCH changes USING INDEX ix_changes_at (at>?)": {"since": at(20)},
    "SEARCH changes USING INDEX ix_changes_at (at>? AND at<?)": {"since": at(20), "before": (at(50), 50)},
}


@pytest.fixture
def full(connection: Connection) -> Connection:
    """Return a catalog with 100 falls of prices, the connection such that PostgreSQL shows which way it could go."""
    names = [str(number) for number in range(1, 101)]
    write(connection, *(product(name) for name in names))
    write(connection, *(product(name, vendor=OTHER) for name in names))
    for name in names:
        _change(connection, name, hours=int(name))
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE changes, products"))
        # Of tables as small as these it would rather sort what there is.
        for way in ("seqscan", "sort", "bitmapscan"):
            connection.execute(text(f"SET LOCAL enable_{way} = off"))
    return connection


def _plan(connection: Connection, **values: Any) -> tuple[int, list[str]]:
    """Return how many changes the feed gives, and the plan of its last statement; none may read a table whole."""
    with collected(connection) as statements:
        found = changes.feed(connection, limit=5, **values)
    statement, parameters = statements[-1]
    explain = "EXPLAIN"
    if connection.dialect.name == "postgresql":
        assert whole_tables(connection, statement, parameters) == []
    else:
        explain = "EXPLAIN QUERY PLAN"
        for counting in statements[:-1]:
            assert not any(step.startswith("SCAN products") for step in whole_tables(connection, *counting))
    return len(found), [row[-1] for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)]


def _of_field(step: str) -> str:
    """Return the same step of the index that begins with the field."""
    bounds = step.partition("(")[2].rstrip(")")
    return f"SEARCH changes USING INDEX ix_changes_field_at_id ({' AND '.join(filter(None, ('field=?', bounds)))})"


def test_it_walks_the_index_on_time(full: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "FEW_PRODUCTS", 99)
    for scope, kind, (step, bounds) in product_of(SCOPES, (None, *changes.KINDS), BOUNDS.items()):
        found, plan = _plan(full, kind=kind, **scope, **bounds)
        assert found == (5 if kind in (None, "fell") else 0)
        if full.dialect.name == "postgresql":
            assert re.search(r"Index Scan Backward using ix_changes_(at|field_at_id)", "\n".join(plan))
        else:
            assert plan[0] == (step if kind is None else _of_field(step))
            assert [one for one in plan[1:] if "TEMP B-TREE" in one or one.startswith("SCAN")] == []


def test_the_few_products_of_a_vendor_are_not_sought_among_all_changes(full: Connection) -> None:
    for scope, kind, bounds in product_of(SCOPES[1:], (None, *changes.KINDS), BOUNDS.values()):
        found, plan = _plan(full, kind=kind, **scope, **bounds)
        assert found == (5 if kind in (None, "fell") else 0)
        if full.dialect.name == "sqlite":
            assert plan[0].startswith("SEARCH products USING ")
            assert plan[1] == "SEARCH changes USING INDEX ix_changes_product_id (product_id=?)"
    assert changes.feed(full, vendor="nobody_example", limit=5) == []


def test_both_ways_give_the_same(full: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [changes.feed(full, **scope, **bounds, limit=50) for scope in SCOPES[1:] for bounds in BOUNDS.values()]
    monkeypatch.setattr(changes, "FEW_PRODUCTS", 0)
    assert few == [
        changes.feed(full, **scope, **bounds, limit=50) for scope in SCOPES[1:] for bounds in BOUNDS.values()
    ]
    assert [len(found) for found in few] == [50, 49, 50, 30] * 2
