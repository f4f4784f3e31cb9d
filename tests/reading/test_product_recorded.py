"""Every recorded product page, field by field, and the fast path against the full one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from christmas.commands.probe import as_json
from tests.readers import read_product, read_product_fully

if TYPE_CHECKING:
    from tests.reading.conftest import Recorded

AS_TOLD = (
    "name", "sku", "gtin", "brand", "price", "price_min", "price_max", "list_price", "currency", "availability",
    "release_year", "series", "series_number", "box",
)  # fmt: skip


@pytest.mark.parametrize("field", ["key", *AS_TOLD])
def test_field(recorded_product: Recorded, field: str) -> None:
    if field not in recorded_product.expected:
        return  # this shop's values do not tell it
    facts = read_product_fully(recorded_product.body, recorded_product.url)
    read: dict[str, Any] = as_json(facts) | {"key": facts.ids[0]}
    assert read[field] == recorded_product.expected[field]


def test_every_expected_field_is_looked_at(recorded_product: Recorded) -> None:
    assert set(recorded_product.expected) <= {"key", *AS_TOLD}


def test_sources_agree(recorded_product: Recorded) -> None:
    assert read_product_fully(recorded_product.body, recorded_product.url).disagreements == ()


def test_fast_path_equals_full_path(recorded_product: Recorded) -> None:
    page = (recorded_product.body, recorded_product.url)
    assert read_product(*page) == read_product_fully(*page)
