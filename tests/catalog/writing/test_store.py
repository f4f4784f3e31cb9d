"""A batch as a whole: written once or twice it leaves the same, and an error in its middle leaves nothing."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from christmas.catalog.writing import store
from christmas.db import database
from christmas.db.tables import key_aliases, keys, metadata
from christmas.items import UNREAD, Availability, YearLink
from tests.catalog.making import JOB, VENDOR, at, entry, key_names, product, reading, rows, unread, write

NAMES = ("7", "8", "/bell.html")
LISTINGS = ("/1995", "/angels")
prices = st.sampled_from([1000, 1200, None, UNREAD])
stocks = st.sampled_from([Availability.IN_STOCK, Availability.OUT_OF_STOCK, None, UNREAD])
aliases = st.sampled_from([(), ("/bell.html",), ("7", "8")])
vendors = st.sampled_from([VENDOR, "other_example"])
read = {
    "vendor": vendors,
    "aliases": aliases,
    "price_minor": prices,
    "list_price_minor": prices,
    "availability": stocks,
}
entries = st.builds(
    entry, st.sampled_from(NAMES), listing=st.sampled_from(LISTINGS), name=st.sampled_from(["A", "B", UNREAD]), **read
)
pages = st.builds(product, st.sampled_from(NAMES), sku=st.sampled_from(["Q", None, UNREAD]), **read)
failures = st.builds(unread, st.sampled_from(NAMES), vendor=vendors)
readings = st.builds(
    reading, listing=st.sampled_from(LISTINGS), complete=st.booleans(), entries=st.integers(0, 3), vendor=vendors
)


@st.composite
def batches(draw: st.DrawFn) -> list[Any]:
    """Make items, each read at a time of its own, some of them late."""
    items = draw(st.lists(st.one_of(entries, pages, failures, readings), min_size=1, max_size=25))
    times = draw(st.permutations(range(len(items)))) if draw(st.booleans()) else range(len(items))
    for item, place in zip(items, times, strict=True):
        if hasattr(item, "finished_at"):
            item.started_at, item.finished_at = at(9 * place - 5), at(9 * place)
        else:
            item.read_at = at(9 * place)
    return items


@settings(
    max_examples=25, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(batch=batches())
def test_a_batch_written_twice_is_written_once(engine: Engine, batch: list[Any]) -> None:
    with database.begin(engine) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        write(connection, *batch)
        once = rows(connection)
        again = write(connection, *batch)
        assert rows(connection) == once
    assert (again.new_keys, again.new_products, again.changes) == (0, 0, 0)


def test_batches_give_what_one_batch_gives(engine: Engine) -> None:
    items = [
        entry(), entry("8"), reading(1, entries=2), product(hours=2), product("8", hours=2),
        entry(hours=3, price_minor=5), entry("8", hours=3), reading(4, entries=2),
        unread("9", hours=5), product(hours=6, sku="Q"),
    ]  # fmt: skip
    numbers = ("keys.id", "keys.listing_id", "listing_keys.listing_id", "listing_keys.key_id", "products.key_id")
    found = []
    for size in (1, 3, len(items)):
        with database.begin(engine) as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
            for start in range(0, len(items), size):
                write(connection, *items[start : start + size])
            found.append(rows(connection, *numbers, "listings.id", "changes.id", "vocabulary.id"))
    assert found[0] == found[1] == found[2]


def test_an_error_in_the_middle_leaves_nothing(engine: Engine) -> None:
    with database.begin(engine) as connection:
        write(connection, entry("1"))
    broken = product("3", hours=1, name=None)  # the step before lets none through
    with pytest.raises(IntegrityError), database.begin(engine) as connection:
        write(connection, entry("2", hours=1), product("2", hours=1), broken)
    with database.read(engine) as connection:
        assert key_names(connection) == ["1"]
        assert rows(connection)["products"] == []


def test_a_naive_time_is_refused(engine: Engine) -> None:
    naive = entry()
    naive.read_at = at(0).replace(tzinfo=None)
    with pytest.raises(Exception, match="has no time zone"), database.begin(engine) as connection:
        store.write(connection, [naive], job_id=JOB, now=at(0))
    with database.read(engine) as connection:
        assert key_names(connection) == []


def test_times_come_back_in_utc(engine: Engine) -> None:
    abroad = at(0).astimezone(timezone(timedelta(hours=-5)))
    with database.begin(engine) as connection:
        write(connection, entry(read_at=abroad))
        (found,) = connection.scalars(select(keys.c.first_seen))
    assert found == at(0)
    assert found.utcoffset() == timedelta(0)


def test_foreign_keys_hold(engine: Engine) -> None:
    with pytest.raises(IntegrityError), database.begin(engine) as connection:
        connection.execute(insert(key_aliases), {"vendor": VENDOR, "alias": "x", "key_id": 99})


def test_other_items_and_an_empty_batch_write_nothing(engine: Engine) -> None:
    with database.begin(engine) as connection:
        before = rows(connection)
        written = store.write(connection, [YearLink(VENDOR, 1995, "https://bells.example/1995")], job_id=JOB, now=at(0))
        assert store.write(connection, [], job_id=JOB, now=at(0)) == written == store.Written()
        assert rows(connection) == before


def test_counts_add_up(engine: Engine) -> None:
    with database.begin(engine) as connection:
        written = write(connection, entry("1"), entry("2"), product("1", hours=1), reading(2, entries=2))
        assert written.counts() == {
            "entries": 2, "new_keys": 2, "new_products": 1, "changed_products": 0, "changes": 0, "unchanged": 0,
            "readings": 1, "held": 0, "compared": 0,
        }  # fmt: skip
        assert connection.scalar(select(func.count()).select_from(keys)) == 2
