"""Listing entries: what they may change of a known product, and what they leave alone."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from christmas.catalog import changes
from christmas.items import UNREAD, Availability
from tests.catalog.making import (
    JOB,
    START,
    VENDOR,
    YEAR,
    at,
    entry,
    history,
    key_names,
    key_of,
    product,
    rows,
    stored,
    told,
    write,
)

SOLD_OUT = Availability.OUT_OF_STOCK


@pytest.fixture
def known(connection: Connection) -> Connection:
    """Return a catalog with one product, seen in a listing and read from its page."""
    write(connection, entry(), product(hours=1))
    return connection


def test_a_new_entry_makes_a_key_and_no_product(connection: Connection) -> None:
    written = write(connection, entry())
    assert (written.entries, written.new_keys, written.new_products) == (1, 1, 0)
    key = key_of(connection)
    assert (key.url, key.release_year) == ("https://bells.example/7.html", 1995)
    assert key.first_seen == key.last_seen == START
    assert rows(connection)["products"] == []


def test_the_same_entry_writes_only_that_it_was_seen(known: Connection) -> None:
    before = rows(known, "keys.last_seen")
    written = write(known, entry(hours=2), job="job-2")
    assert rows(known, "keys.last_seen") == before
    assert key_of(known).last_seen == at(2)
    assert (written.entries, written.unchanged, written.changed_products, written.changes) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("field", "value", "change"),
    [
        ("price_minor", 1250, ("price", "10.00", "12.50")),
        ("list_price_minor", 1500, ("list_price", None, "15.00")),
        ("availability", SOLD_OUT, ("availability", "in_stock", "out_of_stock")),
    ],
)
def test_what_changed_becomes_one_change(
    known: Connection, field: str, value: object, change: tuple[str, str, str]
) -> None:
    written = write(known, entry(hours=2, **{field: value}), job="job-2")
    assert (written.changed_products, written.changes) == (1, 1)
    assert getattr(stored(known), field) == value
    assert (stored(known).last_changed, stored(known).read_at) == (at(2), at(2))
    (found,) = history(known)
    assert (found.field, found.old, found.new) == change
    assert (found.at, found.job, found.url, found.source) == (at(2), "job-2", "https://bells.example/7.html", "cards")
    write(known, entry(hours=3, **{field: value}))
    assert len(history(known)) == 1


def test_a_change_keeps_its_currency(known: Connection) -> None:
    write(known, entry(hours=2, price_minor=1250))
    (row,) = rows(known)["changes"]
    assert {"price_minor", "1000", "1250", "USD"} <= set(row)


def test_a_sale_that_ends_clears_the_list_price(known: Connection) -> None:
    write(known, entry(hours=2, price_minor=800, list_price_minor=1000))
    write(known, entry(hours=3, price_minor=1000, list_price_minor=None))
    assert (stored(known).price_minor, stored(known).list_price_minor) == (1000, None)
    assert told(history(known)[2:]) == [("price", "8.00", "10.00"), ("list_price", "10.00", None)]


def test_what_was_not_read_keeps_what_is_known(known: Connection) -> None:
    write(known, entry(hours=2, list_price_minor=1500))
    before = rows(known, "keys.last_seen")
    silent = {"name": UNREAD, "price_minor": UNREAD, "list_price_minor": UNREAD, "availability": UNREAD}
    assert write(known, entry(hours=3, **silent)).unchanged == 1
    assert write(known, entry(hours=4, list_price_minor=1500)).unchanged == 1
    assert rows(known, "keys.last_seen") == before


def test_stock_that_is_absent_is_no_news(known: Connection) -> None:
    write(known, entry(hours=2, availability=None))
    assert stored(known).availability == "in_stock"


def test_a_field_first_read_later_is_applied(connection: Connection) -> None:
    write(connection, entry(availability=UNREAD, price_minor=UNREAD, name=UNREAD), product(hours=1))
    write(connection, entry(hours=2, availability=SOLD_OUT, price_minor=900))
    assert told(history(connection)) == [("price", "10.00", "9.00"), ("availability", "in_stock", "out_of_stock")]
    assert not key_of(connection).page_due
    write(connection, entry(hours=3, availability=SOLD_OUT, price_minor=900, name="Another"))
    assert key_of(connection).page_due


def test_another_name_is_never_applied_but_looked_up(known: Connection) -> None:
    write(known, entry(hours=2, name="Angel"))
    assert stored(known).name == "1995 Bell 7"
    assert key_of(known).page_due
    assert history(known) == []


def test_a_name_that_changed_with_all_else_is_looked_up_too(known: Connection) -> None:
    write(known, entry(hours=2, name="Angel", price_minor=5, list_price_minor=9, availability=SOLD_OUT))
    assert key_of(known).page_due


def test_a_price_that_vanished_without_a_reason_is_looked_up(known: Connection) -> None:
    write(known, entry(hours=2, price_minor=None))
    assert key_of(known).page_due
    assert stored(known).price_minor == 1000
    assert history(known) == []


@pytest.mark.parametrize("reason", [SOLD_OUT, Availability.DISCONTINUED, Availability.PREORDER])
def test_a_price_that_vanished_for_a_reason_stands(known: Connection, reason: Availability) -> None:
    write(known, entry(hours=2, price_minor=800, list_price_minor=1000))
    write(known, entry(hours=3, price_minor=None, list_price_minor=None, availability=reason))
    assert (stored(known).price_minor, stored(known).list_price_minor) == (800, 1000)
    assert stored(known).availability == reason.value
    assert not key_of(known).page_due


def test_a_sale_that_ended_while_sold_out_is_noticed(known: Connection) -> None:
    write(known, entry(hours=2, price_minor=800, list_price_minor=1000))
    write(known, entry(hours=3, price_minor=None, list_price_minor=None, availability=SOLD_OUT))
    write(known, entry(hours=4, price_minor=1000, list_price_minor=None))
    assert (stored(known).price_minor, stored(known).list_price_minor) == (1000, None)
    assert stored(known).availability == "in_stock"


def test_a_price_that_comes_back_is_no_change(known: Connection) -> None:
    write(known, entry(hours=2, price_minor=None, availability=SOLD_OUT))
    write(known, entry(hours=3))
    assert [change.field for change in history(known)] == ["availability", "availability"]


def test_a_range_without_one_price_is_no_reason_to_look(connection: Connection) -> None:
    write(connection, entry(price_minor=1000), product(hours=1, price_minor=None, price_min_minor=5, price_max_minor=9))
    write(connection, entry(hours=2, price_minor=None))
    assert not key_of(connection).page_due
    assert (stored(connection).price_min_minor, stored(connection).price_max_minor) == (5, 9)
    write(connection, entry(hours=3, price_minor=700))
    found = stored(connection)
    assert (found.price_minor, found.price_min_minor, found.price_max_minor) == (700, None, None)
    assert told(history(connection)) == [
        ("price", None, "7.00"), ("price_min", "0.05", None), ("price_max", "0.09", None)
    ]  # fmt: skip


def test_another_currency_is_a_change(known: Connection) -> None:
    write(known, entry(hours=2, currency="CAD"))
    assert stored(known).currency == "CAD"
    assert told(history(known)) == [("currency", "USD", "CAD")]


def test_the_currency_of_a_card_without_a_price_says_nothing(known: Connection) -> None:
    write(known, entry(hours=2, price_minor=UNREAD, currency="CAD"))
    write(known, entry(hours=3, price_minor=None, availability=SOLD_OUT, currency="CAD"))
    assert stored(known).currency == "USD"
    write(known, entry(hours=4, currency="CAD"))
    assert stored(known).currency == "CAD"


def test_an_older_entry_overwrites_nothing(known: Connection) -> None:
    write(known, entry(hours=3, price_minor=1250))
    before = rows(known)
    write(known, entry(hours=2, price_minor=900, name="Older", availability=SOLD_OUT))
    assert rows(known) == before
    write(known, entry(hours=4, price_minor=900))
    assert stored(known).price_minor == 900


def test_an_older_entry_in_an_unknown_listing_is_remembered_there(known: Connection) -> None:
    write(known, entry(hours=2))
    write(known, entry(hours=1.5, listing="/angels", price_minor=5))
    assert len(rows(known)["listing_keys"]) == 2
    assert stored(known).price_minor == 1000


def test_an_entry_older_than_the_page_overwrites_nothing(known: Connection) -> None:
    write(known, product(hours=5, price_minor=1300))
    write(known, entry(hours=4, price_minor=900))
    write(known, entry(hours=4.5, price_minor=None))
    assert stored(known).price_minor == 1300
    assert not key_of(known).page_due


def test_a_first_entry_refreshes_a_product_that_came_from_its_page(connection: Connection) -> None:
    write(connection, product())
    write(connection, entry(hours=1, price_minor=1200, availability=UNREAD))
    assert told(history(connection)) == [("price", "10.00", "12.00")]
    assert not key_of(connection).page_due


def test_a_first_entry_without_a_price_is_looked_up(connection: Connection) -> None:
    write(connection, product())
    write(connection, entry(hours=1, price_minor=None))
    assert stored(connection).price_minor == 1000
    assert key_of(connection).page_due


def test_one_key_twice_in_a_batch(known: Connection) -> None:
    written = write(known, entry(hours=2, price_minor=1100), entry(hours=3, price_minor=1200))
    assert stored(known).price_minor == 1200
    assert told(history(known)) == [("price", "10.00", "11.00"), ("price", "11.00", "12.00")]
    assert (written.changed_products, written.changes) == (1, 2)


def test_a_new_key_twice_in_a_batch_keeps_what_either_told(connection: Connection) -> None:
    write(connection, entry(), entry(hours=1, price_minor=UNREAD, listing="/angels"))
    assert (key_of(connection).first_seen, key_of(connection).last_seen) == (at(0), at(1))
    write(connection, product(hours=2))
    assert write(connection, entry(hours=3)).unchanged == 1


def test_one_entry_in_two_listings_is_one_key_of_both(connection: Connection) -> None:
    write(connection, entry(), entry(listing="/angels"), entry(listing="/angels"))
    assert key_names(connection) == ["7"]
    assert len(rows(connection)["listing_keys"]) == 2
    assert write(connection, entry(hours=1), entry(hours=1, listing="/angels")).unchanged == 2
    assert len(rows(connection)["listing_keys"]) == 2


def test_two_vendors_in_one_batch(connection: Connection) -> None:
    both = [entry(), entry(vendor="other_example"), product(hours=1), product(hours=1, vendor="other_example")]
    assert write(connection, *both).new_keys == 2
    write(connection, entry(hours=2, price_minor=5), entry(hours=2, vendor="other_example"))
    assert stored(connection).price_minor == 5
    assert stored(connection, vendor="other_example").price_minor == 1000
    assert [change.vendor for change in changes.latest(connection, limit=9)] == [VENDOR]


def test_a_change_is_noted_at_its_listing(known: Connection) -> None:
    write(known, entry("8", hours=2, listing="/angels"))
    write(known, entry(hours=3, price_minor=5))
    times = {row[2]: row[6] for row in rows(known)["listings"]}
    assert times == {YEAR: at(3), "/angels": at(2)}


def test_the_job_is_the_one_that_wrote(known: Connection) -> None:
    write(known, entry(hours=2, price_minor=5), product("8", hours=2), job=JOB)
    assert [change.job for change in history(known)] == [JOB]
