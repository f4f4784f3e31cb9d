from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from scrapy.exceptions import DropItem
from scrapy.utils.test import get_crawler

from christmas.items import ListingEntry, ListingReading, Product, YearLink
from pipelines.deduplicate import Deduplicate


@pytest.fixture
def step() -> Deduplicate:
    return Deduplicate.from_crawler(get_crawler())


def product(key: str = "7", vendor: str = "bells_example") -> Product:
    return Product(vendor=vendor, key=key, url="https://www.bells.example/x")


def entry(key: str = "7", listing: str = "/1995") -> ListingEntry:
    url = "https://www.bells.example/x"
    return ListingEntry(vendor="bells_example", key=key, url=url, listing=listing, release_year=1995)


@pytest.mark.parametrize("make", [product, entry])
def test_a_second_one_is_dropped_and_counted(make: Any, step: Deduplicate) -> None:
    first = make()
    assert step.process_item(first) is first
    with pytest.raises(DropItem, match="bells_example '7' was read in this run already"):
        step.process_item(make())
    assert step.stats.get_value("deduplicate/dropped") == 1


def test_what_differs_in_key_vendor_kind_or_listing_passes(step: Deduplicate) -> None:
    items = [product(), product("8"), product(vendor="sleigh_example"), entry(), entry("8"), entry(listing="/1996")]
    assert [step.process_item(item) for item in items] == items


def test_other_items_pass_each_time(step: Deduplicate) -> None:
    link = YearLink("bells_example", 1995, "x")
    assert [step.process_item(link), step.process_item(link)] == [link, link]


def test_an_item_costs_a_number_only(step: Deduplicate) -> None:
    for number in range(10_000):
        step.process_item(product(str(number)))
    bytes_each = (sys.getsizeof(step.products) + sum(map(sys.getsizeof, step.products))) / len(step.products)
    assert len(step.products) == 10_000
    assert bytes_each < 100


def test_the_keys_of_a_listing_are_forgotten_when_it_has_been_read(step: Deduplicate) -> None:
    step.process_item(entry("1", "/1998.html"))
    assert len(step.entries) == 1
    at = datetime(2026, 11, 1, tzinfo=UTC)
    step.process_item(ListingReading("bells_example", "/1998.html", 1998, 1, True, at, at))
    assert step.entries == {}
