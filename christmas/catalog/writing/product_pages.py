"""Product pages: the product's row, one change per field that differs, and when the page was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, Connection, bindparam, case, insert, or_, update

from christmas.catalog import search_terms, vocabulary
from christmas.catalog.writing import product_keys
from christmas.catalog.writing.changeset import Changeset, Origin, load_products
from christmas.db.permissions import binds
from christmas.db.tables import keys, products
from christmas.items import PRODUCT_FIELDS, UNREAD, Availability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from christmas.catalog.writing.changeset import Watch, Written
    from christmas.catalog.writing.product_keys import Key
    from christmas.items import PageUnread, Product

_NAMESPACE: Final = UUID("6f2f7b52-6d0e-5a53-9c9a-8f1c7a1b1225")


def product_id(vendor: str, key: str) -> UUID:
    """Return the id of what a vendor sells under a key; the same wherever and whenever it is computed."""
    return uuid5(_NAMESPACE, f"{vendor}\n{key}")


@binds("products", "write")
def write(
    connection: Connection,
    vendor: str,
    items: Sequence[Product],
    *,
    job_id: str,
    written: Written,
    watch: Watch | None = None,
) -> None:
    """Write one vendor's product pages, in order; nothing of those that the watch defers."""
    found = product_keys.resolve(connection, vendor, items)
    written.new_keys += len({key.id for key in found if key.new})
    changeset = load_products(connection, (key.id for key in found))
    if watch is not None:
        pairs = [(i, k) for i, k in zip(items, found, strict=True) if not _defers(watch, changeset, i, k)]
        items, found = [item for item, _ in pairs], [key for _, key in pairs]
        if not items:
            return
    written.compared += sum(key.id in changeset.states for key in found)
    new: dict[int, dict[str, Any]] = {}
    for item, key in zip(items, found, strict=True):
        if key.id in changeset.states or key.id in new:
            if key.id in new:  # twice in one batch: insert what was first, then compare
                _insert(connection, new, written)
                changeset.states |= load_products(connection, new).states
                new = {}
            origin = Origin(_at(item), job_id, item.url, item.source)
            changeset.apply(key.id, _told(item), origin, item, watch)
        else:
            new[key.id] = _row(vendor, item, key)
    _insert(connection, new, written)
    written.unchanged += len([state for state in changeset.states.values() if state.touched and not state.changed])
    changeset.write(connection, vendor, written)
    product_keys.add_aliases(connection, vendor, [(i, k) for i, k in zip(items, found, strict=True) if not k.new])
    _mark_read(connection, items, found)


@binds("listings", "write")
def write_unread(connection: Connection, vendor: str, items: Sequence[PageUnread]) -> None:
    """Note pages that gave no product, so that they are not asked for again in every run; a later one is no news."""
    found = product_keys.resolve(connection, vendor, items)
    statement = (
        update(keys)
        .where(keys.c.id == bindparam("b_id"), _before(keys.c.page_read_at), _before(keys.c.page_failed_at))
        .values(page_failed_at=bindparam("b_at"))
    )
    connection.execute(
        statement, [{"b_id": key.id, "b_at": item.read_at} for item, key in zip(items, found, strict=True)]
    )


def _defers(watch: Watch, changeset: Changeset, item: Product, key: Key) -> bool:
    state = changeset.states.get(key.id)
    if state is None or _at(item) < state.read_at:
        return False
    new = changeset.differing(key.id, _told(item))
    return bool(new) and watch.defers(item, state.values, new)


def _at(item: Product) -> Any:
    return item.read_at


def _told(item: Product) -> dict[str, Any]:
    """Return the fields that the page names; a name or stock that is absent is no news."""
    told: dict[str, Any] = {}
    for name in PRODUCT_FIELDS:
        value = getattr(item, name)
        if value is UNREAD or (value is None and name in {"name", "availability", "currency"}):
            continue
        told[name] = value.value if isinstance(value, Availability) else value
    return told


def _row(vendor: str, item: Product, key: Key) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(PRODUCT_FIELDS) | {"availability": Availability.UNKNOWN.value}
    values |= _told(item)
    at = item.read_at
    id_ = product_id(vendor, key.key)
    times = {"first_seen": at, "last_changed": at, "read_at": at}
    return values | {"id": id_, "key_id": key.id, "vendor": vendor} | times | search_terms.columns(id_, vendor, values)


def _insert(connection: Connection, new: dict[int, dict[str, Any]], written: Written) -> None:
    if new:
        # RETURNING makes it one statement of many rows: SQLite's full-text index is flushed for each statement.
        connection.execute(insert(products).returning(products.c.key_id), list(new.values()))
        vocabulary.write(connection, [row["words"] for row in new.values()])
        written.new_products += len(new)


def _mark_read(connection: Connection, items: Sequence[Product], found: list[Key]) -> None:
    failed_at = case((_before(keys.c.page_failed_at), None), else_=keys.c.page_failed_at)
    statement = (
        update(keys)
        .where(keys.c.id == bindparam("b_id"), _before(keys.c.page_read_at))
        .values(page_read_at=bindparam("b_at"), page_due=False, page_failed_at=failed_at)
    )
    connection.execute(
        statement, [{"b_id": key.id, "b_at": item.read_at} for item, key in zip(items, found, strict=True)]
    )


def _before(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(column.is_(None), column < bindparam("b_at", type_=column.type))
