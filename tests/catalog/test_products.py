"""Products, changes and runs, as those who read the catalog see them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, update

from christmas.catalog import changes, product_lists, products
from christmas.catalog.filters import Filters
from christmas.catalog.search import Vocabulary
from christmas.catalog.writing.product_pages import product_id
from christmas.db.tables import keys
from christmas.items import Availability
from tests.catalog.making import START, VENDOR, at, entry, history, product, stored, told, write


@pytest.fixture
def shelf(connection: Connection) -> Connection:
    """Return a few products of two vendors."""
    write(
        connection,
        product("1", name="Rocking Horse", sku="QX4073", release_year=1988, brand="Hallmark", series="Horses"),
        product("2", name="Angel", release_year=1995, price_minor=2000, availability=Availability.OUT_OF_STOCK),
        product("3", name="100% Wool Bear", release_year=1988, price_minor=None, brand="CAFÉ", series="HORSES"),
        product("4", name="a_b\\c", price_minor=3000),
        product("1", name="Zebra", vendor="another_example", release_year=2001, availability=Availability.LOW_STOCK),
    )
    return connection


def names(connection: Connection, **wanted: Any) -> list[str]:
    limit, text = wanted.pop("limit", None), wanted.pop("text", None)
    filters = Filters(**wanted, gone=True, query=Vocabulary().query(connection, text))
    return [row.name for row in product_lists.find(connection, filters, limit=limit)]


def test_in_order_of_vendor_year_and_name(shelf: Connection) -> None:
    found = [(row.vendor, row.release_year, row.name) for row in product_lists.find(shelf, Filters(year=1988))]
    assert found == [(VENDOR, 1988, "100% Wool Bear"), (VENDOR, 1988, "Rocking Horse")]
    assert [row.vendor for row in product_lists.find(shelf, Filters())] == ["another_example", *[VENDOR] * 4]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, {"Zebra", "100% Wool Bear", "Rocking Horse", "Angel", "a_b\\c"}),
        ({"vendor": "another_example"}, {"Zebra"}),
        ({"vendor": "unknown_example"}, set()),
        ({"availability": ("out_of_stock",)}, {"Angel"}),
        ({"text": "HORSE rocking"}, {"Rocking Horse"}),
        ({"text": "horse bear"}, set()),
        ({"text": "qx40"}, {"Rocking Horse"}),
        ({"text": "qx40 horse"}, {"Rocking Horse"}),
        ({"text": "rokcing"}, {"Rocking Horse"}),
        ({"text": "ornamentless"}, set()),
        ({"text": "100%"}, {"100% Wool Bear"}),
        ({"text": "%"}, {"Zebra", "100% Wool Bear", "Rocking Horse", "Angel", "a_b\\c"}),
        ({"text": " "}, {"Zebra", "100% Wool Bear", "Rocking Horse", "Angel", "a_b\\c"}),
        ({"brand": "hallMARK"}, {"Rocking Horse"}),
        ({"brand": "hall"}, set()),
        ({"brand": "CAFÉ"}, {"100% Wool Bear"}),
        ({"series": "horses"}, {"Rocking Horse", "100% Wool Bear"}),
        ({"price_min_minor": 2000}, {"Angel", "a_b\\c"}),
        ({"price_max_minor": 2000}, {"Angel", "Rocking Horse", "Zebra"}),
        ({"price_min_minor": 2000, "price_max_minor": 2000, "year": 1995, "vendor": VENDOR}, {"Angel"}),
        ({"limit": 0}, set()),
        ({"limit": 1}, {"Zebra"}),
    ],
)
def test_filters(shelf: Connection, wanted: dict[str, Any], found: set[str]) -> None:
    assert set(names(shelf, **wanted)) == found


def test_a_large_catalog_is_streamed(connection: Connection) -> None:
    write(connection, *(product(str(number)) for number in range(2 * product_lists.CHUNK + 1)))
    found = product_lists.find(connection, Filters())
    next(found)
    assert sum(1 for _ in found) == 2 * product_lists.CHUNK


def test_by_id_or_its_start_or_vendor_and_key(shelf: Connection) -> None:
    id_ = product_id(VENDOR, "2")
    shown = str(id_)
    for name in (shown, shown.upper(), id_.hex, shown[:8], shown[:4], shown[:13], shown[:-1], f"{VENDOR}:2"):
        found = products.get(shelf, name)
        assert found is not None, name
        assert found.id == id_


@pytest.mark.parametrize("name", ["", "abc", "zzzz", "%%%%", "____", f"{VENDOR}:", f"{VENDOR}:9", ":2", "0" * 33])
def test_no_such_product(shelf: Connection, name: str) -> None:
    assert products.get(shelf, name) is None


def test_a_start_that_several_have_names_none(connection: Connection) -> None:
    write(connection, *(product(str(number)) for number in range(600)))
    starts = [str(product_id(VENDOR, str(number)))[:4] for number in range(600)]
    several = next(start for start in starts if starts.count(start) > 1)
    assert products.get(connection, several) is None


def test_a_key_may_hold_a_colon(connection: Connection) -> None:
    write(connection, product("/a:b.html", aliases=("7:8",)))
    assert stored(connection, "/a:b.html") == stored(connection, "7:8")


def test_delisted_products_are_found_where_they_are_asked_for(shelf: Connection) -> None:
    shelf.execute(update(keys).where(keys.c.vendor == VENDOR, keys.c.key == "3").values(gone_since=START))
    assert [row.key for row in product_lists.find(shelf, Filters(year=1988))] == ["1"]
    assert [row.key for row in product_lists.find(shelf, Filters(year=1988, gone=True))] == ["3", "1"]
    assert stored(shelf, "3").gone_since == START


def test_an_empty_catalog(connection: Connection) -> None:
    assert list(product_lists.find(connection, Filters())) == []
    assert changes.latest(connection, limit=5) == []


def test_history_is_oldest_first_and_in_decimals(connection: Connection) -> None:
    write(connection, entry(), product(hours=1), product("8", hours=1))
    write(connection, entry(hours=2, price_minor=100000), entry("8", hours=2, price_minor=5))
    write(connection, product(hours=3, price_minor=None, price_min_minor=5, release_year=1995))
    assert told(history(connection)) == [
        ("price", "10.00", "1000.00"), ("release_year", None, "1995"), ("price", "1000.00", None),
        ("price_min", None, "0.05"),
    ]  # fmt: skip
    assert history(connection, "9") == []


def test_a_currency_without_cents(connection: Connection) -> None:
    write(connection, product(currency="JPY"), product(hours=1, currency="JPY", price_minor=1200))
    assert told(history(connection)) == [("price", "1000", "1200")]


def test_latest_is_newest_first(connection: Connection) -> None:
    other = "other_example"
    write(connection, product(), product(vendor=other))
    for hours in (1, 2, 3):
        write(
            connection, product(hours=hours, price_minor=hours), product(hours=hours, vendor=other, price_minor=hours)
        )
    found = changes.latest(connection, limit=5, vendor=VENDOR)
    assert [(change.new, change.at) for change in found] == [("0.03", at(3)), ("0.02", at(2)), ("0.01", at(1))]
    assert (found[0].product_id, found[0].vendor, found[0].name) == (product_id(VENDOR, "7"), VENDOR, "1995 Bell 7")
    assert len(changes.latest(connection, limit=4)) == 4
    assert {change.new for change in changes.latest(connection, limit=9, since=at(2))} == {"0.03", "0.02"}
