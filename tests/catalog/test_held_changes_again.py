"""Second readings of held changes: single ones, and those of a run as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection

from christmas.catalog import held_changes
from christmas.catalog.held_changes import AUDITOR, HeldRow
from christmas.items import UNREAD, SecondReading
from tests.catalog.holding import GROUP, OPERATOR, hold_group, ids, second, state, states
from tests.catalog.making import VENDOR, at, history, product, rows, stored, write
from tests.catalog.watches import doubt


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
    (row,) = held_changes.find(connection, state=expected)
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
    assert [(row.state, row.agrees, row.checked_at) for row in held_changes.find(connection)] == [("held", None, at(9))]


def test_a_reading_is_of_its_own_product_and_vendor(jumped: list[HeldRow], connection: Connection) -> None:
    write(connection, second("8"))
    other = second()
    other.vendor = "other_example"
    write(connection, other)
    assert [row.checked_at for row in held_changes.find(connection)] == [None]


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
    assert len(held_changes.find(connection)) == 2
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
    assert [row.state for row in held_changes.find(connection, ids=ids(found))] == ["held"] * len(found)
    held_changes.decide_groups(connection, VENDOR, at(10))


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
    assert {row.state for row in held_changes.find(connection, state=None)} == {expected}
    assert held_changes.contradicted(connection, VENDOR) == (30 if no and not released else 0)
    assert {stored(connection, row.key).price_minor for row in found} == {5000 if released else 1000}
    assert len(rows(connection)["changes"]) == (30 if released else 0)
    if released:
        assert {(row.decided_by, row.decided_at) for row in held_changes.find(connection, state="released")} == {
            (AUDITOR, at(10))
        }


@pytest.mark.parametrize(("yes", "no", "released"), [(3, 0, True), (2, 0, False), (2, 1, False)])
def test_a_small_group_must_be_confirmed_wholly(connection: Connection, yes: int, no: int, released: bool) -> None:
    found = hold_group(connection, 3)
    check(connection, found, yes=yes, no=no)
    assert {row.state for row in held_changes.find(connection, state=None)} == {"released" if released else "held"}


def test_fields_that_are_not_read_again_do_not_count_in_a_small_group(connection: Connection) -> None:
    found = hold_group(connection, 6, list_price_minor=7000, currency="CAD")
    prices = [row for row in found if row.field == "price_minor"]
    for row in prices:
        write(connection, second(row.key, currency="CAD"))
    held_changes.decide_groups(connection, VENDOR, at(10))
    assert {row.state for row in held_changes.find(connection, state=None)} == {"released"}


def test_a_group_is_decided_by_itself(connection: Connection) -> None:
    found = hold_group(connection, 12)
    write(connection, *(product(f"x{number}") for number in range(12)))
    doubt(connection, *(product(f"x{number}", 1, price_minor=5000) for number in range(12)), job="job-3", group="job-3")
    check(connection, found, yes=12)
    assert {row.group_id for row in held_changes.find(connection, state="released")} == {GROUP}
    assert {row.group_id for row in held_changes.find(connection)} == {"job-3"}
    assert held_changes.contradicted(connection, VENDOR) == 0


def test_another_vendors_group_is_left(connection: Connection) -> None:
    found = hold_group(connection, 12)
    for row in found:
        write(connection, second(row.key))
    held_changes.decide_groups(connection, "other_example", at(10))
    assert len(held_changes.find(connection)) == 12
    assert held_changes.contradicted(connection, "other_example") == 0


def test_a_single_change_that_is_denied_contradicts_no_run(jumped: list[HeldRow], connection: Connection) -> None:
    held_changes.check(connection, ids(jumped), agrees=False, at=at(2))
    assert held_changes.contradicted(connection, VENDOR) == 0


def test_a_page_that_cannot_be_read_takes_no_word_back(connection: Connection) -> None:
    first, *_ = hold_group(connection, 3)
    write(connection, second(first.key, hours=3))
    write(connection, SecondReading(VENDOR, first.key, None, (), at(4)))
    (row,) = held_changes.find(connection, ids=[first.id])
    assert row.agrees is True


def test_an_operator_decides_on_a_group_that_was_contradicted(connection: Connection) -> None:
    found = hold_group(connection, 12)
    check(connection, found, yes=5, no=5)
    assert held_changes.contradicted(connection, VENDOR) == 12
    held_changes.discard(connection, ids(found), by=OPERATOR, now=at(11))
    assert held_changes.contradicted(connection, VENDOR) == 0


def test_a_second_reading_of_what_is_not_held_writes_nothing(connection: Connection) -> None:
    write(connection, product())
    before = rows(connection)
    write(connection, second(price_minor=5000))
    assert rows(connection) == before
