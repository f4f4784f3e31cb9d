"""Items as spiders yield them, and the catalog's rows as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from christmas.catalog import changes, products
from christmas.catalog.changes import ChangeRow
from christmas.catalog.products import ProductRow
from christmas.catalog.writing import store
from christmas.catalog.writing.product_pages import product_id
from christmas.catalog.writing.store import Written
from christmas.db.tables import keys, metadata
from christmas.items import Availability, ListingEntry, ListingReading, PageUnread, Product

VENDOR = "bells_example"
START = datetime(2026, 11, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YEAR = "/1995-ornaments"
JOB = "job-1"


def at(hours: float) -> datetime:
    return START + hours * HOUR


def entry(key: str = "7", hours: float = 0, **values: Any) -> ListingEntry:
    common: dict[str, Any] = {
        "vendor": VENDOR, "key": key, "url": f"https://bells.example/{key}.html", "listing": YEAR, "release_year": 1995,
        "name": f"Bell {key}", "price_minor": 1000, "list_price_minor": None, "availability": Availability.IN_STOCK,
        "source": "cards", "read_at": at(hours),
    }  # fmt: skip
    return ListingEntry(**(common | values))


def product(key: str = "7", hours: float = 0, **values: Any) -> Product:
    common: dict[str, Any] = {
        "vendor": VENDOR, "key": key, "url": f"https://bells.example/{key}.html", "name": f"1995 Bell {key}",
        "price_minor": 1000, "list_price_minor": None, "currency": "USD", "availability": Availability.IN_STOCK,
        "source": "json-ld", "read_at": at(hours),
    }  # fmt: skip
    return Product(**(common | values))


def unread(key: str = "7", hours: float = 0, vendor: str = VENDOR) -> PageUnread:
    return PageUnread(vendor, key, f"https://bells.example/{key}.html", "404", at(hours))


def reading(hours: float = 0, **values: Any) -> ListingReading:
    common: dict[str, Any] = {
        "vendor": VENDOR, "listing": YEAR, "release_year": 1995, "entries": 1, "complete": True,
        "started_at": at(hours) - 0.1 * HOUR, "finished_at": at(hours) + 0.1 * HOUR,
    }  # fmt: skip
    return ListingReading(**(common | values))


def write(connection: Connection, *items: Any, job: str = JOB) -> Written:
    latest = max(item.finished_at if isinstance(item, ListingReading) else item.read_at for item in items)
    return store.write(connection, items, job_id=job, now=latest)


def rows(connection: Connection, *but: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, without the columns named."""
    return {
        table.name: sorted(
            (
                tuple(row)
                for row in connection.execute(
                    select(*(column for column in table.c if f"{table.name}.{column.name}" not in but))
                )
            ),
            key=str,
        )
        for table in metadata.sorted_tables
    }


def key_of(connection: Connection, key: str = "7", vendor: str = VENDOR) -> Any:
    return connection.execute(select(keys).where(keys.c.vendor == vendor, keys.c.key == key)).one()


def key_names(connection: Connection) -> list[str]:
    return sorted(connection.scalars(select(keys.c.key)))


def stored(connection: Connection, key: str = "7", vendor: str = VENDOR) -> ProductRow:
    found = products.get(connection, f"{vendor}:{key}")
    assert found is not None
    return found


def history(connection: Connection, key: str = "7", vendor: str = VENDOR) -> list[ChangeRow]:
    return changes.history(connection, product_id(vendor, key))


def told(found: Sequence[ChangeRow]) -> list[tuple[str, str | None, str | None]]:
    return [(change.field, change.old, change.new) for change in found]
