"""Every recorded listing, year index and price text is read right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from christmas.items import Read
from christmas.reading.facts import EntryFacts
from christmas.reading.money import format_amount, read_price_text
from tests.readers import read_listing, read_year_index

if TYPE_CHECKING:
    from tests.reading.conftest import Recorded


def _amount(value: Read[Any], currency: Read[str]) -> str | None:
    return format_amount(value, currency or None) if value else None


def _shown(entry: EntryFacts) -> dict[str, object]:
    return {
        "key": entry.ids[0],
        "url": entry.url,
        "name": entry.name,
        "price": _amount(entry.price, entry.currency),
        "list_price": _amount(entry.list_price, entry.currency),
        "availability": entry.availability.value if entry.availability else None,
    }


def _price(text: str) -> dict[str, Any]:
    found = read_price_text(text)
    return {
        "text": text,
        "price": _amount(found.price, found.currency),
        "currency": found.currency if found.price else None,
        "list_price": _amount(found.list_price, found.currency),
    }


def test_price_texts(recorded_prices: list[dict[str, Any]]) -> None:
    assert [_price(case["text"]) for case in recorded_prices] == recorded_prices


def test_listing_entries(recorded_listings: dict[str, Recorded]) -> None:
    for name, one in recorded_listings.items():
        shown = [_shown(entry) for entry in read_listing(one.body, one.url).entries]
        assert shown == one.expected["entries"], name


def test_listing_next_page(recorded_listings: dict[str, Recorded]) -> None:
    found = {name: read_listing(one.body, one.url).next_url for name, one in recorded_listings.items()}
    assert found == {name: one.expected["next"] for name, one in recorded_listings.items()}


def test_year_index(recorded_indexes: dict[str, Recorded]) -> None:
    for name, one in recorded_indexes.items():
        found = {str(link.year): link.url for link in read_year_index(one.body, one.url)}
        if "years" in one.expected:
            assert found == one.expected["years"], name
        else:
            assert list(found.values()) == one.expected["subcategories"], name
