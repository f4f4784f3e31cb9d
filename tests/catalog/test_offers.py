"""Which offers can be bought, in which currency they are compared, and in which order they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from christmas.catalog import offers
from christmas.catalog.products import WITH_KEY, ProductRow
from christmas.db.tables import keys, products
from christmas.errors import ArgumentError
from christmas.items import Availability
from tests.catalog.making import START, product, write


def offer(key_id: int, price: int | None = 1000, currency: str | None = "USD", **values: Any) -> ProductRow:
    common: dict[str, Any] = dict.fromkeys(one.name for one in fields(ProductRow))
    common |= {"key_id": key_id, "vendor": "bells_example", "availability": "in_stock"}
    return ProductRow(**(common | {"price_minor": price, "currency": currency} | values))


def order(rows: Sequence[ProductRow], currency: str | None = None) -> list[int]:
    return [row.key_id for row in offers.ranked(rows, currency)]


def test_what_can_be_bought_is_the_same_in_python_and_in_sql(connection: Connection) -> None:
    write(connection, *(product(one.value, availability=one) for one in Availability if one.value != "unknown"))
    write(connection, product("delisted"), product("unread", availability=Availability.UNKNOWN))
    connection.execute(update(keys).where(keys.c.key == "delisted").values(gone_since=START))
    rows = connection.execute(select(keys.c.key, products.c.availability, keys.c.gone_since).select_from(WITH_KEY))
    found = {key for key, stock, gone in rows if offers.is_available(offer(1, availability=stock, gone_since=gone))}
    in_sql = set(connection.scalars(select(keys.c.key).select_from(WITH_KEY).where(offers.AVAILABLE)))
    assert found == in_sql == {"in_stock", "low_stock", "preorder"}


@pytest.mark.parametrize(
    ("rows", "currency"),
    [
        ([], "USD"),
        ([offer(1, None, None)], "USD"),
        ([offer(1, 1, "EUR"), offer(2, 1, "EUR"), offer(3, 1, "USD")], "EUR"),
        ([offer(1, 1, "USD"), offer(2, 1, "EUR")], "EUR"),
        ([offer(1, 1, "EUR", availability="out_of_stock"), offer(2, 1, "EUR", gone_since=START), offer(3, 1)], "USD"),
        ([offer(1, 1, "EUR", availability="out_of_stock")], "EUR"),
    ],
)
def test_the_usual_currency(rows: list[ProductRow], currency: str) -> None:
    assert offers.usual_currency(rows) == currency


def test_the_best_comes_first() -> None:
    rows = [
        offer(1, 100, gone_since=START), offer(2, 200, availability="out_of_stock"), offer(3, 300, "EUR"),
        offer(4, None, "USD"), offer(5, 2000), offer(6, 1500, availability="preorder"),
        offer(7, 1500, vendor="angels_example"), offer(8, 50, availability="unknown"),
    ]  # fmt: skip
    assert order(rows, "USD") == [7, 6, 5, 4, 3, 8, 2, 1]
    assert order(list(reversed(rows))) == order(rows) == order(rows, "USD")
    found = [offers.best(rows), offers.best(rows, "EUR")]
    assert [row.key_id for row in found if row] == [7, 3]


@pytest.mark.parametrize(
    "row",
    [
        offer(1, None),
        offer(1, availability="out_of_stock"),
        offer(1, availability="unknown"),
        offer(1, gone_since=START),
    ],
)
def test_what_cannot_be_bought_at_a_price_is_no_best_offer(row: ProductRow) -> None:
    assert offers.best([row]) is None
    assert offers.best([]) is None


@pytest.mark.parametrize("year", [None, 1985])
def test_the_offers_of_a_sku_in_any_spelling(connection: Connection, year: int | None) -> None:
    common = {"sku": "QX4822", "release_year": 1985}
    write(connection, product("1", price_minor=900, **common), product("2", price_minor=800, **common))
    write(connection, product("3", price_minor=100, sku="QX1", release_year=1985))
    found = offers.of_sku(connection, "1295qx 4822NB", year)
    assert ([row.key for row in found.offers], found.piece, found.release_year) == (["2", "1"], "QX4822", 1985)
    assert (found.best, found.currency, found.more) == (found.offers[0], "USD", False)
    assert offers.of_sku(connection, "QX4822", 1986).offers == []
    assert offers.of_sku(connection, "QX4822", year, ["other_example"]).name is None
    with pytest.raises(ArgumentError, match="no letter or digit"):
        offers.of_sku(connection, "-- --")
