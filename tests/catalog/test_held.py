"""Held changes: what is held, what withdraws it, and who decides on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from christmas.catalog import held, kept_pages
from christmas.catalog.held import AUDITOR, HeldRow
from christmas.catalog.pages import product_id
from christmas.catalog.tables import held_changes
from christmas.items import UNREAD, Page, SecondReading
from tests.catalog.making import VENDOR, at, entry, history, product, rows, stored, told, write
from tests.catalog.watches import doubt

OPERATOR = "noel"
PAGE = Page("https://bells.example/7.html", b"<p>10 bells</p>", "utf-8")
GROUP = "job-2"


def states(connection: Connection, key: str = "7") -> list[tuple[str, str | None, str]]:
    """Give field, new value and state of everything that was ever held of a product."""
    columns = held_changes.c
    query = select(columns.field, columns.new, columns.state).where(columns.product_id == product_id(VENDOR, key))
    return [tuple(row) for row in connection.execute(query.order_by(columns.id))]  # type: ignore[misc]


def state(connection: Connection, key: str = "7") -> str:
    ((_, _, found),) = states(connection, key)
    return found


def ids(found: Sequence[HeldRow]) -> list[int]:
    return [row.id for row in found]


def second(key: str = "7", hours: float = 9, *, prices: Any = (("selectors", 5000),), **values: Any) -> SecondReading:
    return SecondReading(VENDOR, key, product(key, hours, **values), tuple(prices), at(hours))


@pytest.fixture
def jumped(connection: Connection) -> list[HeldRow]:
    """Give the one price that is held."""
    write(connection, product())
    return doubt(connection, product(hours=1, price_minor=5000, list_price_minor=None))


def hold_group(connection: Connection, size: int, start: int = 0, **more: Any) -> list[HeldRow]:
    """Hold the prices of so many products as a whole."""
    names = [str(number) for number in range(start, start + size)]
    write(connection, *(product(name) for name in names))
    items = [product(name, 1, price_minor=5000, **more) for name in names]
    return [row for row in doubt(connection, *items, group=GROUP) if row.key in names]


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


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ([("selectors", 5000)], "released"),
        ([("selectors", 1000)], "discarded"),
        ([("selectors", None)], "discarded"),
        ([("meta", 1000), ("selectors", 5000)], "released"),
        ([("json-ld", 1000), ("selectors", 5000)], "released"),
        ([("json-ld", 5000), ("selectors", 1000)], "discarded"),
        ([("json-ld", 5000)], "held"),  # no other source
        ([("json-ld", 1000)], "held"),
        ([], "held"),
    ],
)
def test_another_source_decides_on_a_price(
    jumped: list[HeldRow], connection: Connection, prices: Any, expected: str
) -> None:
    write(connection, second(prices=prices))
    assert state(connection) == expected
    (row,) = held.find(connection, state=expected)
    assert row.checked_at == at(9)
    assert row.agrees is {"released": True, "discarded": False, "held": None}[expected]
    assert row.decided_by == (None if expected == "held" else AUDITOR)
    assert stored(connection).price_minor == (5000 if expected == "released" else 1000)
    assert len(history(connection)) == (expected == "released")


@pytest.mark.parametrize(("currency", "expected"), [("USD", "released"), (UNREAD, "released"), ("CAD", "discarded")])
def test_another_currency_denies(jumped: list[HeldRow], connection: Connection, currency: Any, expected: str) -> None:
    write(connection, second(currency=currency))
    assert state(connection) == expected


def test_a_price_that_went_is_confirmed_by_a_source_that_says_so(connection: Connection) -> None:
    write(connection, product())
    doubt(connection, product(hours=1, price_minor=None))
    write(connection, second(prices=[("selectors", None)], price_minor=None))
    assert state(connection) == "released"


def test_a_page_that_gave_no_product_decides_nothing(jumped: list[HeldRow], connection: Connection) -> None:
    write(connection, SecondReading(VENDOR, "7", None, (("selectors", 1000),), at(9)))
    assert [(row.state, row.agrees, row.checked_at) for row in held.find(connection)] == [("held", None, at(9))]


def test_a_reading_is_of_its_own_product_and_vendor(jumped: list[HeldRow], connection: Connection) -> None:
    write(connection, second("8"))
    other = second()
    other.vendor = "other_example"
    write(connection, other)
    assert [row.checked_at for row in held.find(connection)] == [None]


def test_a_reading_again_of_what_is_decided_changes_nothing(jumped: list[HeldRow], connection: Connection) -> None:
    write(connection, second())
    before = rows(connection)
    write(connection, second(hours=10, prices=[("selectors", 1000)]))
    assert rows(connection) == before


@pytest.mark.parametrize("field", ["name", "sku"])
def test_a_name_or_sku_is_confirmed_by_the_page(connection: Connection, field: str) -> None:
    write(connection, product(sku="Q"))
    doubt(connection, product(hours=1, **{field: "Star"}))
    write(connection, second(**{"sku": "Q", field: "Star"}))
    assert state(connection) == "released"
    assert getattr(stored(connection), field) == "Star"


@pytest.mark.parametrize("field", ["name", "sku"])
def test_a_name_or_sku_is_denied_by_the_page(connection: Connection, field: str) -> None:
    write(connection, product(sku="Q"))
    doubt(connection, product(hours=1, **{field: "Star"}))
    write(connection, second(sku="Q"))
    assert state(connection) == "discarded"


@pytest.mark.parametrize("field", ["name", "sku"])
def test_a_name_or_sku_that_is_another_products_is_for_people(connection: Connection, field: str) -> None:
    write(connection, product(sku="Q"), product("8", **{field: "Star"}))
    doubt(connection, product(hours=1, **{field: "Star"}))
    write(connection, second(**{"sku": "Q", field: "Star"}))
    assert state(connection) == "held"
    write(connection, second(hours=10, sku="Q"))
    assert state(connection) == "discarded"


def test_a_sku_that_has_come_true_meanwhile_is_the_products_own(connection: Connection) -> None:
    write(connection, product(sku="Q"))
    doubt(connection, product(hours=1, sku="R"))
    write(connection, product(hours=2, sku="R"))
    write(connection, second(sku="R"))
    assert state(connection) == "released"


def test_another_vendors_product_may_have_the_same_sku(connection: Connection) -> None:
    write(connection, product(sku="Q"), product("8", sku="R", vendor="other_example"))
    doubt(connection, product(hours=1, sku="R"))
    write(connection, second(sku="R"))
    assert state(connection) == "released"


def test_a_page_that_does_not_tell_the_sku_does_not_deny_it(connection: Connection) -> None:
    write(connection, product(sku="Q"))
    doubt(connection, product(hours=1, sku="R"))
    write(connection, second(sku=UNREAD))
    assert state(connection) == "held"


@pytest.mark.parametrize("order", [("name", "price_minor"), ("price_minor", "name")])
def test_a_confirmed_price_does_not_take_a_denied_name_with_it(connection: Connection, order: tuple[str, str]) -> None:
    write(connection, product())
    new = {"price_minor": 5000, "name": "Star"}
    for hours, field in enumerate(order, 1):
        doubt(connection, product(hours=hours, **({"price_minor": UNREAD, "name": UNREAD, field: new[field]})))
    assert len(held.find(connection)) == 2
    write(connection, second())
    assert ("name", "Star", "discarded") in states(connection)
    assert stored(connection).name == "1995 Bell 7"


def test_a_confirmed_price_does_not_take_a_name_with_it_that_is_for_people(connection: Connection) -> None:
    write(connection, product(sku="Q"), product("8", name="Star", sku="R"))
    doubt(connection, product(hours=1, price_minor=5000, name="Star", sku="R"))
    write(connection, second(name="Star", sku="R"))
    assert ("name", "Star", "held") in states(connection)
    assert (stored(connection).name, stored(connection).sku) == ("1995 Bell 7", "Q")


def test_a_confirmed_name_does_not_decide_on_a_price_of_a_group(connection: Connection) -> None:
    write(connection, product())
    doubt(connection, product(hours=1, price_minor=5000), group=GROUP, fields=["price_minor"])
    doubt(connection, product(hours=2, price_minor=UNREAD, name="Star"), fields=["name"])
    write(connection, second(name="Star", prices=[("selectors", 1000)]))
    assert states(connection) == [("price_minor", "5000", "held"), ("name", "Star", "released")]
    assert stored(connection).price_minor == 1000


def check(connection: Connection, found: Sequence[HeldRow], *, yes: int = 0, no: int = 0, silent: int = 0) -> None:
    """Read so many of a group again, from its start."""
    said = [5000] * yes + [1000] * no
    for row, price in zip(found, said, strict=False):
        write(connection, second(row.key, prices=[("selectors", price)]))
    for row in found[len(said) : len(said) + silent]:
        write(connection, SecondReading(VENDOR, row.key, None, (), at(9)))
    assert [row.state for row in held.find(connection, ids=ids(found))] == ["held"] * len(found)
    held.decide_groups(connection, VENDOR, at(10))


@pytest.mark.parametrize(
    ("yes", "no", "silent", "released"),
    [
        (20, 0, 0, True), (18, 2, 0, True), (17, 2, 1, False), (17, 3, 0, False), (10, 0, 10, True), (9, 0, 11, False),
        (9, 1, 0, False), (10, 1, 0, True), (0, 0, 20, False), (0, 20, 0, False), (0, 0, 0, False),
    ],
)  # fmt: skip
def test_a_group_is_released_when_nearly_all_of_its_sample_agree(
    connection: Connection, yes: int, no: int, silent: int, released: bool
) -> None:
    found = hold_group(connection, 30)
    check(connection, found, yes=yes, no=no, silent=silent)
    expected = "released" if released else "held"
    assert {row.state for row in held.find(connection, state=None)} == {expected}
    assert held.contradicted(connection, VENDOR) == (30 if no and not released else 0)
    assert {stored(connection, row.key).price_minor for row in found} == {5000 if released else 1000}
    assert len(rows(connection)["changes"]) == (30 if released else 0)
    if released:
        assert {(row.decided_by, row.decided_at) for row in held.find(connection, state="released")} == {
            (AUDITOR, at(10))
        }


@pytest.mark.parametrize(("yes", "no", "released"), [(3, 0, True), (2, 0, False), (2, 1, False)])
def test_a_small_group_must_be_confirmed_wholly(connection: Connection, yes: int, no: int, released: bool) -> None:
    found = hold_group(connection, 3)
    check(connection, found, yes=yes, no=no)
    assert {row.state for row in held.find(connection, state=None)} == {"released" if released else "held"}


def test_fields_that_are_not_read_again_do_not_count_in_a_small_group(connection: Connection) -> None:
    found = hold_group(connection, 6, list_price_minor=7000, currency="CAD")
    prices = [row for row in found if row.field == "price_minor"]
    for row in prices:
        write(connection, second(row.key, currency="CAD"))
    held.decide_groups(connection, VENDOR, at(10))
    assert {row.state for row in held.find(connection, state=None)} == {"released"}


def test_a_group_is_decided_by_itself(connection: Connection) -> None:
    found = hold_group(connection, 12)
    write(connection, *(product(f"x{number}") for number in range(12)))
    doubt(connection, *(product(f"x{number}", 1, price_minor=5000) for number in range(12)), job="job-3", group="job-3")
    check(connection, found, yes=12)
    assert {row.group_id for row in held.find(connection, state="released")} == {GROUP}
    assert {row.group_id for row in held.find(connection)} == {"job-3"}
    assert held.contradicted(connection, VENDOR) == 0


def test_another_vendors_group_is_left(connection: Connection) -> None:
    found = hold_group(connection, 12)
    for row in found:
        write(connection, second(row.key))
    held.decide_groups(connection, "other_example", at(10))
    assert len(held.find(connection)) == 12
    assert held.contradicted(connection, "other_example") == 0


def test_a_single_change_that_is_denied_contradicts_no_run(jumped: list[HeldRow], connection: Connection) -> None:
    held.check(connection, ids(jumped), agrees=False, at=at(2))
    assert held.contradicted(connection, VENDOR) == 0


def test_a_page_that_cannot_be_read_takes_no_word_back(connection: Connection) -> None:
    first, *_ = hold_group(connection, 3)
    write(connection, second(first.key, hours=3))
    write(connection, SecondReading(VENDOR, first.key, None, (), at(4)))
    (row,) = held.find(connection, ids=[first.id])
    assert row.agrees is True


def test_an_operator_decides_on_a_group_that_was_contradicted(connection: Connection) -> None:
    found = hold_group(connection, 12)
    check(connection, found, yes=5, no=5)
    assert held.contradicted(connection, VENDOR) == 12
    held.discard(connection, ids(found), by=OPERATOR, now=at(11))
    assert held.contradicted(connection, VENDOR) == 0


def test_a_second_reading_of_what_is_not_held_writes_nothing(connection: Connection) -> None:
    write(connection, product())
    before = rows(connection)
    write(connection, second(price_minor=5000))
    assert rows(connection) == before
