"""A watch over what a run would change: what it takes is written later, and then as if it had not been taken."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, select

from christmas.catalog.writing import listings, store
from christmas.catalog.writing.store import Written
from christmas.db import database
from christmas.db.tables import listings as listings_table
from christmas.db.tables import metadata
from christmas.items import UNREAD, Availability
from tests.catalog.making import (
    JOB,
    at,
    entry,
    history,
    key_of,
    product,
    reading,
    rows,
    stored,
    told,
    unread,
    write,
)
from tests.catalog.watches import LATE, Waiting

SEEN = "keys.last_seen"
NUMBERS = ("keys.id", "keys.listing_id", "listing_keys.listing_id", "listing_keys.key_id", "products.key_id",
           "key_aliases.key_id", "listings.id", "changes.id", "vocabulary.id")  # fmt: skip


def watched(connection: Connection, watch: Waiting, *items: Any) -> Written:
    return store.write(connection, items, job_id=JOB, now=LATE, watch=watch)


@pytest.fixture
def known(connection: Connection) -> Connection:
    """Return a catalog with two products, both listed."""
    write(connection, entry("7"), entry("8"), product("7", 0.1), product("8", 0.1))
    return connection


@pytest.mark.parametrize(
    "changed", [{"price_minor": 1200}, {"availability": Availability.OUT_OF_STOCK}, {"list_price_minor": 1500}]
)
def test_an_entry_that_is_taken_writes_that_it_was_seen(known: Connection, changed: dict[str, Any]) -> None:
    changing = (SEEN, "listings.changed_at")
    before, watch = rows(known, *changing), Waiting()
    written = watched(known, watch, entry("7", 1, **changed))
    assert rows(known, *changing) == before
    assert key_of(known).last_seen == at(1)
    assert [item.key for item in watch.items] == ["7"]
    assert (written.entries, written.compared, written.changes, written.unchanged) == (0, 0, 0, 0)


def test_a_page_that_is_taken_writes_nothing(known: Connection) -> None:
    before, watch = rows(known), Waiting()
    written = watched(known, watch, product("7", 1, price_minor=1200))
    assert rows(known) == before
    assert written == Written()


def test_what_changes_nothing_is_not_taken(known: Connection) -> None:
    watch = Waiting()
    written = watched(known, watch, entry("7", 1), product("8", 1), unread("7", 2))
    assert (watch.items, written.unchanged, written.compared) == ([], 2, 2)
    assert stored(known, "8").read_at == at(1)


def test_what_is_new_is_not_taken(known: Connection) -> None:
    watch = Waiting()
    written = watched(known, watch, entry("9", 1), product("9", 1.1), product("10", 1))
    assert (watch.items, written.new_keys, written.new_products, written.compared) == ([], 2, 2, 0)


def test_what_is_known_by_its_listing_alone_is_not_taken(known: Connection) -> None:
    write(known, entry("9"))
    watch = Waiting()
    written = watched(known, watch, entry("9", 1, price_minor=5), product("9", 2))
    assert (watch.items, written.new_products) == ([], 1)


def test_what_was_read_before_what_is_stored_is_not_taken(known: Connection) -> None:
    watch = Waiting()
    watched(known, watch, product("7", 0.05, price_minor=1200), entry("8", 0.05, price_minor=1200))
    assert watch.items == []


def test_of_a_batch_only_what_changes_is_taken_and_counted_later(known: Connection) -> None:
    watch = Waiting()
    written = watched(known, watch, product("7", 1, price_minor=1200), product("8", 1))
    assert [item.key for item in watch.items] == ["7"]
    assert (written.compared, written.unchanged) == (1, 1)
    watch = Waiting()
    written = watched(known, watch, entry("7", 2, price_minor=1200), entry("8", 2))
    assert (written.entries, written.compared, written.unchanged) == (1, 1, 1)
    assert watch.judge(known).entries == 1


def test_a_watch_is_asked_with_what_is_known_and_what_would_change(known: Connection) -> None:
    watch = Waiting()
    watched(
        known,
        watch,
        entry("7", 1, name="Star", price_minor=1200, availability=UNREAD),
        product("8", 1, sku="Q", brand=None),
    )
    (old, new), (old_page, new_page) = watch.asked
    assert new == {"name": "Star", "price_minor": 1200}
    assert (old["name"], old["price_minor"], old["listing_name"]) == ("1995 Bell 7", 1000, crc32(b"Bell 7"))
    assert new_page == {"sku": "Q"}
    assert (old_page["sku"], old_page["currency"], old_page["availability"]) == (None, "USD", "in_stock")


def test_what_was_taken_and_is_not_judged_is_found_by_the_next_run(known: Connection) -> None:
    watched(known, Waiting(), entry("7", 1, price_minor=1200), product("8", 1, price_minor=1200))
    watch = Waiting()
    watched(known, watch, entry("7", 2, price_minor=1200), product("8", 2, price_minor=1200))
    assert [item.key for item in watch.items] == ["7", "8"]
    write(known, entry("7", 3, price_minor=1200))
    assert told(history(known)) == [("price", "10.00", "12.00")]


def test_what_a_listing_misses_is_noted_when_the_run_was_judged(known: Connection) -> None:
    watch = Waiting()
    missing = [
        value for hours in (1, 2, 24) for value in (entry("7", hours), reading(hours, entries=2))
    ]  # fmt: skip
    written = watched(known, watch, *missing)
    assert key_of(known, "8").gone_since is None
    assert [one.entries for one in written.readings] == [2] * 3
    assert rows(known)["listings"][0][5] is None  # a run that was not judged has read nothing
    for one in written.readings:
        listings.record(known, one, now=one.finished_at, misses=False)
    assert key_of(known, "8").gone_since is None
    assert rows(known)["listings"][0][5] is not None
    for hours in (25, 26, 49):
        watched(known, watch, entry("7", hours))
        listings.record(known, reading(hours, entries=2), now=reading(hours, entries=2).finished_at)
    assert (key_of(known, "8").gone_since, key_of(known).gone_since) == (reading(49).finished_at, None)


def test_when_a_listing_changed_does_not_go_back(known: Connection) -> None:
    watch = Waiting()
    watched(known, watch, entry("7", 1, price_minor=1200), entry("9", 2))
    watch.judge(known)
    (changed_at,) = known.scalars(select(listings_table.c.changed_at))
    assert changed_at == at(2)


def test_a_key_was_seen_when_it_was_seen(known: Connection) -> None:
    """A listing that was read in between does not show it."""
    watch = Waiting()
    watched(known, watch, entry("7", 1, price_minor=1200))
    watched(known, watch, entry("8", 5, price_minor=1200))
    watch.judge(known)
    assert (key_of(known, "7").last_seen, key_of(known, "8").last_seen) == (at(1), at(5))


def test_of_one_key_in_two_listings_of_a_batch_the_change_is_not_lost(known: Connection) -> None:
    watch = Waiting()
    watched(known, watch, entry("7", 1, price_minor=1200), entry("7", 2, price_minor=1200, listing="/other"))
    watch.judge(known)
    assert stored(known).price_minor == 1200


def test_a_listing_that_is_seen_again_takes_its_key_back_though_its_entry_is_taken(known: Connection) -> None:
    for hours in (1, 2, 24):
        write(known, entry("7", hours), reading(hours, entries=2))
    assert key_of(known, "8").gone_since is not None
    watch = Waiting()
    watched(known, watch, entry("8", 30, price_minor=1200))
    assert (key_of(known, "8").gone_since, [item.key for item in watch.items]) == (None, ["8"])


def test_of_two_readings_of_a_run_the_later_one_stands(known: Connection) -> None:
    """A product may be in two listings, and the shop may show another price in between."""
    watch = Waiting()
    watched(known, watch, entry("7", 1, price_minor=1200), entry("7", 2, listing="/angels"))
    watch.judge(known)
    assert stored(known).price_minor == 1000
    write(known, entry("7", 3, price_minor=1200))
    assert stored(known).price_minor == 1200


def test_of_two_readings_in_two_batches_the_later_one_stands(known: Connection) -> None:
    watch = Waiting()
    watched(known, watch, entry("7", 1, price_minor=1200))
    watched(known, watch, entry("7", 2, listing="/angels"))
    watch.judge(known)
    assert stored(known).price_minor == 1000


def test_a_name_that_came_with_what_was_taken_is_known_to_the_rest_of_the_run(known: Connection) -> None:
    watch = Waiting()
    watched(known, watch, entry("7", 1, price_minor=1200, aliases=("/bell.html",)))
    watched(known, watch, product("/bell.html", 2))
    assert len(rows(known)["keys"]) == 2


# What is known, and the batches of items.
Run = tuple[list[Any], list[list[Any]]]
NAMES = ("7", "8", "9", "10")
prices = st.sampled_from([1000, 1200, None, UNREAD])
read = {
    "price_minor": prices,
    "list_price_minor": prices,
    "availability": st.sampled_from([Availability.IN_STOCK, Availability.OUT_OF_STOCK, None, UNREAD]),
}
entries = st.fixed_dictionaries({"name": st.sampled_from(["A", "B", UNREAD]), **read})
pages = st.fixed_dictionaries(
    {"name": st.sampled_from(["A", "B", UNREAD]), "sku": st.sampled_from(["Q", None, UNREAD]), **read}
)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Make what is known, and the batches of a run that reads each listing entry once, and then some pages."""
    listed = draw(st.lists(st.sampled_from(NAMES), unique=True))
    before: list[Any] = [entry(name, number, **draw(entries)) for number, name in enumerate(listed)]
    paged = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    before += [product(name, 10 + number, sku="R") for number, name in enumerate(paged)]
    names = draw(st.permutations(NAMES))
    items: list[Any] = [
        entry(name, 20 + number, listing=draw(st.sampled_from(["/1995", "/angels"])), **draw(entries))
        for number, name in enumerate(names[:3])
    ]
    others = draw(st.sampled_from([names[3:], names[2:], []]))
    items += [
        product(name, 30 + number, **draw(pages) | {"name": "C"}) if draw(st.booleans()) else unread(name, 30 + number)
        for number, name in enumerate(others)
    ]
    cut = draw(st.integers(0, len(items)))
    return before, [items[:cut], items[cut:]]


@settings(
    max_examples=25, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(case=runs())
def test_what_was_taken_is_written_as_if_it_had_not_been(
    engine: Engine, case: tuple[list[Any], list[list[Any]]]
) -> None:
    before, batches = case
    found = []
    for watch in (None, Waiting()):
        with database.begin(engine) as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
            write(connection, *before)
            for batch in batches:
                store.write(connection, batch, job_id=JOB, now=LATE, watch=watch)
            if watch is not None:
                watch.judge(connection)
            found.append(rows(connection, *NUMBERS, SEEN, "listings.changed_at"))  # these are said of a whole batch
    assert found[1] == found[0]
