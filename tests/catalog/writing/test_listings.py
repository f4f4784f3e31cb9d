"""Listings: when each is due, which readings count, and when a key is gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from christmas.catalog.writing import listings
from christmas.db.tables import listing_keys
from christmas.db.tables import listings as listings_table
from tests.catalog.making import VENDOR, YEAR, at, entry, key_of, reading, rows, write

OTHER = "/angels"


def listing(connection: Connection, path: str = YEAR) -> Any:
    return connection.execute(select(listings_table).where(listings_table.c.path == path)).one()


def is_due(connection: Connection, hours: float, year: int | None = 1995) -> bool:
    return listings.due(connection, VENDOR, [(YEAR, year)], at(hours)) == [YEAR]


def read_without_it(connection: Connection, *hours: float, **values: Any) -> None:
    """Read the listing completely, with another ornament in it."""
    for one in hours:
        write(connection, entry("8", hours=one, **values), reading(one, **values))


def is_gone(connection: Connection) -> bool:
    return key_of(connection).gone_since is not None


def test_a_listing_never_read_is_due_in_the_given_order(connection: Connection) -> None:
    known = [("/2", 2026), ("/1", 1995), ("/3", None)]
    assert listings.due(connection, VENDOR, known, at(0)) == ["/2", "/1", "/3"]
    assert listings.due(connection, VENDOR, [], at(0)) == []


@pytest.mark.parametrize(("year", "hours"), [(2027, 1), (2026, 1), (2025, 1), (2024, 6), (1995, 6), (None, 6)])
def test_recent_years_are_due_hourly(connection: Connection, year: int | None, hours: int) -> None:
    write(connection, reading())
    done = 0.1  # a reading ends a little later
    assert not is_due(connection, done + hours * 0.9, year)
    assert is_due(connection, done + hours * 0.96, year)


def test_due_is_a_vendors_own(connection: Connection) -> None:
    write(connection, reading())
    assert listings.due(connection, "other_example", [(YEAR, 1995)], at(1)) == [YEAR]


def test_a_listing_that_never_changes_is_read_ever_more_rarely(connection: Connection) -> None:
    intervals = []
    for number in range(12):
        write(connection, entry(hours=200 * number), reading(200 * number))
        intervals.append(listing(connection).interval_seconds / 3600)
    assert intervals[:5] == [6, 9, 13.5, 20.25, 30.375]
    assert intervals[-1] == 7 * 24
    assert is_due(connection, 200 * 11 + 7 * 24)
    assert not is_due(connection, 200 * 11 + 6 * 24)


def test_a_listing_that_changed_is_read_twice_as_often(connection: Connection) -> None:
    for number in range(4):
        write(connection, entry(hours=10 * number), reading(10 * number))
    assert listing(connection).interval_seconds == 20.25 * 3600
    write(connection, entry(hours=40, price_minor=5), reading(40))
    assert listing(connection).interval_seconds == 10.125 * 3600
    write(connection, entry("8", hours=50), reading(50))
    write(connection, entry("8", hours=60, price_minor=5), reading(60))
    assert listing(connection).interval_seconds == 6 * 3600


def test_a_reading_that_failed_is_none(connection: Connection) -> None:
    write(connection, entry(), reading())
    before = rows(connection, "keys.last_seen")
    for hours in (1, 25, 49, 73):
        write(connection, reading(hours, complete=False, entries=0))
    assert rows(connection, "keys.last_seen") == before


def test_a_first_reading_that_failed_leaves_the_listing_due(connection: Connection) -> None:
    write(connection, reading(complete=False))
    assert listing(connection).release_year == 1995
    assert is_due(connection, 0.1)


def test_an_older_reading_written_late_is_none(connection: Connection) -> None:
    write(connection, entry(), reading(5))
    before = rows(connection)
    write(connection, reading(4, entries=50), reading(5, entries=50))
    assert rows(connection) == before


def test_gone_after_three_complete_readings_on_two_days(connection: Connection) -> None:
    write(connection, entry(), reading())
    read_without_it(connection, 1, 2)
    assert not is_gone(connection)
    read_without_it(connection, 24)
    assert key_of(connection).gone_since == reading(24).finished_at
    assert key_of(connection, "8").gone_since is None
    read_without_it(connection, 48)
    assert key_of(connection).gone_since == reading(24).finished_at


def test_not_gone_on_one_day_however_often(connection: Connection) -> None:
    write(connection, entry(), reading())
    read_without_it(connection, 1, 2, 3, 4, 5)
    assert not is_gone(connection)
    read_without_it(connection, 12)  # the next day in UTC
    assert is_gone(connection)


def test_two_readings_on_two_days_are_too_few(connection: Connection) -> None:
    write(connection, entry(), reading())
    read_without_it(connection, 24, 48)
    assert not is_gone(connection)


def test_readings_that_failed_do_not_count(connection: Connection) -> None:
    write(connection, entry(), reading())
    read_without_it(connection, 24)
    write(connection, reading(36, complete=False), reading(40, complete=False))
    read_without_it(connection, 48)
    assert not is_gone(connection)


def test_seen_again_in_between_counts_from_the_start(connection: Connection) -> None:
    write(connection, entry(), reading())
    read_without_it(connection, 24, 48)
    write(connection, entry(hours=60), entry("8", hours=60), reading(60))
    missed = connection.execute(select(listing_keys.c.missed, listing_keys.c.missed_days)).all()
    assert set(missed) == {(0, 0)}
    read_without_it(connection, 72, 96)
    assert not is_gone(connection)
    read_without_it(connection, 120)
    assert is_gone(connection)


def test_gone_from_all_its_listings_only(connection: Connection) -> None:
    write(connection, entry(), entry(listing=OTHER), reading(), reading(listing=OTHER))
    read_without_it(connection, 24, 48, 72)
    assert not is_gone(connection)
    read_without_it(connection, 25, 49, 73, listing=OTHER)
    assert is_gone(connection)


def test_still_in_another_listing_is_not_gone(connection: Connection) -> None:
    write(connection, entry(), entry(listing=OTHER), reading(), reading(listing=OTHER))
    for hours in (24, 48, 72, 96):
        write(connection, entry(hours=hours + 1, listing=OTHER), reading(hours + 1, listing=OTHER))
        read_without_it(connection, hours)
    assert not is_gone(connection)


def test_seen_again_is_not_gone_and_must_be_missed_as_often_again(connection: Connection) -> None:
    write(connection, entry(), reading())
    read_without_it(connection, 24, 48, 72)
    assert is_gone(connection)
    write(connection, entry(hours=80), reading(80, complete=False))
    assert not is_gone(connection)
    read_without_it(connection, 96, 120)
    assert not is_gone(connection)
    read_without_it(connection, 144)
    assert is_gone(connection)


def test_an_older_entry_brings_nothing_back(connection: Connection) -> None:
    write(connection, entry(), reading())
    read_without_it(connection, 24, 48, 72)
    write(connection, entry())
    assert is_gone(connection)


def test_other_vendors_and_listings_are_left_alone(connection: Connection) -> None:
    write(connection, entry(), entry("9", vendor="other_example"), reading(), reading(vendor="other_example"))
    read_without_it(connection, 24, 48, 72, vendor="other_example")
    assert not is_gone(connection)
    assert key_of(connection, "9", "other_example").gone_since is not None


def _shrink(connection: Connection, *hours: float, entries: int = 5) -> None:
    write(connection, *(reading(one, entries=entries) for one in hours))


@pytest.fixture
def nine(connection: Connection) -> Connection:
    """Return a listing of nine entries."""
    write(connection, *(entry(str(number)) for number in range(9)), reading(entries=9))
    return connection


def test_a_listing_that_lost_more_than_a_third_was_not_read(nine: Connection) -> None:
    before = rows(nine, "listings.shrunk", "listings.shrunk_days", "listings.shrunk_at")
    _shrink(nine, 24, 25)
    assert rows(nine, "listings.shrunk", "listings.shrunk_days", "listings.shrunk_at") == before
    assert is_due(nine, 25)


def test_a_listing_that_lost_a_third_was_read(nine: Connection) -> None:
    _shrink(nine, 24, entries=6)
    assert listing(nine).entries == 6
    assert key_of(nine).last_seen == at(0)
    assert {row.missed for row in nine.execute(select(listing_keys.c.missed))} == {1}


def test_a_listing_that_stays_small_is_believed_the_third_time_on_a_second_day(nine: Connection) -> None:
    _shrink(nine, 1, 2, 3, 4)
    assert listing(nine).entries == 9
    _shrink(nine, 24)
    found = listing(nine)
    assert (found.entries, found.shrunk, found.shrunk_days, found.shrunk_at) == (5, 0, 0, None)
    assert {row.missed for row in nine.execute(select(listing_keys.c.missed))} == {1}


def test_two_small_readings_on_two_days_are_too_few(nine: Connection) -> None:
    _shrink(nine, 24, 48)
    assert listing(nine).entries == 9


def test_the_same_small_reading_counts_once(nine: Connection) -> None:
    _shrink(nine, 24, 24, 24, 48, 48)
    assert (listing(nine).shrunk, listing(nine).shrunk_days) == (2, 2)


def test_a_whole_reading_in_between_counts_from_the_start(nine: Connection) -> None:
    _shrink(nine, 24, 48)
    _shrink(nine, 72, entries=9)
    _shrink(nine, 96, 120)
    assert listing(nine).entries == 9


def test_a_failed_reading_in_between_counts_neither_way(nine: Connection) -> None:
    _shrink(nine, 24, 48)
    write(nine, reading(50, complete=False, entries=0))
    _shrink(nine, 72)
    assert listing(nine).entries == 5


def test_an_empty_listing_may_stay_empty(connection: Connection) -> None:
    write(connection, reading(entries=0), reading(24, entries=0))
    assert listing(connection).read_at == reading(24).finished_at


def test_a_key_without_a_listing_is_never_gone(connection: Connection) -> None:
    write(connection, entry("8"), reading())
    connection.execute(update(listing_keys).values(missed=9, missed_days=9))
    write(connection, entry("9", hours=1), reading(1 + timedelta(days=1) / timedelta(hours=1)))
    assert key_of(connection, "9").gone_since is None
