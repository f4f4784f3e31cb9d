"""Product pages: what each state of a field does, and when a page is to be read again."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from christmas.catalog.products import ProductRow
from christmas.catalog.writing.product_pages import product_id
from christmas.items import UNREAD, Availability
from tests.catalog.making import VENDOR, at, entry, history, key_of, product, rows, stored, told, unread, write

EVERYTHING = {
    "name": "Bell", "sku": "QX1", "gtin": "0001", "brand": "Hallmark", "price_minor": 1000, "price_min_minor": 900,
    "price_max_minor": 1100, "list_price_minor": 1200, "currency": "CAD", "availability": Availability.LOW_STOCK,
    "release_year": 1995, "series": "Bells", "series_number": 3, "box": "mint", "image_url": "https://bells.example/7",
}  # fmt: skip


def test_a_new_page_makes_a_product_and_no_changes(connection: Connection) -> None:
    written = write(connection, product(**EVERYTHING))
    assert (written.new_keys, written.new_products, written.changes) == (1, 1, 0)
    found = stored(connection)
    assert {name: getattr(found, name) for name in EVERYTHING} == EVERYTHING
    assert found.id == product_id(VENDOR, "7")
    assert found.first_seen == found.last_changed == found.read_at == at(0)
    assert (found.key, found.url, found.gone_since) == ("7", "https://bells.example/7.html", None)
    assert key_of(connection).page_read_at == at(0)


def test_what_a_new_page_does_not_tell_is_unknown(connection: Connection) -> None:
    write(connection, product(price_minor=UNREAD, currency=UNREAD, availability=UNREAD, list_price_minor=UNREAD))
    found = stored(connection)
    assert (found.availability, found.price_minor, found.currency) == ("unknown", None, None)
    assert (found.sku, found.release_year, found.box) == (None, None, None)


def test_an_unchanged_page_writes_only_when_it_was_read(connection: Connection) -> None:
    write(connection, product())
    times = ("keys.page_read_at", "products.read_at")
    before = rows(connection, *times)
    written = write(connection, product(hours=1))
    assert rows(connection, *times) == before
    assert (written.unchanged, written.changed_products, written.new_products) == (1, 0, 0)
    assert key_of(connection).page_read_at == stored(connection).read_at == at(1)


def test_a_changed_page_makes_a_change_of_each_field(connection: Connection) -> None:
    write(connection, product())
    other = EVERYTHING | {"availability": Availability.OUT_OF_STOCK}
    written = write(connection, product(hours=1, **other), job="job-2")
    changed = history(connection)
    assert written.changes == len(changed) == len(EVERYTHING) - 1  # the price is the same
    assert {(change.at, change.job, change.url, change.source) for change in changed} == {
        (at(1), "job-2", "https://bells.example/7.html", "json-ld")
    }
    found = stored(connection)
    assert {name: getattr(found, name) for name in other} == other
    assert (found.first_seen, found.last_changed) == (at(0), at(1))


def test_absent_is_a_change_and_unread_is_none(connection: Connection) -> None:
    write(connection, product(sku="QX1", series="Bells", list_price_minor=1200))
    write(connection, product(hours=1, sku=None, series=UNREAD, list_price_minor=None))
    assert told(history(connection)) == [("sku", "QX1", None), ("list_price", "12.00", None)]
    assert stored(connection).series == "Bells"


def test_a_price_on_request_clears_the_price(connection: Connection) -> None:
    write(connection, product())
    write(connection, product(hours=1, price_minor=None))
    assert told(history(connection)) == [("price", "10.00", None)]


@pytest.mark.parametrize("field", ["name", "availability", "currency"])
def test_what_a_product_always_has_cannot_be_absent(connection: Connection, field: str) -> None:
    write(connection, product())
    before: ProductRow = stored(connection)
    write(connection, product(hours=1, **{field: None}))
    assert getattr(stored(connection), field) == getattr(before, field)
    assert history(connection) == []


def test_a_price_becomes_a_range(connection: Connection) -> None:
    write(connection, product())
    write(connection, product(hours=1, price_minor=None, price_min_minor=900, price_max_minor=1100))
    assert told(history(connection)) == [
        ("price", "10.00", None), ("price_min", None, "9.00"), ("price_max", None, "11.00")
    ]  # fmt: skip


def test_an_older_page_overwrites_nothing(connection: Connection) -> None:
    write(connection, product(hours=2, price_minor=1200))
    before = rows(connection)
    write(connection, product(hours=1))
    assert rows(connection) == before


def test_a_page_older_than_the_entry_overwrites_nothing(connection: Connection) -> None:
    write(connection, entry(), product(hours=1))
    write(connection, entry(hours=3, price_minor=1200))
    write(connection, product(hours=2))
    assert stored(connection).price_minor == 1200
    assert key_of(connection).page_read_at == at(2)


def test_one_page_twice_in_a_batch(connection: Connection) -> None:
    written = write(connection, product(), product("8"), product(hours=1, price_minor=5), product("9", hours=1))
    assert (written.new_products, written.changes) == (3, 1)
    assert told(history(connection)) == [("price", "10.00", "0.05")]
    assert key_of(connection).page_read_at == at(1)


def test_a_page_and_then_an_entry_of_one_key_in_a_batch(connection: Connection) -> None:
    write(connection, entry(), product(hours=1), entry(hours=2, price_minor=5))
    assert told(history(connection)) == [("price", "10.00", "0.05")]


def test_a_page_that_was_due_is_due_no_more(connection: Connection) -> None:
    write(connection, entry(), product(hours=1))
    write(connection, entry(hours=2, price_minor=None))
    write(connection, unread(hours=3))
    assert (key_of(connection).page_due, key_of(connection).page_failed_at) == (True, at(3))
    write(connection, product(hours=4))
    assert (key_of(connection).page_due, key_of(connection).page_failed_at) == (False, None)


def test_a_page_that_gave_no_product_is_noted(connection: Connection) -> None:
    assert write(connection, unread()).new_keys == 0
    assert key_of(connection).page_failed_at == at(0)
    write(connection, unread(hours=2), unread(hours=1))
    assert key_of(connection).page_failed_at == at(2)


def test_a_page_read_later_outweighs_one_that_was_not_readable(connection: Connection) -> None:
    write(connection, unread(), product(hours=1))
    assert key_of(connection).page_failed_at is None
    write(connection, unread(hours=0.5))
    assert key_of(connection).page_failed_at is None


def test_reading_a_page_is_not_being_listed(connection: Connection) -> None:
    write(connection, entry())
    write(connection, product(hours=5), unread("8", hours=5))
    assert key_of(connection).last_seen == at(0)
