"""Watches of the tests' own: one that takes everything, to be written later, and one that doubts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from christmas.catalog import held_changes
from christmas.catalog.held_changes import HeldRow
from christmas.catalog.writing import store
from christmas.catalog.writing.changeset import Doubt
from christmas.catalog.writing.store import Written
from christmas.items import ListingEntry, Page, Product
from tests.catalog.making import JOB, VENDOR, at

Old = Mapping[str, Any]
LATE = at(1000)


@dataclass
class Waiting:
    """Takes what would change a known product, until it is ``judging``; notes what it was asked."""

    judging: bool = False
    items: list[ListingEntry | Product] = field(default_factory=list)
    asked: list[tuple[Old, Old]] = field(default_factory=list)

    def defers(self, item: ListingEntry | Product, old: Old, new: Old) -> bool:
        if self.judging:
            return False
        self.items.append(item)
        self.asked.append((dict(old), dict(new)))
        return True

    def doubts(self, _item: ListingEntry | Product, _old: Old, _new: Old) -> dict[str, Doubt]:
        return {}

    def judge(self, connection: Connection) -> Written:
        """Write what waits."""
        self.judging = True
        items, self.items = self.items, []
        return store.write(connection, items, job_id=JOB, now=LATE, watch=self)


@dataclass
class Doubting:
    """Doubts some fields of every change; with a group, those of a whole run."""

    fields: Collection[str]
    group: str | None = None
    page: Page | None = None
    source: str = ""
    judging: bool = True

    def defers(self, _item: ListingEntry | Product, _old: Old, _new: Old) -> bool:
        return False

    def doubts(self, _item: ListingEntry | Product, _old: Old, new: Old) -> dict[str, Doubt]:
        doubt = Doubt("Hard to believe.", self.group, self.page, self.source)
        return {name: doubt for name in new if name in self.fields}


EVERY_FIELD = ("price_minor", "list_price_minor", "currency", "name", "sku", "availability")


def doubt(
    connection: Connection,
    *items: ListingEntry | Product,
    job: str = "job-2",
    fields: Collection[str] = EVERY_FIELD,
    **values: Any,
) -> list[HeldRow]:
    """Write items all of whose changes are held, and give what is held then, the oldest first."""
    store.write(connection, items, job_id=job, now=LATE, watch=Doubting(fields, **values))
    return held_changes.find(connection, vendor=VENDOR)[::-1]
