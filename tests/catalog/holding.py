"""Held changes for tests: the making of them, and looks at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from christmas.catalog.held_changes import HeldRow
from christmas.catalog.writing.product_pages import product_id
from christmas.db.tables import held_changes
from christmas.items import Page, SecondReading
from tests.catalog.making import VENDOR, at, product, write
from tests.catalog.watches import doubt

OPERATOR = "noel"
PAGE = Page("https://bells.example/7.html", b"<p>10 bells</p>", "utf-8")
GROUP = "job-2"


def states(connection: Connection, key: str = "7") -> list[tuple[str, str | None, str]]:
    """Return field, new value and state of everything that was ever held of a product."""
    columns = held_changes.c
    query = select(columns.field, columns.new, columns.state).where(columns.product_id == product_id(VENDOR, key))
    return [tuple(row) for row in connection.execute(query.order_by(columns.id))]  # type: ignore[misc]


def state(connection: Connection, key: str = "7") -> str:
    ((_, _, found),) = states(connection, key)
    return found


def ids(found: Sequence[HeldRow]) -> list[int]:
    return [row.id for row in found]


def second(key: str = "7", hours: float = 9, *, prices: Any = (("selectors", 5000),), **values: Any) -> SecondReading:
    return SecondReading(VENDOR, key, product(key, hours, **values), tuple(prices), at(hours))


def hold_group(connection: Connection, size: int, start: int = 0, **more: Any) -> list[HeldRow]:
    """Hold the prices of so many products as a whole."""
    names = [str(number) for number in range(start, start + size)]
    write(connection, *(product(name) for name in names))
    items = [product(name, 1, price_minor=5000, **more) for name in names]
    return [row for row in doubt(connection, *items, group=GROUP) if row.key in names]
