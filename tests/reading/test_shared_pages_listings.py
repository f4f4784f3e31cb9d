"""Every recorded listing, year index and price text is read right."""

from __future__ import annotations

from typing import Any

from christmas.items import Read
from christmas.reading.facts import EntryFacts
from christmas.reading.money import format_amount, read_price_text
from tests.readers import read_listing, read_year_index


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


def test_price_text(recorded_price: dict[str, Any]) -> None:
    found = read_price_text(recorded_price["text"])
    shown = {
        "text": recorded_price["text"],
        "price": _amount(found.price, found.currency),
        "currency": found.currency if found.price else None,
        "list_price": _amount(found.list_price, found.currency),
    }
    assert shown == recorded_price


def test_listing_entries(recorded_listing: Any) -> None:
    facts = read_listing(recorded_listing.body, recorded_listing.url)
    assert [_shown(entry) for entry in facts.entries] == recorded_listing.expected["entries"]


def test_listing_next_page(recorded_listing: Any) -> None:
    facts = read_listing(recorded_listing.body, recorded_listing.url)
    assert facts.next_url == recorded_listing.expected["next"]


def test_year_index(recorded_index: Any) -> None:
    found = {str(one.year): one.url for one in read_year_index(recorded_index.body, recorded_index.url)}
    expected = recorded_index.expected
    if "years" in expected:
        assert found == expected["years"]
    else:
        assert list(found.values()) == expected["subcategories"]
