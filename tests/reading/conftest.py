"""Pages that are read in place: recorded pages with the values that belong to them, outside this project."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
PAGES = (PROJECT / os.environ.get("CHRISTMAS_PAGES", "../shared/pages")).resolve()
SHOPS = ("bigcommerce", "shift4shop")
ABSENT = "the recorded pages are not part of the project: name their folder in CHRISTMAS_PAGES"


@dataclass(frozen=True)
class Recorded:
    """One recorded page and what must be read from it."""

    url: str
    body: bytes
    expected: dict[str, Any]


def _recorded(*kinds: str) -> dict[str, Recorded]:
    """Return the pages of some kinds by their names; skip the test where there are none."""
    found = {}
    for shop in SHOPS:
        index = PAGES / shop / "index.json"
        for case in json.loads(index.read_bytes()) if index.is_file() else []:
            if case["kind"] in kinds:
                path = index.parent / case["file"]
                found[f"{shop} {path.stem}"] = Recorded(case["url"], path.read_bytes(), case["expected"])
    return found or pytest.skip(ABSENT)


@pytest.fixture(scope="module")
def recorded_products() -> dict[str, Recorded]:
    return _recorded("product")


@pytest.fixture(scope="module")
def recorded_listings() -> dict[str, Recorded]:
    return _recorded("category")


@pytest.fixture(scope="module")
def recorded_indexes() -> dict[str, Recorded]:
    return _recorded("year_index", "category_index")


@pytest.fixture
def recorded_prices() -> list[dict[str, Any]]:
    path = PAGES / "price_texts.json"
    found: list[dict[str, Any]] = json.loads(path.read_bytes()) if path.is_file() else pytest.skip(ABSENT)
    return found
