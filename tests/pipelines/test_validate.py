from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from scrapy.exceptions import DropItem
from scrapy.utils.test import get_crawler

from christmas.items import UNREAD, Availability, ListingEntry, Product, YearLink
from pipelines.validate import AMOUNT_MAX_MINOR, TEXT_MAX_CHARACTERS, Validate

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
URL = "https://www.bells.example/1995-Bell_p_7.html"


@pytest.fixture
def step() -> Validate:
    return Validate.from_crawler(get_crawler())


def product(**values: Any) -> Product:
    common: dict[str, Any] = {"vendor": "bells_example", "key": "7", "url": URL, "name": "1995 Bell", "read_at": NOW}
    return Product(**(common | values))


def entry(**values: Any) -> ListingEntry:
    common: dict[str, Any] = {"vendor": "bells_example", "key": "7", "url": URL, "listing": "/1995", "read_at": NOW}
    return ListingEntry(**({"release_year": 1995} | common | values))


@pytest.mark.parametrize(
    "item",
    [
        product(),
        entry(),
        product(price_minor=2495, list_price_minor=3995, currency="USD", availability=Availability.IN_STOCK),
        product(price_minor=None, price_min_minor=595, price_max_minor=1295),
        product(price_minor=AMOUNT_MAX_MINOR),
        entry(name=UNREAD, price_minor=1),
    ],
)
def test_what_can_be_true_passes_unchanged(item: Any, step: Validate) -> None:
    before = repr(item)
    assert step.process_item(item) is item
    assert repr(item) == before


def test_other_items_pass(step: Validate) -> None:
    link = YearLink("bells_example", 1995, "x")
    assert step.process_item(link) is link


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (product(key=""), "key"),
        (product(key="7" * (TEXT_MAX_CHARACTERS + 1)), "key"),
        (entry(key="\x007"), "key"),
        (entry(url="/relative"), "url"),
        (entry(url="javascript:void(0)"), "url"),
        (entry(url=f"{URL}\x00"), "url"),
        (product(name=UNREAD), "name"),
        (product(name=None), "name"),
        (product(name=" \t "), "name"),
        (product(price_minor=0), "price_minor"),
        (product(price_minor=-5), "price_minor"),
        (product(price_minor=AMOUNT_MAX_MINOR + 1), "price_minor"),
        (product(price_minor=24.95), "price_minor"),
        (product(price_minor=True), "price_minor"),
        (product(price_min_minor=0), "price_min_minor"),
        (product(price_max_minor=-1), "price_max_minor"),
        (entry(list_price_minor=0), "list_price_minor"),
        (product(currency="dollars"), "currency"),
        (entry(currency="usd"), "currency"),
        (product(read_at=None), "read_at"),
        (entry(read_at=datetime(2026, 11, 24)), "read_at"),  # noqa: DTZ001  # a naive time is the point
    ],
)
def test_what_cannot_be_true_is_dropped_and_counted(item: Any, reason: str, step: Validate) -> None:
    with pytest.raises(DropItem, match=f"^{reason} of bells_example"):
        step.process_item(item)
    assert step.stats.get_value(f"validate/dropped/{reason}") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  1995\n Bell\u00a0NB ", "1995 Bell NB"),
        ("1995 Bell\x00", "1995 Bell"),
        ("1995 Bell \ud83c", "1995 Bell"),
        ("1995\u200b Bell", "1995 Bell"),
        ("No\u00ebl\u2122", "No\u00ebl\u2122"),
        ("x" * 2000, "x" * TEXT_MAX_CHARACTERS),
    ],
)
def test_texts_are_made_fit_to_store(text: str, expected: str, step: Validate) -> None:
    assert step.process_item(product(name=text)).name == expected


def test_a_blank_text_is_absent(step: Validate) -> None:
    assert step.process_item(product(sku="  ", brand=UNREAD)).sku is None
    assert step.process_item(product(brand=UNREAD)).brand is UNREAD


@pytest.mark.parametrize("old", [2495, 1000])
@pytest.mark.parametrize("make", [product, entry])
def test_an_old_price_that_is_not_higher_is_no_sale(old: int, make: Any, step: Validate) -> None:
    assert step.process_item(make(price_minor=2495, list_price_minor=old)).list_price_minor is None


def test_unknown_stock_is_unread(step: Validate) -> None:
    assert step.process_item(product(availability=Availability.UNKNOWN)).availability is UNREAD


def test_a_misread_number_is_unread_and_the_rest_kept(step: Validate) -> None:
    item = step.process_item(product(release_year=20245, series_number=40000))
    assert item.release_year is UNREAD
    assert item.series_number is UNREAD
    assert step.process_item(entry(release_year=31000)).release_year is None
