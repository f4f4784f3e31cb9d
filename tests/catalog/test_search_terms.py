"""What products are found by: pieces and words, without a database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from christmas.catalog import search_terms

ID = UUID("0123456789abcdef0123456789abcdef")


def words(**values: Any) -> str:
    common: dict[str, Any] = {"name": "Bell", "brand": None, "series": None, "sku": None, "release_year": None}
    return search_terms.words_of(vendor="bells_example_com", **(common | values))


@pytest.mark.parametrize("sku", ["QXI7109", "3799QXI7109", "qxi 7109", "QXI-7109", "QXI7109 NB", "3799qxi7109sdb"])
def test_a_sku_is_one_piece_however_it_is_spelled(sku: str) -> None:
    assert search_terms.piece_of(ID, sku) == "QXI7109"


@pytest.mark.parametrize("sku", [None, "", " - ", "N/A", "Does not apply", "Q" + "1" * 64])
def test_what_is_no_sku_is_a_piece_of_its_own(sku: str | None) -> None:
    assert search_terms.piece_of(ID, sku) == "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Frosty Friends", ["frosty", "friends"]),
        ("50th, Mr. & Mrs. Santa!", ["50th", "mr", "mrs", "santa"]),
        ("O'Malley", ["o", "malley"]),
        ("CAF\u00c9 Cafe\u0301 #11", ["cafe", "cafe", "11"]),
        ("No\u00ebl\u2122 Bell\u00ae", ["noel", "bell"]),
        ("Stra\u00dfe \ufb01r \uff11\uff12", ["strasse", "fir", "12"]),
        ("\u0130stanbul", ["istanbul"]),
        ('" OR 1=1 --\x00*', ["or", "1", "1"]),
        ("\u4e16\u754c \ud83d", []),
        ("", []),
        ("x" * 10_000 + " y", ["x" * 64, "y"]),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert search_terms.tokens(text) == tokens


def test_words_are_in_order_and_each_is_there_once() -> None:
    assert (
        words(name="1985 Frosty Friends", series="Frosty Friends", brand="Hallmark", release_year=1985,
              sku="3799 QXI-7109 NB")
        == "1985 frosty friends hallmark 3799qxi7109nb qxi7109 vbellsexamplecom"
    )  # fmt: skip


def test_what_is_not_known_adds_no_word() -> None:
    assert words() == "bell vbellsexamplecom"
    assert words(name="", sku="-") == "vbellsexamplecom"


def test_a_name_cannot_take_the_vendors_place() -> None:
    found = words(name="vbellsexamplecom Bell")
    assert found == "bell vbellsexamplecom"
    assert search_terms.known_by(found) == ["bell"]


def test_columns_are_made_of_a_products_values() -> None:
    values = {"name": "Bell", "sku": "QX1", "brand": None, "series": None, "release_year": 1990, "price_minor": 5}
    assert search_terms.columns(ID, "bells_example_com", values) == {
        "piece": "QX1",
        "words": "bell 1990 qx1 vbellsexamplecom",
    }


@given(st.text(), st.none() | st.text())
def test_words_are_tokens_of_themselves(name: str, sku: str | None) -> None:
    found = words(name=name, sku=sku)
    assert search_terms.tokens(found) == found.split(" ")
    assert set(search_terms.tokens(name)) <= set(found.split(" "))
    assert len(search_terms.piece_of(ID, sku)) <= search_terms.LONGEST
