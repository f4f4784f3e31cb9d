"""Steps of prices and stock, the lowest price ever, and the usual range."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, text

from christmas.catalog import held_changes, price_history
from christmas.catalog.changes import ChangeRow
from christmas.catalog.price_history import Step, lowest, of_products, steps, usual_range
from christmas.catalog.products import ProductRow
from christmas.items import Availability
from tests.catalog.making import DAY, START, VENDOR, at, history, product, stored, write
from tests.catalog.plans import collected, whole_tables
from tests.catalog.watches import doubt

A, B = UUID(int=1), UUID(int=2)
NOW = START + 400 * DAY


def _product(**values: Any) -> ProductRow:
    common: dict[str, Any] = dict.fromkeys(one.name for one in fields(ProductRow))
    common |= {
        "id": A, "vendor": VENDOR, "price_minor": 1000, "currency": "USD", "availability": "in_stock",
        "first_seen": at(0), "last_changed": at(0), "read_at": at(0),
    }  # fmt: skip
    return ProductRow(**(common | values))


def _change(id_: int, field: str, old: Any, new: Any, hours: float) -> ChangeRow:
    common: dict[str, Any] = dict.fromkeys(ChangeRow.__annotations__)
    amounts = {"old_minor": old, "new_minor": new} if field == "price" else {"old": old, "new": new}
    common |= {"id": id_, "field": field, "at": at(hours), "job": f"job-{id_}", "url": f"https://bells.example/{id_}"}
    return ChangeRow(**(common | amounts))


def _told(found: list[Step]) -> list[tuple[datetime, int | None, str | None, str]]:
    return [(step.at, step.price_minor, step.currency, step.availability) for step in found]


def _step(day: float, price: int | None, availability: str = "in_stock", currency: str | None = "USD") -> Step:
    return Step(START + day * DAY, price, currency, availability)


def test_what_never_changed_is_one_step() -> None:
    assert steps(_product(), []) == [Step(at(0), 1000, "USD", "in_stock", None, None)]


def test_a_step_for_each_moment_from_the_oldest_values_to_those_of_now() -> None:
    rows = [
        _change(3, "availability", "in_stock", "out_of_stock", 2),
        _change(1, "price", None, 1200, 1),
        _change(2, "name", "Star", "Bell", 1.5),
        _change(5, "availability", "out_of_stock", "low_stock", 3),
        _change(4, "price", 1200, 900, 3),
    ]
    found = steps(_product(price_minor=900, availability="low_stock", last_changed=at(3)), rows)
    assert _told(found) == [
        (at(0), None, "USD", "in_stock"),
        (at(1), 1200, "USD", "in_stock"),
        (at(2), 1200, "USD", "out_of_stock"),
        (at(3), 900, "USD", "low_stock"),
    ]
    assert [(step.job, step.url) for step in found] == [
        (None, None),
        ("job-1", "https://bells.example/1"),
        ("job-3", "https://bells.example/3"),
        ("job-5", "https://bells.example/5"),
    ]


def test_a_change_of_currency_is_a_step() -> None:
    rows = [_change(1, "currency", "USD", "EUR", 1), _change(2, "price", 1000, 900, 1)]
    assert _told(steps(_product(price_minor=900, currency="EUR"), rows)) == [
        (at(0), 1000, "USD", "in_stock"),
        (at(1), 900, "EUR", "in_stock"),
    ]


def test_a_price_that_vanished_is_a_step_without_one() -> None:
    found = steps(_product(price_minor=None), [_change(1, "price", 1000, None, 1)])
    assert _told(found) == [(at(0), 1000, "USD", "in_stock"), (at(1), None, "USD", "in_stock")]


def test_of_one_moment_the_last_word_counts() -> None:
    rows = [_change(2, "price", 900, 800, 1), _change(1, "price", 1000, 900, 1), _change(3, "price", 800, 700, 0)]
    found = steps(_product(price_minor=800), rows)
    assert [(step.at, step.price_minor) for step in found] == [(at(0), 700), (at(1), 800)]
    there_and_back = [_change(1, "price", 1000, 900, 1), _change(2, "price", 900, 1000, 1)]
    assert len(steps(_product(), there_and_back)) == 1


def test_the_last_step_is_the_product_now_whatever_the_changes_say() -> None:
    rows = [_change(1, "price", 1000, 900, 3), _change(2, "price", 900, 5000, 2)]  # the second was released late
    found = steps(_product(price_minor=5000, last_changed=at(9)), rows)
    assert _told(found)[-2:] == [(at(3), 900, "USD", "in_stock"), (at(9), 5000, "USD", "in_stock")]
    assert found[-1].job is None


def test_steps_of_products_in_the_catalog(connection: Connection) -> None:
    write(connection, product(), product("8"), product("9"))
    write(connection, product(hours=1, price_minor=900), product("8", hours=1, availability=Availability.OUT_OF_STOCK))
    write(connection, product(hours=2, price_minor=950, list_price_minor=2000), job="job-2")
    those = [stored(connection, key) for key in ("7", "8")]
    found = of_products(connection, those)
    assert list(found) == [one.id for one in those]
    assert _told(found[those[0].id]) == [
        (at(hours), price, "USD", "in_stock") for hours, price in ((0, 1000), (1, 900), (2, 950))
    ]
    assert (found[those[0].id][-1].job, found[those[0].id][-1].url) == ("job-2", those[0].url)
    assert [step.availability for step in found[those[1].id]] == ["in_stock", "out_of_stock"]
    assert found[those[0].id] == steps(those[0], history(connection))
    assert of_products(connection, []) == {}


def test_a_held_price_is_a_step_once_it_is_released(connection: Connection, jumped: list[held_changes.HeldRow]) -> None:
    assert len(of_products(connection, [stored(connection)])[stored(connection).id]) == 1
    held_changes.release(connection, [row.id for row in jumped], by="noel", now=at(5))
    now = stored(connection)
    assert _told(of_products(connection, [now])[now.id]) == [
        (at(0), 1000, "USD", "in_stock"),
        (at(1), 5000, "USD", "in_stock"),
    ]


def test_the_changes_of_products_are_found_by_the_index_in_one_query(connection: Connection) -> None:
    write(connection, *(product(str(number)) for number in range(200)))
    write(connection, *(product(str(number), hours=1, price_minor=900) for number in range(200)))
    doubt(connection, product("7", hours=2, price_minor=1))
    those = [stored(connection, str(number)) for number in range(5)]
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE changes, products"))
    with collected(connection) as statements:
        assert all(len(found) == 2 for found in of_products(connection, those).values())
    ((statement, parameters),) = statements
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL enable_seqscan = off"))
    assert whole_tables(connection, statement, parameters) == []
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    assert "ix_changes_product_id" in str(connection.exec_driver_sql(f"{explain} {statement}", parameters).all())


def test_the_lowest_price_ever_is_within_one_currency() -> None:
    found = {
        A: [_step(0, 1000), _step(1, None), _step(2, 700, "out_of_stock"), _step(3, 100, currency="EUR")],
        B: [_step(1.5, 700), _step(4, 800)],
    }
    assert lowest(found, "USD") == (700, START + 1.5 * DAY, B)
    assert lowest(found, "EUR") == (100, START + 3 * DAY, A)
    assert lowest(found, "GBP") is None
    assert lowest({}, "USD") is None


def test_a_range_is_as_heavy_as_the_time_a_price_lasted() -> None:
    # 20 days at 500, 60 at 1000, 20 at 2000: both quartiles lie in the middle.
    long = {A: [_step(300, 500), _step(320, 1000), _step(380, 2000)]}
    assert usual_range(long, NOW, "USD") == (1000, 1000)
    # 30, 40 and 30 days: each quarter ends in another price.
    assert usual_range({A: [_step(300, 500), _step(330, 1000), _step(370, 2000)]}, NOW, "USD") == (500, 2000)
    # A quarter to the day belongs to the lower price.
    assert usual_range({A: [_step(300, 500), _step(325, 1000)]}, NOW, "USD") == (500, 1000)
    assert usual_range({A: [_step(300, 500), _step(375, 1000)]}, NOW, "USD") == (500, 500)


def test_shops_count_together() -> None:
    found = {A: [_step(300, 500)], B: [_step(300, 900)]}
    assert usual_range(found, NOW, "USD") == (500, 900)


def test_only_what_could_be_bought_in_the_last_year_is_usual() -> None:
    found = {
        A: [
            _step(0, 1),  # before the 365 days, but for its last day
            _step(36, 1000, "preorder"),
            _step(200, 50, "out_of_stock"),
            _step(250, 60, "unknown"),
            _step(300, None),
            _step(310, 70, currency="EUR"),
            _step(320, 1500, "low_stock"),
        ]
    }
    assert usual_range(found, NOW, "USD") == (1000, 1500)
    assert usual_range(found, NOW, "EUR") == (70, 70)
    assert usual_range(found, NOW, "GBP") is None
    assert usual_range({A: [_step(0, 1), _step(35, 1000)]}, NOW, "USD") == (1000, 1000)


def test_there_is_no_range_of_what_lasted_no_time() -> None:
    assert usual_range({}, NOW, "USD") is None
    assert usual_range({A: [_step(400, 1000)]}, NOW, "USD") is None
    assert usual_range({A: [_step(500, 1000)]}, NOW, "USD") is None  # read by a clock that is ahead


def test_what_is_gone_counts_until_then() -> None:
    found = {A: [_step(300, 500)], B: [_step(390, 900)]}
    assert usual_range(found, NOW, "USD") == (500, 500)
    assert usual_range(found, NOW, "USD", ended={A: START + 302 * DAY}) == (900, 900)
    assert usual_range(found, NOW, "USD", ended={A: START + 10 * DAY, uuid4(): START}) == (900, 900)


def test_a_large_amount_stays_exact() -> None:
    amount = 9_007_199_254_740_993  # the first that a binary fraction of 64 bits cannot hold
    assert usual_range({A: [_step(300, amount)]}, NOW, "USD") == (amount, amount)
    assert price_history.USUAL_DAYS == 365
