"""A listing entry in 28 bytes, to be compared with the vendor's previous entry of the same key.

Name and identity (key and aliases) are 32-bit checksums, which overlook one change in four billion; amounts and stock
stand as they are. A card without a price says nothing about the list price or the currency either.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from christmas.items import UNREAD, Availability

if TYPE_CHECKING:
    from christmas.items import ListingEntry

_LAYOUT: Final = Struct("<IIqqb3s")
_ABSENT, _UNREAD = -1, -2
_STOCKS = {UNREAD: _UNREAD, None: _ABSENT} | {stock: number for number, stock in enumerate(Availability)}
NAME, IDENTITY, PRICE, LIST_PRICE, AVAILABILITY, CURRENCY = range(6)


def of_entry(entry: ListingEntry) -> bytes:
    """Return the fingerprint of one entry."""
    name = entry.name
    price = entry.price_minor
    list_price = entry.list_price_minor if price else UNREAD
    return _LAYOUT.pack(
        crc32(name.encode()) if name else 0,
        crc32("\n".join((entry.key, *entry.aliases)).encode()),
        _UNREAD if price is UNREAD else _ABSENT if price is None else price,
        _UNREAD if list_price is UNREAD else _ABSENT if list_price is None else list_price,
        _STOCKS[entry.availability],
        entry.currency.encode() if price else b"",
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """What of an entry differs from the previous one; ``kept`` is the fingerprint to remember.

    ``old_name`` is the previous name's checksum, 0 where there was none.
    """

    first: bool
    name: bool
    identity: bool
    price: bool
    list_price: bool
    availability: bool
    kept: bytes
    old_name: int


def compare(now: bytes, before: bytes | None) -> Difference:
    """Compare field by field; what was not read this time is no difference and keeps what was known."""
    new = list(_LAYOUT.unpack(now))
    old: list[Any] = list(_LAYOUT.unpack(before)) if before else [0, 0, _UNREAD, _UNREAD, _UNREAD, b""]
    if new[PRICE] == _UNREAD:
        new[PRICE], new[CURRENCY] = old[PRICE], old[CURRENCY]
    for place in (LIST_PRICE, AVAILABILITY):
        if new[place] == _UNREAD:
            new[place] = old[place]
    new[NAME] = new[NAME] or old[NAME]
    return Difference(
        first=before is None,
        name=old[NAME] not in {0, new[NAME]},
        identity=new[IDENTITY] != old[IDENTITY],
        price=(new[PRICE], new[CURRENCY]) != (old[PRICE], old[CURRENCY]),
        list_price=new[LIST_PRICE] != old[LIST_PRICE],
        availability=new[AVAILABILITY] != old[AVAILABILITY],
        kept=_LAYOUT.pack(*new),
        old_name=old[NAME],
    )
