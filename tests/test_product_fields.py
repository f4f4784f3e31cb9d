"""A product's field is declared in items.py: all that stores, moves and shows products derives it from there.

What a new field needs besides is its reading (``reading.facts.ProductFacts`` and a reader) and a migration.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from christmas.items import DECLARED
from christmas.reading.facts import ProductFacts

ROOT = Path(__file__).parents[1]
# Imports the project with one line more in items.py, and in ProductFacts, and prints who knows the fields then.
WITH_TWO_MORE = """
import importlib.util, json, sys
import christmas

def load(name, marker, line):
    spec = importlib.util.find_spec(name)
    source = spec.loader.get_source(name)
    assert source.count(marker) == 1
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    exec(compile(source.replace(marker, f"{marker}\\n{line}"), spec.origin, "exec"), module.__dict__)
    return module

items = load(
    "christmas.items", "    gtin: TextT = _declared(Kind.TEXT, \\"the number of the bar code\\")",
    "    artist: TextT = _declared(Kind.TEXT, \\"who made it\\", \\"Donna Lee\\")\\n"
    "    deposit_minor: NumberT = _declared(Kind.AMOUNT, \\"what is paid in advance\\", 500)",
)
load("christmas.reading.facts", "    gtin: Read[str] = UNREAD",
     "    artist: Read[str] = UNREAD\\n    deposit: Read[Decimal] = UNREAD")
from dataclasses import fields
from decimal import Decimal

from christmas.catalog import export, held_changes
from christmas.catalog.products import COLUMNS, ProductRow
from christmas.catalog.writing import changeset
from christmas.commands import probe
from christmas.db.tables import products
from christmas.platforms import convert
from christmas.reading.facts import ProductFacts
from christmas.server.api import models
from pipelines import validate

told = convert._told(ProductFacts(artist="Lee", deposit=Decimal("5.00")), "USD")
row = ProductRow(**{one.name: None for one in fields(ProductRow)} | {
    "artist": "Lee", "deposit_minor": 500, "currency": "USD"})
print(json.dumps({
    "item": [name for name in items.Product.__slots__ if name in {"artist", "deposit_minor"}],
    "item made of a page": [told["artist"], told["deposit_minor"]],
    "table": [str(products.c[name].type) for name in ("artist", "deposit_minor")],
    "row": [one.name for one in COLUMNS if one.name in {"artist", "deposit_minor"}],
    "changes": ["artist" in changeset.PRODUCT_FIELDS, "deposit_minor" in changeset.AMOUNTS],
    "held changes": ["artist" in held_changes._NUMBERS, "deposit_minor" in held_changes._NUMBERS],
    "validation": ["artist" in validate.TEXTS, "deposit_minor" in validate.AMOUNTS],
    "export": [export.as_dict(row)[name] for name in ("artist", "deposit")],
    "API": [getattr(models.Product.from_record(row), name) for name in ("artist", "deposit")],
    "christmas read": [name in probe.FIELDS for name in ("artist", "deposit")],
}))
"""


@pytest.mark.integration
def test_one_line_declares_a_field_everywhere() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITH_TWO_MORE], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "item": ["artist", "deposit_minor"],
        "item made of a page": ["Lee", 500],
        "table": ["TEXT", "BIGINT"],
        "row": ["artist", "deposit_minor"],
        "changes": [True, True],
        "held changes": [False, True],
        "validation": [True, True],
        "export": ["Lee", "5.00"],
        "API": ["Lee", "5.00"],
        "christmas read": [True, True],
    }


def test_the_readers_have_a_fact_for_every_field() -> None:
    facts = {one.name for one in fields(ProductFacts)}
    assert {one.public_name for one in DECLARED} <= facts


def test_every_field_is_described() -> None:
    assert [one.name for one in DECLARED if not one.description] == []
