"""What one batch did to the catalog."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Written:
    """Counts; an unchanged entry or page wrote nothing but when it was seen or read."""

    entries: int = 0
    new_keys: int = 0
    new_products: int = 0
    changed_products: int = 0
    changes: int = 0
    unchanged: int = 0
    readings: int = 0
