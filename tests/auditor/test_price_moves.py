"""What a run would change of known products: which of it is hard to believe, and how it adds up."""

from __future__ import annotations

from fractions import Fraction
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from christmas.auditor.price_moves import Moves, identity_doubt, price_factor
from tests.catalog.making import entry, product

OLD: dict[str, Any] = {
    "name": "1995 Silver Bell", "sku": "QX1234", "price_minor": 1000, "currency": "USD",
    "availability": "in_stock",
    "listing_name": crc32(b"Silver Bell"),
}  # fmt: skip
NOTHING = {
    "price_moves": 0, "price_ratio": None, "currency_moves": 0, "range_moves": 0, "unpriced_moves": 0,
    "sold_out_moves": 0, "name_moves": 0, "names_taken": 0,
}  # fmt: skip


def moved(**new: Any) -> dict[str, Any]:
    """Return what one product page counts as, where it is not nothing."""
    moves = Moves()
    moves.note(product(), OLD, new)
    return {name: value for name, value in moves.as_facts().items() if value != NOTHING[name]}


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_factor_is_exact(before: int, now: int) -> None:
    assert price_factor({"price_minor": before}, {"price_minor": now}) == Fraction(now, before)


@pytest.mark.parametrize(
    ("before", "new"),
    [
        (1000, {}), (1000, {"price_minor": None}), (None, {"price_minor": 1000}), (1000, {"price_minor": 0}),
        (0, {"price_minor": 1000}), (1000, {"price_minor": 900, "currency": "CAD"}),
    ],
)  # fmt: skip
def test_there_is_no_factor_without_two_prices_in_one_currency(before: int | None, new: dict[str, Any]) -> None:
    assert price_factor({"price_minor": before}, new) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("QX1234", "QX5678"), ("1299QXI7334", "QXI7333"), ("QX1234", "qx-12 35"),
    ],
)  # fmt: skip
def test_a_sku_that_becomes_another(old: str, new: str) -> None:
    assert identity_doubt(OLD | {"sku": old}, {"sku": new}) == f"The SKU turned from {old} into {new}."


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("QX1234", "qx-1234"), ("QXI7333", "1299QXI7333"), ("1299QXI7333", "QXI7333"), ("QX1234", "QX1234DB"),
        (None, "QX5678"), ("QX1234", None),
    ],
)  # fmt: skip
def test_a_sku_that_is_written_differently(old: str | None, new: str | None) -> None:
    assert identity_doubt(OLD | {"sku": old}, {"sku": new}) is None


@pytest.mark.parametrize("name", ["1995 Golden Star", "1995", "1996-2001 Tree", "STAR"])
def test_a_name_that_shares_no_word_is_anothers(name: str) -> None:
    assert identity_doubt(OLD, {"name": name}) == f"The name turned from '1995 Silver Bell' into {name!r}."


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2019 Hallmark Keepsake Ornament Santa's Sleigh", "2020 Hallmark Keepsake Ornament Toymaker Snowman"),
        ("1990 The Christmas Bell in Series", "1990 The Christmas Star in Series"),
    ],
)
def test_words_that_stand_in_every_name_are_no_likeness(old: str, new: str) -> None:
    assert identity_doubt(OLD | {"name": old}, {"name": new}) is not None


@pytest.mark.parametrize("name", ["Silver Bells", "1996 silver star", "BELL", "2026 Bell of Silver"])
def test_a_name_that_shares_a_word_is_its_own(name: str) -> None:
    assert identity_doubt(OLD, {"name": name}) is None


@pytest.mark.parametrize(
    ("old", "new", "factor"),
    [
        ({"price_minor": None, "price_min_minor": 1000}, {"price_min_minor": 100_000}, 100),
        ({}, {"price_minor": None, "price_min_minor": 5000, "price_max_minor": 9000}, 5),
    ],
)
def test_of_a_range_its_low_end_is_compared(old: dict[str, Any], new: dict[str, Any], factor: int) -> None:
    assert price_factor(OLD | old, new) == factor
    found = Moves()
    found.note(product("7"), OLD | old, new)
    assert found.as_facts()["price_moves"] == 1


def test_nothing_new_moves_nothing() -> None:
    assert Moves().as_facts() == NOTHING
    assert moved() == {}
    assert moved(brand="Hallmark", list_price_minor=5) == {}


@pytest.mark.parametrize(
    ("new", "facts"),
    [
        ({"price_minor": 1500}, {"price_moves": 1, "price_ratio": 1.5}),
        ({"price_minor": 1000, "currency": "CAD"}, {"price_moves": 1, "currency_moves": 1}),
        ({"currency": "CAD"}, {"price_moves": 1, "currency_moves": 1}),
        ({"price_minor": None}, {"price_moves": 1, "unpriced_moves": 1}),
        (
            {"price_minor": None, "price_min_minor": 5, "price_max_minor": 9},
            {"price_moves": 1, "range_moves": 1, "price_ratio": 0.005},
        ),
        ({"availability": "out_of_stock"}, {"sold_out_moves": 1}),
        ({"availability": "discontinued"}, {}),
        ({"availability": "low_stock"}, {}),
        ({"name": "Star"}, {}),
    ],
)
def test_what_a_product_page_moves(new: dict[str, Any], facts: dict[str, Any]) -> None:
    assert moved(**new) == facts


@pytest.mark.parametrize(
    ("availability", "count"),
    [("in_stock", 1), ("low_stock", 1), ("preorder", 1), ("out_of_stock", 0), ("unknown", 0), ("discontinued", 0)],
)
def test_sold_out_is_what_was_to_be_had(availability: str, count: int) -> None:
    moves = Moves()
    moves.note(product(), OLD | {"availability": availability}, {"availability": "out_of_stock"})
    assert moves.as_facts()["sold_out_moves"] == count


def test_a_first_currency_or_range_is_no_move() -> None:
    moves = Moves()
    moves.note(product(), OLD | {"currency": None, "price_minor": None}, {"currency": "USD", "price_min_minor": 5})
    assert moves.as_facts() | {"price_moves": 0} == NOTHING


def test_a_product_that_is_read_often_counts_once_with_its_last_price() -> None:
    moves = Moves()
    for minor in (2000, 3000):
        moves.note(entry(), OLD, {"price_minor": minor, "availability": "out_of_stock", "name": "Star"})
    found = moves.as_facts()
    assert (found["price_moves"], found["sold_out_moves"], found["name_moves"]) == (1, 1, 1)
    assert found["price_ratio"] == 3.0


@pytest.mark.parametrize(
    ("prices", "ratio"), [([1100, 1200, 9000], 1.2), ([1000, 2000], 1.5), ([333], 0.333), ([100_000] * 3, 100.0)]
)
def test_the_ratio_is_the_median(prices: list[int], ratio: float) -> None:
    moves = Moves()
    for number, minor in enumerate(prices):
        moves.note(product(str(number)), OLD, {"price_minor": minor})
    assert moves.as_facts()["price_ratio"] == ratio


def test_names_that_other_cards_had_are_taken() -> None:
    moves = Moves()
    names = ["Bell", "Star", "Tree"]
    for number, name in enumerate(names):
        following = [*names[1:], "Sleigh"][number]
        moves.note(entry(str(number)), OLD | {"listing_name": crc32(name.encode())}, {"name": following})
    assert (moves.as_facts()["name_moves"], moves.as_facts()["names_taken"]) == (3, 2)
