from __future__ import annotations

import pytest

from christmas.items import UNREAD, Availability
from christmas.reading.stock import availability_of


@pytest.mark.parametrize(
    "text",
    [
        "InStock",
        "http://schema.org/InStock",
        "https://schema.org/InStock/",
        "instock",
        "in stock",
        "In Stock",
        "1",
        1,
        "In Stock - Ships Next Business Day",
        "Add to Cart",
        "ADD TO BAG",
        "Choose Options",
        "Available",
        "in_stock",
        "Ships within 3 days",
        "Buy now",
        "10 in stock",
        "available for order",
    ],
)
def test_in_stock(text: object) -> None:
    assert availability_of(text) is Availability.IN_STOCK


@pytest.mark.parametrize(
    "text",
    [
        "OutOfStock",
        "https://schema.org/OutOfStock",
        "SoldOut",
        "oos",
        "out of stock",
        "Out-of-Stock",
        "Sold Out",
        "0",
        0,
        "Not in stock",
        "Not currently available",
        "This isn't in stock",
        "Currently unavailable",
        "Notify me when in stock",
        "Back in stock soon",
        "0 in stock",
        "No stock",
        "None available: 0 left",
        "Join the waiting list",
        "BackOrder",
    ],
)
def test_out_of_stock(text: object) -> None:
    assert availability_of(text) is Availability.OUT_OF_STOCK


@pytest.mark.parametrize(
    "text", ["LimitedAvailability", "Only 3 left", "only 2 in stock", "Low stock", "3 left in stock - order soon"]
)
def test_low_stock(text: str) -> None:
    assert availability_of(text) is Availability.LOW_STOCK


@pytest.mark.parametrize("text", ["PreOrder", "https://schema.org/PreSale", "Pre-Order Now", "Preorder", "pre order"])
def test_preorder(text: str) -> None:
    assert availability_of(text) is Availability.PREORDER


@pytest.mark.parametrize("text", ["Discontinued", "http://schema.org/Discontinued", "No longer available"])
def test_discontinued(text: str) -> None:
    assert availability_of(text) is Availability.DISCONTINUED


@pytest.mark.parametrize(
    "text", ["", "  ", "Quick view", "Compare", None, 2.0, "unknown", "https://schema.org/", "stockings"]
)
def test_what_does_not_tell_is_unread(text: object) -> None:
    assert availability_of(text) is UNREAD
