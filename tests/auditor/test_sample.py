"""A random sample: what is compared, and what it says of the whole."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from christmas.auditor.sample import bounds, compare, report
from christmas.catalog.products import ProductRow
from christmas.items import UNREAD, Availability
from tests.catalog.making import product


# Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I:
# the score method without continuity correction, of which Wilson's is the original.
@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_bounds_of_the_literature(right: int, total: int, low: float, high: float) -> None:
    assert bounds(right, total) == pytest.approx((low, high), abs=0.00005)
    assert bounds(total - right, total) == pytest.approx((1 - high, 1 - low), abs=0.00005)


def test_nothing_looked_at_says_nothing() -> None:
    assert bounds(0, 0) == (0.0, 1.0)


@given(st.integers(1, 10**7).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_a_share_lies_within_its_bounds(case: tuple[int, int]) -> None:
    right, total = case
    low, high = bounds(right, total)
    assert 0 <= low <= right / total <= high <= 1


@given(st.integers(1, 1000), st.integers(2, 1000))
def test_a_larger_sample_says_more(total: int, times: int) -> None:
    low, high = bounds(total // 2, total)
    closer_low, closer_high = bounds(total // 2 * times, total * times)
    assert closer_high - closer_low < high - low


def known(**values: object) -> ProductRow:
    """Return a product of the catalog; the times and the names of its key are not compared."""
    row = dict.fromkeys(one.name for one in fields(ProductRow)) | {
        "name": "1995 Bell 7", "price_minor": 1000, "currency": "USD", "availability": "in_stock"
    }  # fmt: skip
    return ProductRow(**(row | values))  # type: ignore[arg-type]


def test_what_a_page_tells_is_compared() -> None:
    assert compare(known(), product()) == dict.fromkeys(
        ("name", "price_minor", "list_price_minor", "currency", "availability"), True
    )
    other = product(price_minor=None, availability=Availability.LOW_STOCK, sku="QX1", name=UNREAD, release_year=1995)
    assert compare(known(release_year=1995), other) == {
        "price_minor": False, "availability": False, "sku": False, "list_price_minor": True, "currency": True,
        "release_year": True,
    }  # fmt: skip


def test_a_report_tells_the_share_of_each_field_that_was_compared() -> None:
    found = report({"verify/right/price_minor": 19, "verify/wrong/price_minor": 1, "verify/right/name": 20, "x": 1})
    assert list(found) == ["name", "price_minor"]
    assert found["price_minor"] == {"right": 19, "total": 20, "share": 0.95, "low": 0.7639, "high": 0.9911}
    assert (found["name"]["share"], found["name"]["high"]) == (1.0, 1.0)
    assert report({"verify/wrong/sku": 2})["sku"]["share"] == 0.0
    assert report({}) == {}
