from __future__ import annotations

import copy
import dataclasses

import pytest
from itemadapter import ItemAdapter

from christmas import items
from christmas.items import UNREAD, Availability, ListingEntry, Product, Unread

ITEMS = [items.YearLink, ListingEntry, Product, items.ListingReading, items.PageUnread]


def test_unread_is_one_falsy_value_that_is_not_none() -> None:
    assert not UNREAD
    assert UNREAD is not None
    assert repr(UNREAD) == "UNREAD"
    assert Unread("unread") is UNREAD


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy])
def test_a_copy_of_unread_is_unread(again: object) -> None:
    assert again(UNREAD) is UNREAD  # type: ignore[operator]


def test_a_product_says_nothing_until_it_is_read() -> None:
    product = Product(vendor="bells_example", key="7", url="https://www.bells.example/x")
    given = {"vendor", "key", "url", "aliases", "source", "price_source", "read_at", "page"}
    others = {field.name: getattr(product, field.name) for field in dataclasses.fields(product)}.items()
    assert {value for name, value in others if name not in given} == {UNREAD}


@pytest.mark.parametrize("kind", ITEMS)
def test_scrapy_accepts_each_item(kind: type) -> None:
    assert ItemAdapter.is_item_class(kind)
    assert "vendor" in ItemAdapter.get_field_names_from_class(kind)  # type: ignore[operator]


@pytest.mark.parametrize("kind", ITEMS)
def test_no_item_takes_a_field_it_does_not_have(kind: type) -> None:
    assert "__slots__" in vars(kind)


def test_the_words_of_stock() -> None:
    expected = "in_stock low_stock out_of_stock preorder discontinued unknown"
    assert [one.value for one in Availability] == expected.split()
    assert f"{Availability.IN_STOCK.value}" in list(Availability)
