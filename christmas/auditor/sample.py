"""How much of a catalog is right, estimated from a random sample of it."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

from christmas.items import UNREAD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from christmas.items import Product

# What is compared of each product.
FIELDS = ("name", "sku", "price_minor", "list_price_minor", "currency", "availability", "release_year", "brand")
# Of the normal distribution, for 95 %.
Z = 1.96


def compare(known: Any, read: Product) -> dict[str, bool]:
    """Return for each field that the page tells whether the catalog has the same."""
    found = {}
    for name in FIELDS:
        value = getattr(read, name)
        if value is not UNREAD:
            found[name] = getattr(value, "value", value) == getattr(known, name)
    return found


def bounds(right: int, total: int) -> tuple[float, float]:
    """Return the Wilson score interval of a share at 95 % confidence; (0, 1) where nothing was looked at."""
    if not total:
        return 0.0, 1.0
    share, spread = right / total, Z * Z / total
    middle = (share + spread / 2) / (1 + spread)
    half = Z * sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def report(stats: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return ``right, total, share, low, high`` of each field from the counts ``verify/right/FIELD`` and ``wrong``."""
    found: dict[str, dict[str, float]] = {}
    for name in FIELDS:
        right = int(stats.get(f"verify/right/{name}", 0))
        total = right + int(stats.get(f"verify/wrong/{name}", 0))
        if total:
            low, high = bounds(right, total)
            found[name] = {
                "right": right, "total": total, "share": round(right / total, 4), "low": round(low, 4),
                "high": round(high, 4),
            }  # fmt: skip
    return found
