"""What a run has seen, counted item by item and taken from Scrapy's counts."""

from __future__ import annotations

from typing import Any

import pytest

from christmas.auditor import run_facts
from christmas.auditor.run_facts import PRICES_MAX, Readings, of_stats, total
from christmas.items import UNREAD, Availability
from tests.catalog.making import entry, product, reading, unread

NOTHING = {
    "products": 0, "entries": 0, "entry_ranges": 0, "fields": {}, "structured": 0, "structured_prices": 0, "priced": 0,
    "ranges": 0, "top_price": 0,
}  # fmt: skip


def counted(*items: Any) -> dict[str, Any]:
    """Return what items count as, where it is not nothing."""
    readings = Readings()
    for item in items:
        readings.note(item)
    return {name: value for name, value in readings.as_facts().items() if value != NOTHING[name]}


def test_nothing_seen() -> None:
    assert Readings().as_facts() == NOTHING
    assert counted(reading(), unread(), "a word") == {}


def test_entries() -> None:
    items = [entry("1"), entry("2", price_minor=UNREAD, ranged=True), entry("3", price_minor=None)]
    assert counted(*items) == {"entries": 3, "entry_ranges": 1, "priced": 1, "top_price": 1}


def test_a_field_counts_where_the_page_says_anything_of_it() -> None:
    everything = product(sku="QX1", brand="Hallmark", image_url="https://bells.example/7.jpg", source="selectors")
    nothing = product(
        "8", sku=None, brand=UNREAD, price_minor=None, availability=UNREAD, image_url=None, source="selectors"
    )
    found = counted(everything, nothing)
    assert found["products"] == 2
    assert found["fields"] == dict.fromkeys(run_facts.FIELDS, 1)
    assert (found["priced"], found["top_price"]) == (1, 1)


def test_stock_that_is_sold_out_is_read() -> None:
    assert counted(product(availability=Availability.OUT_OF_STOCK))["fields"]["availability"] == 1


@pytest.mark.parametrize(
    ("source", "price_source", "structured", "prices"),
    [
        ("json-ld", "json-ld", 1, 1), ("microdata+selectors", "microdata", 1, 1),
        ("selectors+json-ld", "selectors", 1, 0),
        ("meta+selectors", "meta", 0, 0), ("selectors", "selectors", 0, 0), ("", "", 0, 0),
    ],
)  # fmt: skip
def test_structured_data(source: str, price_source: str, structured: int, prices: int) -> None:
    found = counted(product(source=source, price_source=price_source))
    assert (found.get("structured", 0), found.get("structured_prices", 0)) == (structured, prices)


def test_structured_data_without_a_price_names_none() -> None:
    found = counted(product(price_minor=None, source="json-ld", price_source="json-ld"))
    assert (found["structured"], "structured_prices" in found) == (1, False)


def test_a_range_is_no_price() -> None:
    found = counted(product(price_minor=None, price_min_minor=500, price_max_minor=900))
    assert (found["ranges"], "priced" in found) == (1, False)
    both = counted(product(price_minor=700, price_min_minor=500, price_max_minor=900))
    assert (both["priced"], "ranges" in both) == (1, False)


def test_the_most_frequent_price_is_of_entries_and_pages() -> None:
    items = [product("1", price_minor=5), entry("2", price_minor=5), entry("3", price_minor=5), entry("4")]
    assert (counted(*items)["priced"], counted(*items)["top_price"]) == (4, 3)


def test_prices_are_counted_in_bounded_memory() -> None:
    readings = Readings()
    for minor in range(1, PRICES_MAX + 100):
        readings.note(entry(price_minor=minor))
    for _ in range(3):
        readings.note(entry(price_minor=1))
    assert len(readings.prices) == PRICES_MAX
    assert (readings.as_facts()["priced"], readings.as_facts()["top_price"]) == (PRICES_MAX + 102, 4)


def test_scrapys_counts() -> None:
    found = of_stats(
        {
            "pages/read": 8, "pages/blocked": 1, "pages/listings": 3, "index/links": 30, "pages/products_unreadable": 2,
            "downloader/request_count": 14,
            "downloader/exception_type_count/scrapy.exceptions.ResponseDataLossError": 1,
            "downloader/response_status_count/200": 7, "downloader/response_status_count/404": 2,
            "downloader/response_status_count/410": 1, "downloader/response_status_count/500": 1,
            "downloader/response_status_count/503": 1, "finish_reason": "finished",
        }
    )  # fmt: skip
    expected = {
        "read": 8, "blocked": 1, "listing_pages": 3, "index_links": 30, "product_unreadable": 2, "attempts": 14,
        "cut": 1, "not_found": 3, "server_errors": 2, "answers": 12,
    }  # fmt: skip
    assert {name: value for name, value in found.items() if value} == expected
    assert set(of_stats({}).values()) == {0}


def test_a_number_is_added_up_over_runs() -> None:
    assert total([{"products": 2}, {"products": None}, {}, {"products": 3}], "products") == 5
    assert total([], "products") == 0
