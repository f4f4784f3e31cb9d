"""Held changes: what is held, what withdraws it, and who decides on it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from christmas.catalog import held_changes as held
from christmas.catalog import kept_pages
from christmas.catalog.held_changes import HeldRow
from christmas.db.tables import held_changes
from christmas.items import UNREAD, Page, SecondReading
from tests.catalog.holding import OPERATOR, PAGE, hold_group, ids, state, states
from tests.catalog.making import VENDOR, at, entry, history, product, rows, stored, told, write
from tests.catalog.watches import doubt


def test_what_is_held_is_not_applied(connection: Connection) -> None:
    write(connection, product())
    page = Page(PAGE.url, PAGE.body, PAGE.encoding)
    found = doubt(
        connection, product(hours=1, price_minor=5000, brand="Hallmark"), page=page, source="selectors",
        fields=["price_minor"],
    )  # fmt: skip
    (row,) = found
    assert (row.vendor, row.field, row.old, row.new, row.currency) == (VENDOR, "price_minor", "1000", "5000", "USD")
    assert (row.at, row.job_id, row.url, row.source) == (at(1), "job-2", PAGE.url, "selectors")
    assert (row.reason, row.group_id, row.state, row.decided_by) == ("Hard to believe.", None, "held", None)
    assert (row.name, row.key, row.page_url, row.product_id) == (
        "1995 Bell 7", "7", "https://bells.example/7.html", stored(connection).id
    )  # fmt: skip
    kept = kept_pages.get(connection, row.page_id or 0)
    assert kept is not None
    assert (kept.page, kept.job_id, kept.reason) == (PAGE, "job-2", row.reason)
    assert told(history(connection)) == [("brand", None, "Hallmark")]
    assert (stored(connection).price_minor, stored(connection).brand) == (1000, "Hallmark")


def test_several_fields_of_one_page_share_the_page(connection: Connection) -> None:
    write(connection, product())
    found = doubt(connection, product(hours=1, price_minor=5, currency="CAD", sku="Q"), page=PAGE)
    assert [row.field for row in found] == ["sku", "price_minor", "currency"]
    assert {row.page_id for row in found} == {found[0].page_id}
    assert kept_pages.count(connection, VENDOR) == 1


def test_a_second_doubt_takes_the_place_of_the_first(jumped: list[HeldRow], connection: Connection) -> None:
    found = doubt(connection, product(hours=2, price_minor=6000), job="job-3")
    assert [(row.new, row.old, row.job_id) for row in found] == [("6000", "1000", "job-3")]
    assert states(connection) == [("price_minor", "5000", "withdrawn"), ("price_minor", "6000", "held")]


def test_one_change_of_a_field_is_open(jumped: list[HeldRow], connection: Connection) -> None:
    columns = [column for column in held_changes.c if column.name != "id"]
    again = connection.execute(select(*columns)).one()._asdict()
    connection.execute(insert(held_changes), {**again, "state": "discarded"})
    with pytest.raises(IntegrityError), connection.begin_nested():
        connection.execute(insert(held_changes), again)


def test_twice_in_one_batch_is_held_once(connection: Connection) -> None:
    write(connection, product())
    found = doubt(connection, product(hours=1, price_minor=5000), product(hours=2, price_minor=6000))
    assert [(row.new, row.at) for row in found] == [("6000", at(2))]


def test_a_later_reading_withdraws_what_it_does_not_say(jumped: list[HeldRow], connection: Connection) -> None:
    write(connection, product(hours=2))
    assert states(connection) == [("price_minor", "5000", "withdrawn")]
    assert history(connection) == []


@pytest.mark.parametrize(
    "later",
    [
        product(hours=2, price_minor=UNREAD),
        product(hours=0.5),
        product("8", hours=2),
        entry(hours=2, price_minor=None),
    ],
)
def test_what_does_not_speak_against_it_withdraws_nothing(
    jumped: list[HeldRow], connection: Connection, later: Any
) -> None:
    write(connection, later)
    assert state(connection) == "held"


def test_what_has_come_true_meanwhile_is_no_second_change(jumped: list[HeldRow], connection: Connection) -> None:
    write(connection, product(hours=2, price_minor=5000))
    assert stored(connection).price_minor == 5000
    held.release(connection, ids(jumped), by=OPERATOR, now=at(3))
    assert told(history(connection)) == [("price", "10.00", "50.00")]


def test_a_released_change_is_as_it_was_read(jumped: list[HeldRow], connection: Connection) -> None:
    assert held.release(connection, ids(jumped), by=OPERATOR, now=at(9)) == 1
    (change,) = history(connection)
    assert (change.field, change.old, change.new) == ("price", "10.00", "50.00")
    assert (change.at, change.job, change.url, change.source) == (
        at(1), "job-2", "https://bells.example/7.html", "json-ld"
    )  # fmt: skip
    found = stored(connection)
    assert (found.price_minor, found.last_changed, found.read_at) == (5000, at(9), at(1))
    (row,) = held.find(connection, state="released")
    assert (row.decided_by, row.decided_at) == (OPERATOR, at(9))


@pytest.mark.parametrize("decide", [held.release, held.discard])
def test_what_is_decided_twice_changes_nothing_more(jumped: list[HeldRow], connection: Connection, decide: Any) -> None:
    assert decide(connection, ids(jumped), by=OPERATOR, now=at(9)) == 1
    before = rows(connection)
    for again in (held.release, held.discard):
        assert again(connection, ids(jumped), by="another", now=at(10)) == 0
        assert again(connection, [], by="another", now=at(10)) == 0
        assert again(connection, [999], by="another", now=at(10)) == 0
    assert rows(connection) == before


def test_what_was_read_with_it_goes_with_it(connection: Connection) -> None:
    write(connection, product(sku="Q", release_year=1994))
    values = {"price_minor": 5000, "currency": "CAD", "list_price_minor": 6000, "sku": "R", "release_year": 1995}
    found = doubt(connection, product(hours=1, **values), fields=values)
    assert held.release(connection, [found[2].id], by=OPERATOR, now=at(9)) == len(found) == 5
    assert {name: getattr(stored(connection), name) for name in values} == values
    assert sorted(told(history(connection))) == [
        ("currency", "USD", "CAD"), ("list_price", None, "60.00"), ("price", "10.00", "50.00"),
        ("release_year", "1994", "1995"), ("sku", "Q", "R"),
    ]  # fmt: skip


def test_what_another_run_or_product_has_held_does_not(connection: Connection) -> None:
    write(connection, product(), product("8"))
    doubt(connection, product(hours=1, price_minor=5000), product("8", hours=1, price_minor=5000))
    doubt(connection, product(hours=2, price_minor=UNREAD, sku="R"), job="job-3")
    price = next(row for row in held.find(connection) if row.key == "7" and row.field == "price_minor")
    assert held.discard(connection, [price.id], by=OPERATOR, now=at(9)) == 1
    assert {(row.key, row.field) for row in held.find(connection)} == {("7", "sku"), ("8", "price_minor")}
    assert history(connection) == []


def test_a_discarded_change_leaves_the_product(jumped: list[HeldRow], connection: Connection) -> None:
    before = rows(connection)["products"]
    held.discard(connection, ids(jumped), by=OPERATOR, now=at(9))
    assert (state(connection), rows(connection)["products"], history(connection)) == ("discarded", before, [])


def test_a_price_that_went_is_released_as_none(connection: Connection) -> None:
    write(connection, product())
    found = doubt(connection, product(hours=1, price_minor=None))
    held.release(connection, ids(found), by=OPERATOR, now=at(2))
    assert told(history(connection)) == [("price", "10.00", None)]
    assert stored(connection).price_minor is None


def test_many_are_released_at_once(connection: Connection) -> None:
    found = hold_group(connection, 50)
    assert held.release(connection, ids(found), by=OPERATOR, now=at(2)) == 50
    assert len(rows(connection)["changes"]) == 50


def test_finding(connection: Connection) -> None:
    first, *_ = hold_group(connection, 3)
    held.discard(connection, [first.id], by=OPERATOR, now=at(2))
    assert [row.key for row in held.find(connection)] == ["2", "1"]
    assert [row.key for row in held.find(connection, state=None)] == ["2", "1", "0"]
    assert [row.key for row in held.find(connection, state="discarded")] == ["0"]
    assert [row.key for row in held.find(connection, limit=1)] == ["2"]
    assert [row.key for row in held.find(connection, ids=[first.id], state=None)] == ["0"]
    assert held.find(connection, vendor="other_example") == held.find(connection, vendors=[]) == []
    assert len(held.find(connection, vendor=VENDOR, vendors=[VENDOR, "other_example"])) == 2
    assert held.count(connection) == {VENDOR: 2}


def test_of_a_group_a_sample_is_read_again(connection: Connection) -> None:
    hold_group(connection, 30, list_price_minor=7000)
    drawn = [held.to_check(connection, VENDOR, sample=20, limit=5) for _ in range(4)]
    assert [len(set(one)) for one in drawn] == [20] * 4
    assert len({frozenset(one) for one in drawn}) > 1  # by chance: all alike once in 10^22
    assert all(url == f"https://bells.example/{key}.html" for key, url in drawn[0])
    assert held.to_check(connection, "other_example", sample=20, limit=5) == []


def test_of_each_group_and_of_single_ones(connection: Connection) -> None:
    hold_group(connection, 3)
    write(connection, *(product(key) for key in "abcde"))
    doubt(connection, product("a", 1, price_minor=5), product("b", 1, price_minor=5), job="job-3", group="job-3")
    for place, key in enumerate("cde"):
        doubt(connection, product(key, 3 - place, price_minor=5), job="job-4")
    found = [key for key, _ in held.to_check(connection, VENDOR, sample=2, limit=2)]
    assert (len(set(found) & set("012")), set(found) & set("ab"), set(found) & set("cde")) == (2, {*"ab"}, {*"ed"})


def test_what_was_read_again_comes_last(connection: Connection) -> None:
    write(connection, product("7"), product("8"))
    first, _ = doubt(connection, product("7", 1, price_minor=5), product("8", 2, price_minor=5))
    assert [key for key, _ in held.to_check(connection, VENDOR, sample=1, limit=1)] == ["7"]
    held.check(connection, [first.id], agrees=None, at=at(3))
    assert [key for key, _ in held.to_check(connection, VENDOR, sample=1, limit=1)] == ["8"]
    held.discard(connection, [first.id], by=OPERATOR, now=at(4))
    assert [key for key, _ in held.to_check(connection, VENDOR, sample=1, limit=9)] == ["8"]


def test_a_page_that_tells_nothing_does_not_keep_others_waiting(connection: Connection) -> None:
    write(connection, product("7"), product("8"))
    doubt(connection, product("7", 1, price_minor=5, list_price_minor=9), product("8", 2, price_minor=5))
    assert [key for key, _ in held.to_check(connection, VENDOR, sample=1, limit=1)] == ["7"]
    write(connection, SecondReading(VENDOR, "7", None, (), at(3)))
    assert [key for key, _ in held.to_check(connection, VENDOR, sample=1, limit=1)] == ["8"]


def test_what_was_read_beside_a_price_is_withdrawn_with_it(connection: Connection) -> None:
    write(connection, product(list_price_minor=2000))
    doubt(connection, product(hours=1, price_minor=5000, list_price_minor=9000))
    write(connection, product(hours=2, price_minor=1000, list_price_minor=UNREAD))
    assert {name for _, _, name in states(connection)} == {"withdrawn"}
