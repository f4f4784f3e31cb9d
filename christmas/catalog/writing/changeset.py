"""Applying new values to products: the row's update and one change per field, in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import BigInteger, Connection, Row, bindparam, insert, select, update

from christmas.catalog import held_changes, kept_pages, search_terms, vocabulary
from christmas.db.dialects import any_of
from christmas.db.tables import changes, products
from christmas.items import AMOUNTS, PRODUCT_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from christmas.items import GoneReading, ListingEntry, ListingReading, Page, Product

_PLAIN = tuple(name for name in PRODUCT_FIELDS if name not in search_terms.IDENTITY)
_TIMES = ("read_at", "last_changed")


@dataclass
class Written:
    """Counts, and the readings of listings and of gone keys.

    An unchanged entry or page wrote nothing but when it was seen or read; ``compared`` are those known before.
    """

    entries: int = 0
    new_keys: int = 0
    new_products: int = 0
    changed_products: int = 0
    changes: int = 0
    unchanged: int = 0
    compared: int = 0
    held: int = 0
    readings: list[ListingReading] = field(default_factory=list)
    gone: list[GoneReading] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return everything that is a number, by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int)} | {
            "readings": len(self.readings)
        }


@dataclass(slots=True)
class State:
    """A product as it stands while a batch is applied."""

    id: UUID
    values: dict[str, Any]
    read_at: datetime
    last_changed: datetime
    touched: bool = False
    changed: bool = False
    identity: bool = False


@dataclass(slots=True)
class Origin:
    """Where new values were read."""

    at: datetime
    job_id: str
    url: str
    source: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a change is to be held; ``group`` is the run whose changes are held as a whole, ``page`` is to be kept.

    ``source`` is where exactly this field was read, where that is known.
    """

    reason: str
    group: str | None = None
    page: Page | None = None
    source: str = ""


class Watch(Protocol):
    """Looks at what a run is about to change of a known product; ``old`` has all fields, ``new`` those that differ."""

    def defers(self, item: ListingEntry | Product, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Return whether nothing of the item is to be written now; the watch has taken it."""

    def doubts(self, item: ListingEntry | Product, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Doubt]:
        """Return the fields that are to be held, {} where all may change."""


@dataclass(slots=True)
class Changeset:
    """The products of a batch and the changes made to them; ``write`` puts both into the database."""

    states: dict[int, State]
    rows: list[dict[str, Any]] = field(default_factory=list)
    held: list[tuple[dict[str, Any], Doubt]] = field(default_factory=list)
    told: dict[UUID, dict[str, Any]] = field(default_factory=dict)

    def differing(self, key_id: int, new: Mapping[str, Any]) -> dict[str, Any]:
        """Return what of the new values is not the product's already."""
        values = self.states[key_id].values
        return {name: value for name, value in new.items() if value != values[name]}

    def apply(
        self,
        key_id: int,
        new: dict[str, Any],
        origin: Origin,
        item: ListingEntry | Product,
        watch: Watch | None = None,
    ) -> None:
        """Set values that differ, or hold those that the watch doubts; stock that was unknown counts as any other."""
        state = self.states[key_id]
        if origin.at < state.read_at:
            return  # read before what is stored
        state.read_at = origin.at
        state.touched = True
        self.told.setdefault(state.id, {}).update(new)
        currency = new.get("currency") or state.values["currency"]
        differing = self.differing(key_id, new)
        doubts = watch.doubts(item, state.values, differing) if watch is not None and differing else {}
        for name, value in differing.items():
            old = state.values[name]
            row = {
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
            if name in doubts:
                self.held.append((row, doubts[name]))
                continue
            self.rows.append(row)
            state.values[name] = value
            state.changed = True
            state.identity |= name in search_terms.IDENTITY
            state.last_changed = origin.at

    def write(self, connection: Connection, vendor: str, written: Written) -> None:
        """Write products, changes, and what is held."""
        changed = [state for state in self.states.values() if state.changed]
        if changed:
            _update(connection, _PLAIN, [_row(one) for one in changed if not one.identity])
            found = [_row(one) | search_terms.columns(one.id, vendor, one.values) for one in changed if one.identity]
            _update(connection, (*PRODUCT_FIELDS, "piece", "words"), found)
            vocabulary.write(connection, [row["words"] for row in found])
            connection.execute(insert(changes), self.rows)
        touched = [one for one in self.states.values() if one.touched and not one.changed]
        if touched:
            statement = update(products).where(products.c.id == bindparam("b_id")).values(read_at=bindparam("read_at"))
            connection.execute(statement, [{"b_id": one.id, "read_at": one.read_at} for one in touched])
        written.changed_products += len(changed)
        written.changes += len(self.rows)
        if self.told:
            held_changes.settle(connection, self.told, max(state.read_at for state in self.states.values()))
        if self.held:
            held_changes.hold(connection, self._held_rows(connection, vendor))
            written.held += len(self.held)

    def _held_rows(self, connection: Connection, vendor: str) -> list[dict[str, Any]]:
        """Return the rows to hold, the last one for each field, and keep the pages they are from."""
        pages: dict[int, int] = {}
        rows = {}
        for row, doubt in self.held:
            page = doubt.page
            if page is not None and id(page) not in pages:
                pages[id(page)] = kept_pages.keep(
                    connection, vendor, page, reason=doubt.reason, job_id=row["job_id"], at=row["at"]
                )
            rows[row["product_id"], row["field"]] = row | {
                "vendor": vendor,
                "reason": doubt.reason,
                "source": doubt.source or row["source"],
                "group_id": doubt.group,
                "page_id": None if page is None else pages[id(page)],
            }
        return list(rows.values())


def _row(state: State) -> dict[str, Any]:
    return {"b_id": state.id, "read_at": state.read_at, "last_changed": state.last_changed, **state.values}


def _update(connection: Connection, names: Sequence[str], rows: list[dict[str, Any]]) -> None:
    """Write some fields of products; an index is written for each field that is named, though it stays the same."""
    if not rows:
        return
    wanted = (*names, *_TIMES)
    statement = update(products).where(products.c.id == bindparam("b_id"))
    statement = statement.values({name: bindparam(name) for name in wanted})
    connection.execute(statement, [{name: row[name] for name in ("b_id", *wanted)} for row in rows])


def load_products(connection: Connection, key_ids: Iterable[int]) -> Changeset:
    """Return the products of keys as they stand; a key without a product is left out."""
    ids = sorted(set(key_ids))
    columns = products.c
    query = select(
        columns.key_id, columns.id, columns.read_at, columns.last_changed, *(columns[name] for name in PRODUCT_FIELDS)
    ).where(columns.key_id.in_(any_of(connection, ids, BigInteger)))
    return Changeset({row.key_id: _state(row) for row in connection.execute(query)})


def _state(row: Row[Any]) -> State:
    _, id_, read_at, last_changed, *values = tuple(row)
    return State(id_, dict(zip(PRODUCT_FIELDS, values, strict=True)), read_at, last_changed)
