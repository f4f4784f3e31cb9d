"""Statistics of prices: exact, within one vendor, year and currency, and without reading what is not asked for."""

from __future__ import annotations

import statistics as python
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, text, update

from christmas.catalog import statistics
from christmas.catalog.statistics import PriceStatistics
from christmas.db import database
from christmas.db.tables import keys, products
from christmas.errors import ArgumentError
from tests.catalog.making import VENDOR, at, product, write
from tests.catalog.plans import collected, whole_tables
from tests.costs import least_seconds

OTHER = "stars_example"


def _priced(connection: Connection, *prices: int | None, start: int = 0, **values: Any) -> None:
    common: dict[str, Any] = {"release_year": 1995} | values
    write(
        connection,
        *(product(str(start + number), price_minor=price, **common) for number, price in enumerate(prices)),
    )


def _one(connection: Connection, **values: Any) -> PriceStatistics:
    (found,) = statistics.prices(connection, **values)
    return found


def test_count_mean_median_and_deviation(connection: Connection) -> None:
    _priced(connection, 200, 400, 400, 400, 500, 500, 700, 900)
    assert _one(connection, vendor=VENDOR) == PriceStatistics(
        VENDOR, 1995, "USD", 8,
        mean=Decimal("5.00"), median=Decimal("4.50"), standard_deviation=Decimal("2.00"),
        minimum=Decimal("2.00"), maximum=Decimal("9.00"),
    )  # fmt: skip


def test_halves_are_rounded_up(connection: Connection) -> None:
    _priced(connection, 1000, 1001)
    found = _one(connection, year=1995)
    assert (found.mean, found.median, found.standard_deviation) == (
        Decimal("10.01"), Decimal("10.01"), Decimal("0.01"),
    )  # fmt: skip


def test_a_single_piece_deviates_by_nothing(connection: Connection) -> None:
    _priced(connection, 1234)
    found = _one(connection, vendor=VENDOR, year=1995)
    assert (found.count, found.mean, found.median, str(found.standard_deviation)) == (
        1, Decimal("12.34"), Decimal("12.34"), "0.00",
    )  # fmt: skip


def test_a_currency_has_its_own_decimals_and_group(connection: Connection) -> None:
    _priced(connection, 1000, 2001, currency="JPY")
    _priced(connection, 1000, 3000, start=10)
    yen, dollars = statistics.prices(connection, vendor=VENDOR)
    assert (yen.currency, str(yen.mean), str(yen.median), str(yen.minimum)) == ("JPY", "1501", "1501", "1000")
    assert (dollars.currency, str(dollars.mean), str(dollars.maximum)) == ("USD", "20.00", "30.00")


def test_groups_stand_by_vendor_and_year_and_without_a_year_last(connection: Connection) -> None:
    _priced(connection, 1000, 1100, release_year=None)
    _priced(connection, 1200, start=10, release_year=1996)
    _priced(connection, 1300, start=20, release_year=1985)
    _priced(connection, 1400, vendor=OTHER)
    _priced(connection, 1500, start=30, release_year=1996, vendor=OTHER)
    years = [(one.release_year, one.count) for one in statistics.prices(connection, vendor=VENDOR)]
    assert years == [(1985, 1), (1996, 1), (None, 2)]
    assert [one.vendor for one in statistics.prices(connection, year=1996)] == [VENDOR, OTHER]
    assert _one(connection, vendor=OTHER, year=1996).mean == Decimal("15.00")
    assert statistics.prices(connection, vendor=OTHER, year=1985) == []


def test_what_has_no_price_or_is_gone_does_not_count(connection: Connection) -> None:
    _priced(connection, 1000, 2000, None)
    assert _one(connection, vendor=VENDOR).count == 2
    connection.execute(update(keys).where(keys.c.key == "1").values(gone_since=at(1)))
    found = _one(connection, vendor=VENDOR)
    assert (found.count, found.mean) == (1, Decimal("10.00"))


def test_only_vendors_that_may_be_seen(connection: Connection) -> None:
    _priced(connection, 1000)
    _priced(connection, 1000, vendor=OTHER)
    assert len(statistics.prices(connection, year=1995)) == 2
    assert _one(connection, year=1995, vendors=[OTHER]).vendor == OTHER
    assert statistics.prices(connection, vendor=VENDOR, vendors=[OTHER]) == []
    assert statistics.prices(connection, year=1995, vendors=[]) == []


def test_vendor_or_year_must_be_given(connection: Connection) -> None:
    with pytest.raises(ArgumentError, match="name a vendor, a year, or both"):
        statistics.prices(connection, vendors=[VENDOR])


def test_they_are_those_of_the_standard_library(connection: Connection) -> None:
    random = Random(7)
    asked = {
        year: [random.choice([995, 1495, random.randint(1, 10**9)]) for _ in range(random.randint(1, 40))]
        for year in range(1980, 1990)
    }
    for year, prices in asked.items():
        _priced(connection, *prices, start=100 * year, release_year=year)
    found = statistics.prices(connection, vendor=VENDOR)
    assert len(found) == 10
    for one in found:
        assert one.release_year is not None
        amounts = [Decimal(price) / 100 for price in asked[one.release_year]]
        assert one.count == len(amounts)
        for value, expected in (
            (one.mean, python.mean(amounts)),
            (one.median, python.median(amounts)),
            (one.standard_deviation, python.pstdev(amounts)),
            (one.minimum, min(amounts)),
            (one.maximum, max(amounts)),
        ):
            assert value == expected.quantize(Decimal("0.01"), ROUND_HALF_UP)


@pytest.mark.parametrize(
    "values",
    [
        {"vendor": VENDOR}, {"year": 1995}, {"vendor": VENDOR, "year": 1995}, {"year": 1995, "vendors": [VENDOR, "x"]},
    ],
    ids=str,
)  # fmt: skip
def test_no_table_is_read_whole(connection: Connection, values: dict[str, Any]) -> None:
    _priced(connection, *range(1000, 1200))
    _priced(connection, *range(1000, 1200), start=200, release_year=1996)
    with collected(connection) as statements:
        assert statistics.prices(connection, **values)
    ((statement, parameters),) = statements
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL enable_seqscan = off"))
    found = whole_tables(connection, statement, parameters)
    if "year" not in values:  # all of one vendor is what was asked for
        found = [step for step in found if not step.startswith("SEARCH products USING INDEX")]
    assert found == []


def test_a_vendor_of_four_thousand_is_counted_by_the_database(sqlite: Engine) -> None:
    random = Random(7)
    with database.begin(sqlite) as connection:
        _priced(connection, *(random.randint(500, 20_000) for _ in range(4_000)))
        connection.execute(update(products).values(release_year=1980 + products.c.key_id % 20))
        assert [one.count for one in statistics.prices(connection, vendor=VENDOR)] == [200] * 20

        def read_all() -> object:
            return connection.execute(select(products).where(products.c.vendor == VENDOR)).all()

        grouped = least_seconds(lambda: statistics.prices(connection, vendor=VENDOR))
        assert grouped < least_seconds(read_all)
