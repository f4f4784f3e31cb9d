"""Which key an item belongs to: by its own name, else by any of its aliases, else a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zlib import crc32

from sqlalchemy import ARRAY, BigInteger, Connection, Text, bindparam, insert, select, update

from christmas.catalog.page_schedule import SPREAD
from christmas.db.dialects import any_of, as_parameter, each_of
from christmas.db.permissions import binds
from christmas.db.tables import key_aliases, keys, listings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from christmas.items import GoneReading, ListingEntry, PageUnread, Product


@dataclass(slots=True)
class Key:
    """What the store needs to know of one key."""

    id: int
    key: str
    last_seen: datetime
    listing_id: int | None = None
    listing_hash: bytes | None = None
    gone: bool = False
    new: bool = False


@binds("listings", "write")
def resolve(
    connection: Connection, vendor: str, items: Sequence[ListingEntry | Product | PageUnread | GoneReading]
) -> list[Key]:
    """Return the key of each item, in order; what is unknown by name and aliases is created with its aliases."""
    known = _by_name(connection, vendor, {item.key for item in items})
    unknown = [item for item in items if item.key not in known]
    if unknown:
        aliased = _by_alias(connection, vendor, unknown)
        known |= {name: known.get(key.key, key) for name, key in aliased.items()}
        same = _same(items, known)
        created: dict[str, Any] = {}
        for item in unknown:
            if item.key not in known and same[item.key] == item.key:
                created.setdefault(item.key, item)
        known |= _create(connection, vendor, list(created.values()))
        known |= {name: known[key] for name, key in same.items() if name not in known}
        add_aliases(connection, vendor, [(item, known[item.key]) for item in unknown])
    return [known[item.key] for item in items]


def _same(items: Sequence[Any], known: dict[str, Key]) -> dict[str, str]:
    """Return the key that each item's key stands for: items of one batch may name one product differently."""
    owner: dict[str, str] = {}
    same: dict[str, str] = {}
    for item in sorted(items, key=lambda item: item.key not in known):
        name = next((owner[name] for name in _names(item) if name in owner and item.key not in known), item.key)
        same.setdefault(item.key, name)
        for alias in _names(item):
            owner.setdefault(alias, same[item.key])
    return same


def _by_name(connection: Connection, vendor: str, names: Iterable[str]) -> dict[str, Key]:
    columns = keys.c
    query = select(
        columns.id, columns.key, columns.last_seen, columns.listing_id, columns.listing_hash, columns.gone_since
    ).where(columns.vendor == vendor, columns.key.in_(any_of(connection, sorted(names), Text)))
    return {
        row[1]: Key(row[0], row[1], row[2], row[3], None if row[4] is None else bytes(row[4]), row[5] is not None)
        for row in connection.execute(query)
    }


def _by_alias(connection: Connection, vendor: str, items: list[Any]) -> dict[str, Key]:
    """Find items whose name is another's alias, or one of whose aliases is a key or an alias of a known one."""
    names = {name for item in items for name in _names(item)}
    query = select(key_aliases.c.alias, keys.c.key).join(keys, keys.c.id == key_aliases.c.key_id).where(
        key_aliases.c.vendor == vendor, key_aliases.c.alias.in_(any_of(connection, sorted(names), Text))
    )  # fmt: skip
    meant: dict[str, str] = {row.alias: row.key for row in connection.execute(query)}
    found = _by_name(connection, vendor, names | set(meant.values()))
    result: dict[str, Key] = {}
    for item in items:
        for name in _names(item):
            key = found.get(name) or found.get(meant.get(name, ""))
            if key:
                result[item.key] = key
                break
    return result


def _names(item: Any) -> tuple[str, ...]:
    return (item.key, *getattr(item, "aliases", ()))


def _create(connection: Connection, vendor: str, items: list[Any]) -> dict[str, Key]:
    if not items:
        return {}
    rows = [
        {
            "vendor": vendor,
            "key": item.key,
            "url": item.url,
            "release_year": _year(item),
            "first_seen": item.read_at,
            "last_seen": item.read_at,
            "spread": crc32(f"{vendor}\n{item.key}".encode()) % SPREAD,
        }
        for item in items
    ]
    connection.execute(insert(keys), rows)
    created = _by_name(connection, vendor, [item.key for item in items])
    for key in created.values():
        key.new = True
    return created


def _year(item: Any) -> int | None:
    year = getattr(item, "release_year", None)
    return year or None  # UNREAD is false


@binds("listings", "write")
def add_aliases(connection: Connection, vendor: str, pairs: list[tuple[Any, Key]]) -> None:
    """Remember the other names under which an item was seen; a name that is another key's already stays there."""
    rows: dict[str, int] = {}
    for item, key in pairs:
        for name in _names(item):
            if name != key.key:
                rows.setdefault(name, key.id)
    if not rows:
        return
    names = any_of(connection, sorted(rows), Text)
    aliased = select(key_aliases.c.alias).where(key_aliases.c.vendor == vendor, key_aliases.c.alias.in_(names))
    taken = aliased.union_all(select(keys.c.key).where(keys.c.vendor == vendor, keys.c.key.in_(names)))
    for name in connection.scalars(taken).all():
        rows.pop(name, None)
    values = [{"vendor": vendor, "alias": name, "key_id": key_id} for name, key_id in rows.items()]
    if values:
        connection.execute(insert(key_aliases), values)


@binds("listings", "write")
def rename(connection: Connection, vendor: str, pairs: list[tuple[Any, Key]]) -> None:
    """Follow known keys to other names: their aliases, and the address of their page."""
    add_aliases(connection, vendor, pairs)
    if pairs:
        statement = update(keys).where(keys.c.id == bindparam("b_id")).values(url=bindparam("b_url"))
        connection.execute(statement, [{"b_id": key.id, "b_url": item.url} for item, key in pairs])


@binds("listings", "write")
def listing_ids(connection: Connection, vendor: str, found: dict[str, int | None]) -> dict[str, int]:
    """Return the id of each listing path; an unknown one is created with its release year."""
    query = select(listings.c.path, listings.c.id).where(
        listings.c.vendor == vendor, listings.c.path.in_(any_of(connection, sorted(found), Text))
    )
    ids: dict[str, int] = {row.path: row.id for row in connection.execute(query)}
    missing = [path for path in found if path not in ids]
    if missing:
        rows = [{"vendor": vendor, "path": path, "release_year": found[path]} for path in missing]
        connection.execute(insert(listings), rows)
        ids |= {row.path: row.id for row in connection.execute(query)}
    return ids


@binds("listings", "write")
def mark_seen(connection: Connection, seen: Mapping[datetime, Sequence[int]]) -> None:
    """Note when keys were seen in a listing, by time; never goes back in time."""
    kind = Text() if connection.dialect.name == "sqlite" else ARRAY(BigInteger)
    ids = each_of(connection, bindparam("b_ids", type_=kind))
    rows = [{"b_ids": as_parameter(connection, sorted(these)), "b_at": at} for at, these in seen.items()]
    at = bindparam("b_at", type_=keys.c.last_seen.type)
    connection.execute(keys.update().where(keys.c.id.in_(ids), keys.c.last_seen < at).values(last_seen=at), rows)
