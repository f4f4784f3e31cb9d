"""A listing entry in 28 bytes, to be compared with the vendor's previous entry of the same key.

Name and aliases are 32-bit checksums, which overlook one change in four billion; amounts and stock stand as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Final
from zlib import crc32

from christmas.items import UNREAD, Availability

if TYPE_CHECKING:
    from christmas.items import ListingEntry

_LAYOUT: Final = Struct("<IIqqb3s")
_ABSENT, _UNREAD = -1, -2
_STOCKS = {UNREAD: _UNREAD, None: _ABSENT} | {stock: number for number, stock in enumerate(Availability)}
NAME, ALIASES, PRICE, LIST_PRICE, AVAILABILITY, CURRENCY = range(6)


def of_entry(entry: ListingEntry) -> bytes:
    """Give the fingerprint of one entry."""
    name = entry.name
    price, list_price = entry.price_minor, entry.list_price_minor
    return _LAYOUT.pack(
        crc32(name.encode()) if name else 0,
        crc32("\n".join(entry.aliases).encode()),
        _UNREAD if price is UNREAD else _ABSENT if price is None else price,
        _UNREAD if list_price is UNREAD else _ABSENT if list_price is None else list_price,
        _STOCKS[entry.availability],
        entry.currency.encode(),
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """What of an entry differs from the previous one; ``kept`` is the fingerprint to remember."""

    name: bool
    aliases: bool
    price: bool
    list_price: bool
    availability: bool
    kept: bytes

    @property
    def anything(self) -> bool:
        """Whether any field differs."""
        return self.name or self.aliases or self.price or self.list_price or self.availability


def compare(now: bytes, before: bytes | None) -> Difference:
    """Compare field by field; what was not read this time is no difference and keeps what was known."""
    new = list(_LAYOUT.unpack(now))
    old = list(_LAYOUT.unpack(before)) if before else [None] * len(new)
    for place in (PRICE, LIST_PRICE, AVAILABILITY):
        if new[place] == _UNREAD and old[place] is not None:
            new[place] = old[place]
    if new[NAME] == 0 and old[NAME]:
        new[NAME] = old[NAME]
    price_unread = new[PRICE] == _UNREAD
    return Difference(
        name=new[NAME] != old[NAME],
        aliases=new[ALIASES] != old[ALIASES],
        price=not price_unread and (new[PRICE] != old[PRICE] or new[CURRENCY] != old[CURRENCY]),
        list_price=new[LIST_PRICE] not in {_UNREAD, old[LIST_PRICE]},
        availability=new[AVAILABILITY] not in {_UNREAD, old[AVAILABILITY]},
        kept=_LAYOUT.pack(*new),
    )
