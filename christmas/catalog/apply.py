"""Applying new values to products: the row's update and one change per field, in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Connection, Row, bindparam, insert, select, update

from christmas.catalog.resolve import any_of
from christmas.catalog.tables import changes, products

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from christmas.catalog.written import Written

AMOUNTS = frozenset({"price_minor", "price_min_minor", "price_max_minor", "list_price_minor"})
# What an item can change of a product.
FIELDS = (
    "name", "sku", "gtin", "brand", "price_minor", "price_min_minor", "price_max_minor", "list_price_minor",
    "currency", "availability", "release_year", "series", "series_number", "box", "image_url",
)  # fmt: skip


@dataclass(slots=True)
class State:
    """A product as it stands while a batch is applied."""

    id: UUID
    values: dict[str, Any]
    read_at: datetime
    last_changed: datetime
    touched: bool = False
    changed: bool = False


@dataclass(slots=True)
class Origin:
    """Where new values were read."""

    at: datetime
    job_id: str
    url: str
    source: str


@dataclass(slots=True)
class Changeset:
    """The products of a batch and the changes made to them; ``write`` puts both into the database."""

    states: dict[int, State]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def apply(self, key_id: int, new: dict[str, Any], origin: Origin) -> None:
        """Set values that differ; a change of stock from unknown counts as any other."""
        state = self.states[key_id]
        if origin.at < state.read_at:
            return  # read before what is stored
        state.read_at = origin.at
        state.touched = True
        currency = new.get("currency") or state.values["currency"]
        for name, value in new.items():
            old = state.values[name]
            if value == old:
                continue
            self.rows.append(
                {
                    "product_id": state.id,
                    "field": name,
                    "old": None if old is None else str(old),
                    "new": None if value is None else str(value),
                    "currency": currency if name in AMOUNTS else None,
                    "at": origin.at,
                    "job_id": origin.job_id,
                    "url": origin.url,
                    "source": origin.source,
                }
            )
            state.values[name] = value
            state.changed = True
            state.last_changed = origin.at

    def write(self, connection: Connection, written: Written) -> None:
        """Write products and changes."""
        changed = [state for state in self.states.values() if state.changed]
        if changed:
            statement = (
                update(products)
                .where(products.c.id == bindparam("b_id"))
                .values({name: bindparam(name) for name in (*FIELDS, "read_at", "last_changed")})
            )
            rows = [
                {"b_id": one.id, "read_at": one.read_at, "last_changed": one.last_changed, **one.values}
                for one in changed
            ]
            connection.execute(statement, rows)
            connection.execute(insert(changes), self.rows)
        touched = [one for one in self.states.values() if one.touched and not one.changed]
        if touched:
            statement = update(products).where(products.c.id == bindparam("b_id")).values(read_at=bindparam("read_at"))
            connection.execute(statement, [{"b_id": one.id, "read_at": one.read_at} for one in touched])
        written.changed_products += len(changed)
        written.changes += len(self.rows)


def load(connection: Connection, key_ids: Iterable[int]) -> Changeset:
    """Give the products of keys as they stand; a key without a product is left out."""
    ids = sorted(set(key_ids))
    columns = products.c
    query = select(
        columns.key_id, columns.id, columns.read_at, columns.last_changed, *(columns[name] for name in FIELDS)
    ).where(columns.key_id.in_(any_of(connection, ids, BigInteger)))
    return Changeset({row.key_id: _state(row) for row in connection.execute(query)})


def _state(row: Row[Any]) -> State:
    _, id_, read_at, last_changed, *values = tuple(row)
    return State(id_, dict(zip(FIELDS, values, strict=True)), read_at, last_changed)
