"""Every recorded product page, field by field, and the fast path against the full one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from christmas.commands.probe import as_json
from tests.readers import read_product, read_product_fully

if TYPE_CHECKING:
    from tests.reading.conftest import Recorded

FIELDS = (
    "key", "name", "sku", "gtin", "brand", "price", "price_min", "price_max", "list_price", "currency", "availability",
    "release_year", "series", "series_number", "box",
)  # fmt: skip


def test_every_field_of_every_page(recorded_products: dict[str, Recorded]) -> None:
    wrong = []
    for name, recorded in recorded_products.items():
        facts = read_product_fully(recorded.body, recorded.url)
        read: dict[str, Any] = as_json(facts) | {"key": facts.ids[0]}
        wrong += [
            f"{name} {field}: {read[field]!r} is not {value!r}"
            for field, value in recorded.expected.items()
            if field in FIELDS and read[field] != value
        ]
    assert wrong == []


def test_every_expected_field_is_looked_at(recorded_products: dict[str, Recorded]) -> None:
    assert {field for recorded in recorded_products.values() for field in recorded.expected} <= {*FIELDS}


def test_sources_agree(recorded_products: dict[str, Recorded]) -> None:
    found = {name: read_product_fully(one.body, one.url).disagreements for name, one in recorded_products.items()}
    assert {name: sentences for name, sentences in found.items() if sentences} == {}


def test_fast_path_equals_full_path(recorded_products: dict[str, Recorded]) -> None:
    pages = {name: (one.body, one.url) for name, one in recorded_products.items()}
    assert [name for name, page in pages.items() if read_product(*page) != read_product_fully(*page)] == []
