"""Held changes: what was read but is not believed yet, until a second reading or an operator decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Connection, Row, Uuid, bindparam, case, func, insert, select, update

from christmas.catalog import search_terms, vocabulary
from christmas.db.dialects import any_of
from christmas.db.permissions import binds
from christmas.db.tables import changes, held_changes, keys, products
from christmas.errors import ArgumentError, NotHeld
from christmas.items import DECLARED, UNREAD, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from christmas.items import SecondReading

_NUMBERS = {one.name for one in DECLARED if one.kind in {Kind.AMOUNT, Kind.NUMBER}}
# What a second reading decides; the other fields go with these.
_PRICE = "price_minor"
_PRICES = {"price_min_minor", "price_max_minor", "list_price_minor"}
_JUDGED = {_PRICE, "currency", "name", "sku"}
AUDITOR = "auditor"
# Of the second readings of a run that is held as a whole, at least this many must be conclusive, and this share agree.
CONFIRMED_LEAST = 10
CONFIRMED_SHARE = 0.9
STATES = ("held", "released", "discarded", "withdrawn")


@dataclass(frozen=True, slots=True)
class HeldRow:
    """One held change with its product; the fields are the table's and ``name``, ``key``, ``page_url``."""

    id: int
    vendor: str
    product_id: UUID
    field: str
    old: str | None
    new: str | None
    currency: str | None
    at: datetime
    job_id: str
    url: str
    source: str
    reason: str
    group_id: str | None
    page_id: int | None
    state: str
    agrees: bool | None
    checked_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    name: str
    key: str
    page_url: str


@binds("held", "write")
def hold(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Hold changes; one that was held for the same field of the product is withdrawn, it was read before."""
    if not rows:
        return
    earlier = update(held_changes).where(
        held_changes.c.product_id == bindparam("b_product"),
        held_changes.c.field == bindparam("b_field"),
        held_changes.c.state == "held",
    )
    connection.execute(
        earlier.values(state="withdrawn", decided_at=bindparam("b_at")),
        [{"b_product": row["product_id"], "b_field": row["field"], "b_at": row["at"]} for row in rows],
    )
    connection.execute(insert(held_changes), [{**row, "state": "held"} for row in rows])


@binds("held", "write")
def settle(connection: Connection, read: Mapping[UUID, Mapping[str, Any]], at: datetime) -> None:
    """Withdraw held changes of these products that a later reading contradicts; ``read`` has its values."""
    if not read:
        return
    query = select(held_changes.c.id, held_changes.c.product_id, held_changes.c.field, held_changes.c.new).where(
        held_changes.c.state == "held", held_changes.c.product_id.in_(any_of(connection, list(read), Uuid))
    )
    rows = connection.execute(query).all()
    stale = {
        (row.product_id, row.field)
        for row in rows
        if row.field in read[row.product_id] and _text(read[row.product_id][row.field]) != row.new
    }
    # What was read beside a price is nothing without it.
    stale |= {(row.product_id, row.field) for row in rows if row.field in _PRICES and (row.product_id, _PRICE) in stale}
    _decide(connection, [row.id for row in rows if (row.product_id, row.field) in stale], "withdrawn", None, at)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def find(
    connection: Connection,
    *,
    state: str | None = "held",
    vendor: str | None = None,
    vendors: Sequence[str] | None = None,
    ids: Sequence[int] | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> list[HeldRow]:
    """Return held changes, the newest first; ``vendors`` are those that may be seen.

    ``before`` is the id of the last one of the page before.
    """
    query = (
        select(held_changes, products.c.name, keys.c.key, keys.c.url.label("page_url"))
        .join(products, products.c.id == held_changes.c.product_id)
        .join(keys, keys.c.id == products.c.key_id)
        .order_by(held_changes.c.id.desc())
        .limit(limit)
    )
    if state is not None:
        query = query.where(held_changes.c.state == state)
    if vendor is not None:
        query = query.where(held_changes.c.vendor == vendor)
    if vendors is not None:
        query = query.where(held_changes.c.vendor.in_(vendors))
    if ids is not None:
        query = query.where(held_changes.c.id.in_(any_of(connection, list(ids), BigInteger)))
    if before is not None:
        query = query.where(held_changes.c.id < before)
    return [HeldRow(*row) for row in connection.execute(query)]


def choose(
    connection: Connection,
    *,
    ids: Sequence[int] | None = None,
    vendor: str | None = None,
    group: str | None = None,
    vendors: Sequence[str] | None = None,
) -> tuple[list[int], list[int]]:
    """Return the ids of what is held by ids, or of a vendor or of a run as a whole; and those of ``ids`` that are not.

    ``vendors`` are those that may be seen. Raise ArgumentError unless exactly one of the three is given.
    """
    if sum(one is not None for one in (ids, vendor, group)) != 1:
        raise ArgumentError("Say which: ids, or a vendor, or a group.")
    query = select(held_changes.c.id).where(held_changes.c.state == "held").order_by(held_changes.c.id)
    if ids is not None:
        query = query.where(held_changes.c.id.in_(any_of(connection, list(ids), BigInteger)))
    if vendor is not None:
        query = query.where(held_changes.c.vendor == vendor)
    if group is not None:
        query = query.where(held_changes.c.group_id == group)
    if vendors is not None:
        query = query.where(held_changes.c.vendor.in_(vendors))
    chosen = list(connection.scalars(query))
    return chosen, sorted(set(ids or ()) - set(chosen))


def decide(
    connection: Connection,
    act: Callable[..., int],
    *,
    ids: Sequence[int] | None = None,
    vendor: str | None = None,
    group: str | None = None,
    vendors: Sequence[str] | None = None,
    by: str | None,
    now: datetime,
) -> int:
    """Release or discard all that ``choose`` returns, and return how many were decided on.

    Raise NotHeld, and changes nothing, where some of ``ids``, or nothing of a vendor or run, is held.
    """
    chosen, missing = choose(connection, ids=ids, vendor=vendor, group=group, vendors=vendors)
    if missing or not chosen:
        what = f"as {', '.join(map(str, missing))}" if missing else f"of {vendor or group}"
        raise NotHeld(f"Nothing is held {what} (any more): a user or a second reading may have decided already.")
    count: int = act(connection, chosen, by=by, now=now)
    return count


def count(connection: Connection) -> dict[str, int]:
    """Return how many changes are held of each vendor that has any."""
    query = select(held_changes.c.vendor, func.count()).where(held_changes.c.state == "held")
    return {row[0]: row[1] for row in connection.execute(query.group_by(held_changes.c.vendor))}


def to_check(connection: Connection, vendor: str, *, sample: int, limit: int) -> list[tuple[str, str]]:
    """Return key and address of the pages to be read again.

    Of each run that is held as a whole they are ``sample`` by chance, of the single changes at most ``limit``, those
    first that were not read again for the longest time.
    """
    page = select(keys.c.key, keys.c.url).select_from(
        held_changes.join(products, products.c.id == held_changes.c.product_id).join(
            keys, keys.c.id == products.c.key_id
        )
    )
    mine = (held_changes.c.vendor == vendor) & (held_changes.c.state == "held")
    groups = select(held_changes.c.group_id).where(mine, held_changes.c.group_id.is_not(None)).distinct()
    found: dict[str, str] = {}
    for group in connection.scalars(groups).all():
        chosen = page.where(mine, held_changes.c.group_id == group, held_changes.c.field == "price_minor")
        found |= {row.key: row.url for row in connection.execute(chosen.order_by(func.random()).limit(sample))}
    single = page.where(mine, held_changes.c.group_id.is_(None))
    oldest = single.order_by(func.coalesce(held_changes.c.checked_at, held_changes.c.at), held_changes.c.id)
    return list((found | {row.key: row.url for row in connection.execute(oldest.limit(limit))}).items())


@binds("held", "write")
def second(connection: Connection, vendor: str, readings: Sequence[SecondReading]) -> None:
    """Note what product pages say of the changes that are held of them; single ones are decided by it."""
    for reading in readings:
        query = (
            select(held_changes)
            .join(products, products.c.id == held_changes.c.product_id)
            .join(keys, keys.c.id == products.c.key_id)
            .where(held_changes.c.state == "held", keys.c.vendor == vendor, keys.c.key == reading.key)
        )
        words: dict[str, dict[int, bool | None]] = {}
        for row in connection.execute(query.order_by(held_changes.c.id)).all():
            agrees = _agrees(connection, row, reading) if row.field in _JUDGED else None
            check(connection, [row.id], agrees=agrees, at=reading.read_at)
            if row.group_id is None and row.field in _JUDGED:
                words.setdefault(row.job_id, {})[row.id] = agrees
        for said in words.values():  # what was read in one run goes together
            if False in said.values():
                discard(connection, list(said), by=AUDITOR, now=reading.read_at)
            elif None not in said.values():
                release(connection, list(said), by=AUDITOR, now=reading.read_at)


def _agrees(connection: Connection, row: Row[Any], reading: SecondReading) -> bool | None:
    """Return whether a page confirms a held change by another source; None where it has none, or gave no product."""
    product = reading.product
    if product is None:
        return None
    if row.field == "price_minor":
        prices = [price for source, price in reading.prices if source != row.source]
        if row.currency and product.currency and product.currency != row.currency:
            return False
        if not prices:
            return None
        return row.new in {_text(price) for price in prices}
    value = getattr(product, row.field)
    if value is UNREAD:
        return None
    if _text(value or None) != row.new:
        return False
    if row.field == "currency":
        return True
    # What has become another product's name or number may be a row that slipped: that is for people to decide.
    column = products.c[row.field]
    others = select(func.count()).where(
        products.c.vendor == row.vendor, column == row.new, products.c.id != row.product_id
    )
    return None if connection.scalar(others.select_from(products)) else True


@binds("held", "write")
def decide_groups(connection: Connection, vendor: str, now: datetime) -> None:
    """Release the runs whose changes are held as a whole and were confirmed by nearly all second readings."""
    mine = (held_changes.c.vendor == vendor) & (held_changes.c.state == "held") & held_changes.c.group_id.is_not(None)
    agreed = func.sum(case((held_changes.c.agrees.is_(True), 1), else_=0))
    denied = func.sum(case((held_changes.c.agrees.is_(False), 1), else_=0))
    judged = func.sum(case((held_changes.c.field.in_(_JUDGED), 1), else_=0))
    query = select(held_changes.c.group_id, agreed, denied, judged).where(mine).group_by(held_changes.c.group_id)
    for group, yes, no, total in connection.execute(query).all():
        if yes >= min(CONFIRMED_LEAST, total) and yes >= CONFIRMED_SHARE * (yes + no):
            ids = select(held_changes.c.id).where(mine, held_changes.c.group_id == group)
            release(connection, connection.scalars(ids).all(), by=AUDITOR, now=now)


def contradicted(connection: Connection, vendor: str) -> int:
    """Return how many changes are held because second readings of their run said something else."""
    mine = (held_changes.c.vendor == vendor) & (held_changes.c.state == "held") & held_changes.c.group_id.is_not(None)
    groups = select(held_changes.c.group_id).where(mine, held_changes.c.agrees.is_(False))
    found = select(func.count()).where(mine, held_changes.c.group_id.in_(groups))
    return connection.scalar(found.select_from(held_changes)) or 0


@binds("held", "write")
def check(connection: Connection, ids: Sequence[int], *, agrees: bool | None, at: datetime) -> None:
    """Note what a second reading said."""
    statement = update(held_changes).where(held_changes.c.id.in_(ids), held_changes.c.state == "held")
    said = {} if agrees is None else {"agrees": agrees}
    connection.execute(statement.values(checked_at=at, **said))


@binds("held", "write")
def release(connection: Connection, ids: Sequence[int], *, by: str, now: datetime) -> int:
    """Make held changes true: the products' values, and one change each as of when it was read. Return how many.

    What was read of the same product in the same run, and is held as well, goes with it.
    """
    found = _with_siblings(connection, ids)
    decided = _decide(connection, [row.id for row in found], "released", by, now)
    rows = [row for row in found if row.id in decided]
    names = sorted({row.field for row in rows})
    current = _current(connection, {row.product_id for row in rows}, names) if rows else {}
    new = [row for row in rows if _text(current[row.product_id][row.field]) != row.new]
    for name in names:
        values = [{"b_id": row.product_id, "b_value": _value(row), "b_at": now} for row in new if row.field == name]
        if values:
            columns = {name: bindparam("b_value", type_=products.c[name].type), "last_changed": bindparam("b_at")}
            connection.execute(update(products).where(products.c.id == bindparam("b_id")).values(columns), values)
    _find_anew(connection, {row.product_id for row in new if row.field in search_terms.IDENTITY})
    if new:
        connection.execute(insert(changes), [_change(row, _text(current[row.product_id][row.field])) for row in new])
    return len(rows)


@binds("held", "write")
def discard(connection: Connection, ids: Sequence[int], *, by: str, now: datetime) -> int:
    """Discard held changes, with what was read of the same products in the same runs; return how many."""
    rows = _with_siblings(connection, ids)
    return len(_decide(connection, [row.id for row in rows], "discarded", by, now))


def _with_siblings(connection: Connection, ids: Sequence[int]) -> list[Row[Any]]:
    mine = held_changes.alias()
    query = (
        select(held_changes)
        .join(mine, (mine.c.product_id == held_changes.c.product_id) & (mine.c.job_id == held_changes.c.job_id))
        .where(mine.c.id.in_(any_of(connection, list(ids), BigInteger)), mine.c.state == "held")
        .where(held_changes.c.state == "held", held_changes.c.group_id.is_not_distinct_from(mine.c.group_id))
        .distinct()
    )
    return list(connection.execute(query))


def _current(connection: Connection, product_ids: set[UUID], names: list[str]) -> dict[UUID, dict[str, Any]]:
    query = select(products.c.id, *(products.c[name] for name in names)).where(
        products.c.id.in_(any_of(connection, list(product_ids), Uuid))
    )
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in connection.execute(query)}


def _find_anew(connection: Connection, product_ids: set[UUID]) -> None:
    """Let products be found by what they are called now."""
    if not product_ids:
        return
    names = ["vendor", *search_terms.IDENTITY]
    rows: list[dict[str, Any]] = [
        {"b_id": id_} | search_terms.columns(id_, values["vendor"], values)
        for id_, values in _current(connection, product_ids, names).items()
    ]
    statement = update(products).where(products.c.id == bindparam("b_id"))
    connection.execute(statement.values(piece=bindparam("piece"), words=bindparam("words")), rows)
    vocabulary.write(connection, [row["words"] for row in rows])


def _value(row: Row[Any]) -> Any:
    return int(row.new) if row.field in _NUMBERS and row.new is not None else row.new


def _change(row: Row[Any], old: str | None) -> dict[str, Any]:
    same = {name: getattr(row, name) for name in ("product_id", "field", "new", "currency", "at", "job_id", "url")}
    return {**same, "source": row.source, "old": old}


def _decide(connection: Connection, ids: Sequence[int], state: str, by: str | None, now: datetime) -> set[int]:
    """Decide on what is still held, and return it: another may decide at the same moment."""
    if not ids:
        return set()
    chosen = held_changes.c.id.in_(any_of(connection, list(ids), BigInteger)) & (held_changes.c.state == "held")
    statement = update(held_changes).where(chosen).values(state=state, decided_by=by, decided_at=now)
    return set(connection.scalars(statement.returning(held_changes.c.id)))
