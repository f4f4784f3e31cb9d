"""How many products each vendor has: a count reads all of them, so it is kept for a minute."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

from christmas.catalog import products

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

    from christmas.catalog.products import VendorCount

KEPT_SECONDS = 60.0


class Counts:
    """The counts, for one process; any number of threads may use them."""

    def __init__(self) -> None:
        self._found: dict[str, VendorCount] | None = None
        self._until = 0.0
        self._counting = Lock()

    def of(
        self, connection: Connection, vendors: Collection[str] | None, now: float | None = None
    ) -> dict[str, VendorCount]:
        """Return the counts of these vendors, None means all, by name; a vendor without products has none.

        Who comes while another one counts gets the former counts; the first time, everybody waits. ``now`` is the
        monotonic clock.
        """
        now = time.monotonic() if now is None else now
        if now >= self._until and self._counting.acquire(blocking=self._found is None):
            try:
                if now >= self._until:  # nobody has counted while this one waited
                    self._found = {row.vendor: row for row in products.count_by_vendor(connection)}
                    self._until = now + KEPT_SECONDS
            finally:
                self._counting.release()
        found = self._found or {}
        return found if vendors is None else {name: found[name] for name in vendors if name in found}
