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
# The fixture's name -> the kinds of page it stands for; one test each.
KINDS = {
    "recorded_listing": {"category"},
    "recorded_index": {"year_index", "category_index"},
    "recorded_product": {"product"},
}
ABSENT = pytest.param(
    None,
    marks=pytest.mark.skip(
        reason="the recorded pages are not part of the project: name their folder in CHRISTMAS_PAGES"
    ),
)


@dataclass(frozen=True)
class Recorded:
    """One recorded page and what must be read from it."""

    url: str
    body: bytes
    expected: dict[str, Any]


def _recorded(kinds: set[str]) -> list[Any]:
    found = []
    for shop in SHOPS:
        index = PAGES / shop / "index.json"
        for case in json.loads(index.read_bytes()) if index.is_file() else []:
            if case["kind"] in kinds:
                path = index.parent / case["file"]
                found.append(pytest.param(Recorded(case["url"], path.read_bytes(), case["expected"]), id=path.stem))
    return found


def _price_texts() -> list[Any]:
    path = PAGES / "price_texts.json"
    return (
        [pytest.param(case, id=repr(case["text"])) for case in json.loads(path.read_bytes())] if path.is_file() else []
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name in metafunc.fixturenames:
        if name in KINDS:
            metafunc.parametrize(name, _recorded(KINDS[name]) or [ABSENT])
        elif name == "recorded_price":
            metafunc.parametrize(name, _price_texts() or [ABSENT])
