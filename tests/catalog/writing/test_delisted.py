"""Keys that are gone: what their own pages say on several days."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from christmas.catalog.writing import delisted
from christmas.db.tables import keys, listing_keys
from christmas.items import GoneReading
from tests.catalog.making import VENDOR, at, entry, key_of, product, reading, rows, write

# The first noon is of a Monday in November; 12 hours later it is another day.
TUESDAY, WEDNESDAY, THURSDAY = 24, 48, 72


def look(found: Any, hours: float, key: str = "7") -> GoneReading:
    return GoneReading(VENDOR, key, found, at(hours))


def known(connection: Connection, key: str = "7") -> tuple[str | None, int]:
    """Return what a key is gone as, and how many days have said so."""
    row = key_of(connection, key)
    return row.gone_as, row.gone_checks


def wanted(connection: Connection, hours: float, **more: Any) -> list[str]:
    return [row.key for row in delisted.unconfirmed(connection, VENDOR, at(hours), **({"limit": 9} | more))]


@pytest.fixture
def lost(connection: Connection) -> Connection:
    """Return a catalog in which no listing shows 7 any more, and 8 is there."""
    write(connection, entry("7"), entry("8"), product("7", 0.01), reading(0, entries=2))
    for hours in (1, 2, 13):
        write(connection, entry("8", hours), reading(hours, entries=2))
    assert key_of(connection).gone_since is not None
    return connection


def make_gone(connection: Connection, *names: str) -> None:
    write(connection, *(entry(name) for name in names))
    connection.execute(update(keys).where(keys.c.key.in_(names)).values(gone_since=at(1)))


@pytest.mark.parametrize(("found", "meaning"), [("missing", "delisted"), ("sold_out", "sold_out")])
def test_two_days_confirm_it(lost: Connection, found: str, meaning: str) -> None:
    assert (known(lost), wanted(lost, TUESDAY)) == ((None, 0), ["7"])
    write(lost, look(found, TUESDAY))
    assert (known(lost), wanted(lost, TUESDAY + 1), wanted(lost, WEDNESDAY)) == ((meaning, 1), [], ["7"])
    write(lost, look(found, WEDNESDAY))
    assert (known(lost), wanted(lost, THURSDAY)) == ((meaning, delisted.CONFIRMATIONS), [])


def test_as_many_days_as_are_asked_for(lost: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delisted, "CONFIRMATIONS", 3)
    for hours in (TUESDAY, WEDNESDAY, THURSDAY):
        assert wanted(lost, hours) == ["7"]
        write(lost, look("missing", hours))
    assert (known(lost), wanted(lost, THURSDAY + 24)) == (("delisted", 3), [])


def test_the_same_day_counts_once(lost: Connection) -> None:
    for hours in (TUESDAY, TUESDAY + 1, TUESDAY + 11.9):
        write(lost, look("missing", hours))
    assert known(lost) == ("delisted", 1)
    write(lost, look("missing", TUESDAY + 12))  # midnight in UTC
    assert known(lost) == ("delisted", 2)


def test_a_day_is_one_of_utc(lost: Connection) -> None:
    abroad = timezone(timedelta(hours=-5))
    for hours in (TUESDAY + 11, TUESDAY + 13):  # 18:00 and 20:00 of one day there
        write(lost, GoneReading(VENDOR, "7", "missing", at(hours).astimezone(abroad)))
    assert known(lost) == ("delisted", 2)
    make_gone(lost, "9")
    write(lost, look("missing", TUESDAY + 11, "9"))
    evening = at(TUESDAY + 13).astimezone(abroad)
    assert [row.key for row in delisted.unconfirmed(lost, VENDOR, evening, limit=9)] == ["9"]


def test_another_word_begins_anew(lost: Connection) -> None:
    write(lost, look("sold_out", TUESDAY))
    write(lost, look("missing", WEDNESDAY))
    assert known(lost) == ("delisted", 1)
    write(lost, look("missing", THURSDAY))
    assert known(lost) == ("delisted", 2)


def test_a_page_that_cannot_be_reached_says_nothing(lost: Connection) -> None:
    write(lost, look("missing", TUESDAY))
    before = rows(lost)
    write(lost, look("unreachable", WEDNESDAY))
    assert rows(lost) == before
    write(lost, look("missing", WEDNESDAY + 1))
    assert known(lost) == ("delisted", 2)


def test_a_page_that_offers_it_takes_it_back(lost: Connection) -> None:
    write(lost, look("missing", TUESDAY))
    write(lost, look("listed", WEDNESDAY))
    assert (known(lost), key_of(lost).gone_since, wanted(lost, THURSDAY)) == ((None, 0), None, [])
    missed = select(listing_keys.c.missed, listing_keys.c.missed_days).where(listing_keys.c.key_id == key_of(lost).id)
    assert lost.execute(missed).all() == [(0, 0)]


def test_a_listing_that_shows_it_takes_it_back(lost: Connection) -> None:
    write(lost, look("missing", TUESDAY))
    write(lost, entry("7", WEDNESDAY))
    assert (known(lost), key_of(lost).gone_since) == ((None, 0), None)


def test_gone_once_more_it_is_to_be_confirmed_once_more(lost: Connection) -> None:
    for hours in (TUESDAY, WEDNESDAY):
        write(lost, look("missing", hours))
    write(lost, entry("7", WEDNESDAY + 1))
    for hours in (THURSDAY, THURSDAY + 1, THURSDAY + 13):
        write(lost, entry("8", hours), reading(hours, entries=2))
    assert wanted(lost, THURSDAY + 24) == ["7"]
    write(lost, look("sold_out", THURSDAY + 24))
    assert known(lost) == ("sold_out", 1)


def test_an_older_word_written_late_is_none(lost: Connection) -> None:
    write(lost, look("missing", WEDNESDAY))
    write(lost, look("sold_out", TUESDAY))
    assert known(lost) == ("delisted", 1)


def test_what_is_not_gone_stays_there(lost: Connection) -> None:
    before = rows(lost)
    write(lost, look("missing", TUESDAY, "8"), look("sold_out", WEDNESDAY, "8"))
    assert rows(lost) == before


def test_each_key_of_a_batch_has_its_own_word(connection: Connection) -> None:
    make_gone(connection, "1", "2", "3", "4")
    words = ["missing", "sold_out", "unreachable", "listed"]
    write(connection, *(look(word, TUESDAY, str(number)) for number, word in enumerate(words, 1)))
    assert [known(connection, name)[0] for name in "1234"] == ["delisted", "sold_out", None, None]
    assert [key_of(connection, name).gone_since is None for name in "1234"] == [False, False, False, True]


def test_what_is_wanted_comes_in_portions(connection: Connection) -> None:
    make_gone(connection, "1", "2", "3")
    write(connection, entry("4"))
    assert wanted(connection, TUESDAY, limit=2) == ["1", "2"]
    assert wanted(connection, TUESDAY, limit=2, after=key_of(connection, "2").id) == ["3"]
    assert delisted.unconfirmed(connection, "other_example", at(TUESDAY), limit=9) == []
    (first, *_) = delisted.unconfirmed(connection, VENDOR, at(TUESDAY), limit=1)
    assert (first.key, first.url, first.release_year) == ("1", "https://bells.example/1.html", 1995)
