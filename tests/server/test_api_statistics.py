"""Statistics of prices: what they say, for whom, and what they need."""

from __future__ import annotations

import statistics
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from tests.server import filled
from tests.server.running import Server

STATISTICS = "/api/v1/statistics"
FIRST, SECOND, THIRD = filled.VENDORS


def told(server: Server, query: str, **more: Any) -> list[dict[str, Any]]:
    answer = server.ask(f"{STATISTICS}?{query}", **more)
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json["items"]
    return found


def rounded(value: Decimal) -> str:
    return str(value.quantize(Decimal("0.01"), ROUND_HALF_UP))


def test_they_are_those_of_the_products(shared: Server) -> None:
    products = shared.ask(f"/api/v1/products?vendor={FIRST}&limit=200").json["items"]
    by_year: dict[int, list[Decimal]] = defaultdict(list)
    for one in products:
        by_year[one["release_year"]].append(Decimal(one["price"]))
    expected = [
        {
            "vendor": FIRST, "release_year": year, "currency": "USD", "count": len(prices),
            "mean": rounded(statistics.mean(prices)), "median": rounded(statistics.median(prices)),
            "standard_deviation": rounded(statistics.pstdev(prices)), "minimum": str(min(prices)),
            "maximum": str(max(prices)),
        }
        for year, prices in sorted(by_year.items())
    ]  # fmt: skip
    assert told(shared, f"vendor={FIRST}") == expected


def test_of_a_year_in_all_shops_or_in_one(shared: Server) -> None:
    found = told(shared, "year=1985")
    assert {one["vendor"] for one in found} == set(filled.VENDORS)
    assert {one["release_year"] for one in found} == {1985}
    assert told(shared, f"year=1985&vendor={SECOND}") == [one for one in found if one["vendor"] == SECOND]
    assert told(shared, "year=1901") == []


def test_a_key_of_one_vendor_sees_only_that(shared: Server) -> None:
    key = shared.key("user", user="collector-of-statistics", vendors=[THIRD])
    assert {one["vendor"] for one in told(shared, "year=1985", key=key)} == {THIRD}
    assert told(shared, f"vendor={FIRST}", key=key) == []


@pytest.mark.parametrize(
    ("query", "says"),
    [("", "vendor"), ("vendor=", "vendor"), ("year=x", "year"), ("year=70000", "year"), ("month=1&year=1985", "month")],
)
def test_what_is_wrong_is_named(shared: Server, query: str, says: str) -> None:
    answer = shared.ask(f"{STATISTICS}?{query}")
    assert answer.status == 422
    assert says in answer.json["detail"]
