"""Products, for those who read the catalog."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, func, select

from christmas.catalog.page_schedule import named
from christmas.db.permissions import binds
from christmas.db.tables import changes, held_changes, keys, products
from christmas.items import ProductFields

_ID_START = re.compile(r"[0-9a-f]{4,32}")


@dataclass
class Stored:
    """What the catalog knows of a product besides its fields; ``piece`` see ``catalog.search_terms``."""

    __slots__ = ()

    id: UUID
    key_id: int
    first_seen: datetime
    last_changed: datetime
    read_at: datetime
    gone_since: datetime | None
    piece: str


@dataclass(slots=True)
class ProductRow(ProductFields[str, str | None, int | None, str], Stored):
    """One product with its key; amounts in minor units of ``currency``."""


# What a ProductRow is made of, in its order.
COLUMNS = tuple((products.c if one.name in products.c else keys.c)[one.name] for one in fields(ProductRow))
WITH_KEY = products.join(keys, keys.c.id == products.c.key_id)
_ALL = select(*COLUMNS).select_from(WITH_KEY)
# Made once: building it would take longer than the database needs.
_BETWEEN = _ALL.where(products.c.id.between(bindparam("first"), bindparam("last"))).limit(2)


def get(connection: Connection, name: str) -> ProductRow | None:
    """Return one product by its id, by the first characters of its id where they are unique, or by ``vendor:key``."""
    vendor, colon, key = name.partition(":")
    digits = name.replace("-", "").lower()
    if colon:
        query = _ALL.where(products.c.key_id.in_(named(vendor, [key]))).limit(2)
        rows = connection.execute(query).all()
    elif _ID_START.fullmatch(digits):
        first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
        rows = connection.execute(_BETWEEN, {"first": first, "last": last}).all()
    else:
        return None
    return ProductRow(*rows[0]) if len(rows) == 1 else None


def sample(connection: Connection, vendor: str, size: int) -> list[ProductRow]:
    """Return at most ``size`` products of a vendor at random, delisted ones left out."""
    query = _ALL.where(products.c.vendor == vendor, keys.c.gone_since.is_(None))
    return [ProductRow(*row) for row in connection.execute(query.order_by(func.random()).limit(size))]


@binds("products", "delete")
def remove(connection: Connection, product_id: UUID) -> bool:
    """Remove a product with its changes; its key stays, so that its page is read anew. False where there is none."""
    for table in (changes, held_changes):
        connection.execute(delete(table).where(table.c.product_id == product_id))
    return bool(connection.execute(delete(products).where(products.c.id == product_id)).rowcount)


def count(connection: Connection, vendor: str) -> int:
    """Return how many products of a vendor are known."""
    return connection.scalar(select(func.count()).select_from(products).where(products.c.vendor == vendor)) or 0
