"""Whatever is asked for, no list reads a whole table, or sorts all of a vendor."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from itertools import product as combinations
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from christmas.catalog import offers, product_lists, query_plan, search
from christmas.catalog.filters import Filters
from christmas.catalog.query_plan import SORTS
from christmas.catalog.search import Query, Vocabulary
from christmas.db import database
from tests.catalog import shelves
from tests.catalog.making import at
from tests.catalog.plans import collected, whole_tables
from tests.catalog.shelves import VENDORS, everything, passing
from tests.databases import SERVERS

CHOICES: tuple[tuple[dict[str, Any], ...], ...] = (
    ({}, {"vendor": VENDORS[0]}, {"vendors": VENDORS[:2]}),
    ({}, {"year": 1985}),
    ({}, {"price_min_minor": 600}),
    ({}, {"changed_since": at(20)}),
    ({}, {"availability": ("in_stock",)}),
    ({}, {"series": "Frosty Friends"}, {"brand": "Hallmark"}, {"query": Query(("santa",), ("qx",), "qxi7109")}),
)
ORDERED_BY = {
    "changed": "ix_products_last_changed_key_id", "price": "ix_products_currency_price_minor_key_id",
    "year": "ix_products_release_year_piece",
}  # fmt: skip
READS: dict[str, Callable[[Connection], object]] = {
    "walk": lambda connection: product_lists.walk(connection, Filters(), 7, 10),
    "walk of a vendor": lambda connection: product_lists.walk(connection, Filters(vendor=VENDORS[0]), 7, 10),
    "walk of a series": lambda connection: product_lists.walk(connection, Filters(series="Tin Locomotive"), 7, 10),
    "offers": lambda connection: offers.of_piece(connection, "QX4822", 1985, VENDORS[:2]),
    "offers of an unknown year": lambda connection: offers.of_piece(connection, "QX4822", None),
    "a year": lambda connection: product_lists.year_page(connection, 1985, "QX", 5, VENDORS[:2]),
    "an unknown year": lambda connection: product_lists.year_page(connection, None, None, 5),
    "years": product_lists.years,
    "years of vendors": lambda connection: product_lists.years(connection, VENDORS[:2]),
    "pieces": lambda connection: product_lists.pieces(connection, Filters(), "price", limit=5),
    "pieces of a text": lambda connection: product_lists.pieces(
        connection, Filters(query=search.exactly("tin")), "year"
    ),
    "words": lambda connection: Vocabulary().refresh(connection),
}


@pytest.fixture(scope="module", params=SERVERS)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    yield from shelves.shared(request, tmp_path_factory, shelves.fill)


@pytest.fixture
def shelf(filled: Engine) -> Iterator[Connection]:
    with database.read(filled) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        yield connection


def bad_steps(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """Return the steps that read a whole table; an index that has the order is read until there are enough rows."""
    if connection.dialect.name == "postgresql":
        return whole_tables(connection, statement, parameters)
    plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    is_sorted = any(step == "USE TEMP B-TREE FOR ORDER BY" for step in plan)
    stops = re.search(r"\bLIMIT\b", statement) is not None and not is_sorted
    in_order = r"SCAN products USING (COVERING )?INDEX .*|SEARCH (products|keys) .*\(vendor=\?\)"
    found = [step for step in plan if re.fullmatch(r"SCAN (products|keys|vocabulary)( USING .*)?", step)]
    found += [step for step in plan if re.fullmatch(r"SEARCH (keys|products) .*\(vendor=\?\)", step)]
    return [step for step in found if not (stops and re.fullmatch(in_order, step))]


def check(connection: Connection, read: Callable[[], object], seen: set[str]) -> None:
    with collected(connection) as statements:
        read()
    for statement, parameters in statements:
        if statement not in seen:
            seen.add(statement)
            assert bad_steps(connection, statement, parameters) == [], statement


@pytest.mark.parametrize("sort", SORTS)
def test_no_list_reads_a_whole_table(shelf: Connection, sort: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As if many products passed every filter: so it is where it matters.
    monkeypatch.setattr(query_plan, "FEW", 0)
    seen: set[str] = set()
    first = query_plan.position(product_lists.page(shelf, Filters(), sort, None, 1).rows[0], sort)
    # A third of all combinations has every two choices together, several times.
    chance = random.Random(SORTS.index(sort))
    for number, chosen in enumerate(chance.sample(list(combinations(*CHOICES)), 64)):
        filters = Filters(**{name: value for some in chosen for name, value in some.items()})
        after = (None, first)[(number + number // 4) % 2]  # each choice of the last filter is seen with both
        check(shelf, lambda filters=filters, after=after: product_lists.page(shelf, filters, sort, after, 5), seen)
    assert len(seen) > 50


@pytest.mark.parametrize("filled", ["sqlite"], indirect=True)  # PostgreSQL has statistics and chooses by itself
@pytest.mark.parametrize("sort", SORTS)
def test_a_filter_that_few_products_pass_is_where_a_read_begins(shelf: Connection, sort: str) -> None:
    for filters, column in (
        (Filters(year=1985), "release_year"), (Filters(price_min_minor=2000), "currency"),
        (Filters(changed_since=at(30)), "last_changed"), (Filters(vendors=VENDORS[2:]), "vendor"),
        (Filters(availability=("low_stock",)), "availability"), (Filters(brand="hallmark"), "<expr>"),
        (Filters(series="tin locomotive"), "<expr>"),
    ):  # fmt: skip
        with collected(shelf) as statements:
            assert product_lists.page(shelf, filters, sort, None, 5).rows
        statement, parameters = statements[-1]
        plan = [row[3] for row in shelf.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        assert re.match(rf"SEARCH products USING INDEX \w+ \({column}[=><]", plan[0]), (sort, plan)


@pytest.mark.parametrize("filled", ["sqlite"], indirect=True)
@pytest.mark.parametrize("sort", SORTS)
def test_filters_that_exclude_each_other_do_not_let_an_order_be_read_to_its_end(
    shelf: Connection, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_plan, "FEW", 0)
    monkeypatch.setattr(query_plan, "WALKED", 20)
    rows = everything(shelf)
    choices: list[dict[str, Any]] = [
        {"vendors": [VENDORS[3], "unknown_example"]}, {"year": 1985}, {"year": 2001}, {"brand": "Hallmark"},
        {"series": "Café"}, {"series": "Tin Locomotive"}, {"availability": ("low_stock",)}, {"price_min_minor": 2000},
    ]  # fmt: skip
    tried = 0
    for one, other in combinations(choices, repeat=2):
        filters = Filters(**one | other)
        if one.keys() == other.keys() or passing(rows, filters, sort):
            continue
        assert all(passing(rows, Filters(**some), sort) for some in (one, other))
        with collected(shelf) as statements:
            assert product_lists.page(shelf, filters, sort, None, 5).rows == []
        statement, parameters = statements[-1]
        plan = [row[3] for row in shelf.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        assert re.match(r"SEARCH products USING INDEX ", plan[0]), (filters, plan)
        assert f"INDEX {ORDERED_BY[sort.lstrip('-')]} " not in plan[0], (filters, plan)
        tried += 1
    assert tried


@pytest.mark.parametrize("name", READS)
def test_no_other_read_does(shelf: Connection, name: str) -> None:
    check(shelf, lambda: READS[name](shelf), set())


def test_a_whole_table_is_noticed(shelf: Connection) -> None:
    assert bad_steps(shelf, "SELECT name FROM products WHERE brand = 'x' LIMIT 1", ()) != []
    if shelf.dialect.name == "sqlite":
        assert bad_steps(shelf, "SELECT name FROM products WHERE vendor = 'x' ORDER BY name LIMIT 1", ()) != []
