"""What one batch did to the catalog."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from christmas.items import GoneReading, ListingReading


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
