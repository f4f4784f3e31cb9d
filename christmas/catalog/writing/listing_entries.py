"""Listing entries, compared with the vendor's previous entry of the key: the same one writes only that it was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Connection, bindparam, insert, select, update

from christmas.catalog.writing import fingerprint, listings, product_keys
from christmas.catalog.writing.changeset import Changeset, Origin, load_products
from christmas.db.dialects import any_of
from christmas.db.permissions import binds
from christmas.db.tables import keys, listing_keys
from christmas.db.tables import listings as listings_table
from christmas.items import Availability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from christmas.catalog.writing.changeset import State, Watch, Written
    from christmas.catalog.writing.fingerprint import Difference
    from christmas.catalog.writing.product_keys import Key
    from christmas.items import ListingEntry

# With these, a price that is no longer shown is explained.
_NO_PRICE_EXPECTED = {Availability.OUT_OF_STOCK, Availability.DISCONTINUED, Availability.PREORDER}

Changed = tuple["ListingEntry", "Key", "Difference"]


@binds("listings", "write")
def write(
    connection: Connection,
    vendor: str,
    entries: Sequence[ListingEntry],
    *,
    job_id: str,
    written: Written,
    watch: Watch | None = None,
) -> None:
    """Write one vendor's entries, in order; nothing but "seen" of those that the watch defers."""
    found = product_keys.resolve(connection, vendor, entries)
    paths = product_keys.listing_ids(connection, vendor, {entry.listing: entry.release_year for entry in entries})
    written.entries += len(entries)
    new = len({key.id for key in found if key.new})
    written.new_keys += new
    written.compared += len(entries) - new
    _remember(connection, entries, found, paths)
    changed, returned = _differing(entries, found)
    product_keys.mark_seen(connection, _seen(entries, found))
    if returned:
        listings.take_back(connection, sorted(returned))
    written.unchanged += len(entries) - len(changed)
    if changed:
        _write_changed(connection, vendor, changed, paths, job_id=job_id, written=written, watch=watch)


def _differing(entries: Sequence[ListingEntry], found: Sequence[Key]) -> tuple[list[Changed], set[int]]:
    """Return the entries that differ from the previous ones, and the keys that are listed again."""
    changed: list[Changed] = []
    returned: set[int] = set()
    latest: dict[int, ListingEntry] = {}
    for entry, key in zip(entries, found, strict=True):
        at = _read_at(entry)
        if at < key.last_seen:
            continue  # read before what is stored
        if at > key.last_seen:
            key.last_seen = at
            if key.gone:
                returned.add(key.id)
        now = fingerprint.of_entry(entry)
        if now == key.listing_hash:
            if key.id in latest:  # in another listing of this batch: what is written of it was seen now
                latest[key.id].read_at = at
            continue
        difference = fingerprint.compare(now, key.listing_hash)
        if difference.kept != key.listing_hash:
            changed.append((entry, key, difference))
            latest[key.id] = entry
            key.listing_hash = difference.kept
    return changed, returned


def _seen(entries: Sequence[ListingEntry], found: Sequence[Key]) -> dict[Any, list[int]]:
    """Return keys by when they were seen last."""
    last: dict[int, Any] = {}
    for entry, key in zip(entries, found, strict=True):
        last[key.id] = max(_read_at(entry), last.get(key.id, _read_at(entry)))
    times: dict[Any, list[int]] = {}
    for id_, at in last.items():
        times.setdefault(at, []).append(id_)
    return times


def _read_at(entry: ListingEntry) -> Any:
    return entry.read_at


def _remember(
    connection: Connection, entries: Sequence[ListingEntry], found: Sequence[Key], paths: dict[str, int]
) -> None:
    """Note in which listings keys were seen, where that is new."""
    members: dict[tuple[int, int], None] = {}
    first: dict[int, int] = {}
    for entry, key in zip(entries, found, strict=True):
        listing = paths[entry.listing]
        if key.listing_id is None:
            key.listing_id = first[key.id] = listing
            members[listing, key.id] = None
        elif key.listing_id != listing:
            members[listing, key.id] = None
    further = sorted({key_id for _, key_id in members if key_id not in first})
    if further:
        query = select(listing_keys.c.listing_id, listing_keys.c.key_id).where(
            listing_keys.c.key_id.in_(any_of(connection, further, BigInteger))
        )
        for row in connection.execute(query):
            members.pop((row.listing_id, row.key_id), None)
    if members:
        connection.execute(
            insert(listing_keys), [{"listing_id": listing, "key_id": key_id} for listing, key_id in members]
        )
    if first:
        connection.execute(
            update(keys).where(keys.c.id == bindparam("b_id")).values(listing_id=bindparam("b_listing")),
            [{"b_id": key_id, "b_listing": listing} for key_id, listing in first.items()],
        )


def _note_times(connection: Connection, times: dict[int, Any]) -> None:
    """Note when entries of listings have changed, by listing."""
    connection.execute(
        update(listings_table)
        .where(
            listings_table.c.id == bindparam("b_id"),
            listings_table.c.changed_at.is_(None) | (listings_table.c.changed_at < bindparam("b_at")),
        )
        .values(changed_at=bindparam("b_at")),
        [{"b_id": id_, "b_at": at} for id_, at in times.items()],
    )


def _write_changed(
    connection: Connection,
    vendor: str,
    changed: list[Changed],
    paths: dict[str, int],
    *,
    job_id: str,
    written: Written,
    watch: Watch | None,
) -> None:
    _note_times(connection, {paths[entry.listing]: _read_at(entry) for entry, _, _ in changed})
    changeset = load_products(connection, (key.id for _, key, _ in changed))
    if watch is not None:
        total = len(changed)
        product_keys.add_aliases(connection, vendor, [(entry, key) for entry, key, one in changed if one.identity])
        changed = [one for one in changed if not _defers(watch, changeset, *one)]
        written.entries -= total - len(changed)  # counted when they are written
        written.compared -= total - len(changed)
    renamed = [(entry, key) for entry, key, difference in changed if difference.identity and not key.new]
    product_keys.rename(connection, vendor, renamed)
    due: dict[int, bool] = {}
    for entry, key, difference in changed:
        due[key.id] = _apply(changeset, entry, key, difference, job_id, watch) or due.get(key.id, False)
    changeset.write(connection, vendor, written)
    if not changed:
        return
    hashes = {key.id: key.listing_hash for _, key, _ in changed}
    statement = update(keys).where(keys.c.id == bindparam("b_id")).values(listing_hash=bindparam("b_hash"))
    connection.execute(statement, [{"b_id": id_, "b_hash": value} for id_, value in hashes.items()])
    wanted = sorted(id_ for id_, is_due in due.items() if is_due)
    if wanted:
        connection.execute(
            update(keys).where(keys.c.id.in_(any_of(connection, wanted, BigInteger))).values(page_due=True)
        )


def _defers(watch: Watch, changeset: Changeset, entry: ListingEntry, key: Key, difference: Difference) -> bool:
    state = changeset.states.get(key.id)
    if state is None or _read_at(entry) < state.read_at:
        return False
    new = changeset.differing(key.id, _told(state, entry, difference))
    if difference.name:
        new["name"] = entry.name  # for the watch alone: a card's name may be shortened
    return bool(new) and watch.defers(entry, state.values | {"listing_name": difference.old_name}, new)


def _apply(
    changeset: Changeset, entry: ListingEntry, key: Key, difference: Difference, job_id: str, watch: Watch | None
) -> bool:
    """Apply what differs from the previous entry; return whether the product's own page must be read again."""
    state = changeset.states.get(key.id)
    if state is None or _read_at(entry) < state.read_at:
        return False
    due = difference.name
    if difference.price and entry.price_minor is None:
        due |= state.values["price_minor"] is not None and entry.availability not in _NO_PRICE_EXPECTED
    origin = Origin(_read_at(entry), job_id, entry.url, entry.source)
    changeset.apply(key.id, _told(state, entry, difference), origin, entry, watch)
    return due


def _told(state: State, entry: ListingEntry, difference: Difference) -> dict[str, Any]:
    """Return what the entry says that the previous one did not."""
    new: dict[str, Any] = {}
    # A card without a price, as sold-out ones often are, is no word on the price: the last one known stands.
    if difference.price and entry.price_minor is not None:
        new |= {"price_minor": entry.price_minor, "currency": entry.currency}
        new |= {"price_min_minor": None, "price_max_minor": None}
    if difference.list_price:
        new["list_price_minor"] = entry.list_price_minor
    if difference.availability and entry.availability:
        new["availability"] = entry.availability.value
    return new
