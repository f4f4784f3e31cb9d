"""Pages of held and odd readings, compressed; of each vendor the newest, as many as configured."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, func, insert, select

from christmas.db.permissions import binds
from christmas.db.tables import held_changes, kept_pages
from christmas.items import Page

if TYPE_CHECKING:
    from datetime import datetime

# Of each vendor; a page of a shop takes some 8 KB when compressed (measured 2026-11), so this is 4 MB.
KEPT_MAX = 500
# No page is worth more room; what is larger is cut.
BODY_MAX_BYTES = 2 * 2**20


@dataclass(frozen=True, slots=True)
class KeptPage:
    """One page, why and by which job it was kept."""

    id: int
    vendor: str
    page: Page
    at: datetime
    job_id: str
    reason: str


@binds("pages", "write")
def keep(connection: Connection, vendor: str, page: Page, *, reason: str, job_id: str, at: datetime) -> int:
    """Keep a page, remove the oldest beyond the limit, and return the new one's ID."""
    values = {
        "vendor": vendor, "url": page.url, "at": at, "job_id": job_id, "reason": reason, "encoding": page.encoding,
        "body": zlib.compress(page.body[:BODY_MAX_BYTES]),
    }  # fmt: skip
    id_ = connection.execute(insert(kept_pages).values(values).returning(kept_pages.c.id)).scalar_one()
    _prune(connection, vendor)
    return int(id_)


@binds("pages", "delete")
def _prune(connection: Connection, vendor: str) -> None:
    mine = select(kept_pages.c.id).where(kept_pages.c.vendor == vendor)
    oldest = mine.order_by(kept_pages.c.id.desc()).offset(KEPT_MAX).limit(1).scalar_subquery()
    # Those of changes that are held still are for the people who decide.
    needed = select(held_changes.c.page_id).where(
        held_changes.c.vendor == vendor, held_changes.c.state == "held", held_changes.c.page_id.is_not(None)
    )
    old = (kept_pages.c.vendor == vendor) & (kept_pages.c.id <= oldest)
    connection.execute(delete(kept_pages).where(old, kept_pages.c.id.not_in(needed)))


def get(connection: Connection, id_: int) -> KeptPage | None:
    """Return a kept page; None where there is none of that ID, or no longer."""
    row = connection.execute(select(kept_pages).where(kept_pages.c.id == id_)).first()
    if row is None:
        return None
    return KeptPage(
        row.id, row.vendor, Page(row.url, zlib.decompress(row.body), row.encoding), row.at, row.job_id, row.reason
    )


def count(connection: Connection, vendor: str) -> int:
    """Return how many pages of a vendor are kept."""
    query = select(func.count()).select_from(kept_pages).where(kept_pages.c.vendor == vendor)
    return connection.scalar(query) or 0
