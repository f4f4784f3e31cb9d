"""Keys: whose own pages are to be read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import BigInteger, ColumnElement, Connection, Text, and_, exists, func, or_, select

from christmas.db.dialects import any_of
from christmas.db.tables import key_aliases, keys, products

if TYPE_CHECKING:
    from collections.abc import Sequence

# Keys are spread over this number of parts of the period in which their pages are read.
SPREAD = 1000
# The period in which every page is read once is cut into this number of slots.
SLOTS = 40
# A page is never read again in the first such part of the period, unless it is due for another reason.
REST = 7
# A page that gave no product is tried again after so long.
FAILED_PAGE_REST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key whose page is to be read."""

    id: int
    key: str
    url: str
    release_year: int | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pages: ``unscraped``, ``scraped``, ``stale`` or ``all``, of one year, or of these keys or aliases."""

    which: str
    now: datetime
    page_max_age_days: int
    year: int | None = None
    keys: Sequence[str] = ()


def named(vendor: str, names: Any) -> Any:
    """Return the query for the ids of keys by name or alias; ``names`` is the right side of ``IN``."""
    aliased = select(key_aliases.c.key_id).where(key_aliases.c.vendor == vendor, key_aliases.c.alias.in_(names))
    return select(keys.c.id).where(keys.c.vendor == vendor, keys.c.key.in_(names)).union_all(aliased)


def select_pages(connection: Connection, vendor: str, wanted: Wanted, *, limit: int, after: int = 0) -> list[KeyRow]:
    """Return at most ``limit`` keys in the order of their ids, those above ``after``; [] where none is left."""
    query = (
        select(keys.c.id, keys.c.key, keys.c.url, keys.c.release_year)
        .where(keys.c.id > after, *_conditions(connection, vendor, wanted))
        .order_by(keys.c.id)
        .limit(limit)
    )
    return [KeyRow(*row) for row in connection.execute(query)]


def last_seen(connection: Connection, ids: Sequence[int]) -> dict[int, datetime]:
    """Return when the shop was last seen to have each key, by the key's id."""
    query = select(keys.c.id, keys.c.last_seen).where(keys.c.id.in_(any_of(connection, ids, BigInteger)))
    return {row[0]: row[1] for row in connection.execute(query)}


def count_pages(connection: Connection, vendor: str, wanted: Wanted) -> int:
    """Return how many keys ``select_pages`` would return without a limit."""
    query = select(func.count()).select_from(keys).where(*_conditions(connection, vendor, wanted))
    return connection.scalar(query) or 0


def midnight(now: datetime) -> datetime:
    """Return when the UTC day of ``now`` began."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def pages_read_today(connection: Connection, vendor: str, now: datetime) -> int:
    """Return how many own pages of a vendor were read on ``now``'s UTC day."""
    query = select(func.count()).select_from(keys).where(keys.c.vendor == vendor, keys.c.page_read_at >= midnight(now))
    return connection.scalar(query) or 0


def by_url(connection: Connection, url: str) -> tuple[str, str] | None:
    """Return vendor and key of a product page's address; None where it is not known."""
    # A vendor is named after its domain; only its keys are looked through.
    try:
        host = (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:  # such as https://[
        return None
    vendor = re.sub(r"[^a-z0-9]", "_", host)
    query = select(keys.c.vendor, keys.c.key).where(keys.c.vendor == vendor, keys.c.url == url).limit(1)
    row = connection.execute(query).first()
    return None if row is None else (row.vendor, row.key)


def _conditions(connection: Connection, vendor: str, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [keys.c.vendor == vendor]
    if wanted.year is not None:
        conditions.append(keys.c.release_year == wanted.year)
    if wanted.keys:
        conditions.append(keys.c.id.in_(named(vendor, any_of(connection, wanted.keys, Text))))
    has_product = exists().where(products.c.key_id == keys.c.id)
    rested = or_(keys.c.page_failed_at.is_(None), keys.c.page_failed_at < wanted.now - FAILED_PAGE_REST)
    listed = keys.c.gone_since.is_(None)
    if wanted.which == "unscraped":
        conditions += [or_(~has_product, keys.c.page_due), listed, rested]
    elif wanted.which == "scraped":
        conditions.append(has_product)
    elif wanted.which == "stale":
        conditions += [has_product, listed, rested, or_(keys.c.page_due, _stale(wanted))]
    return conditions


def _stale(wanted: Wanted) -> ColumnElement[bool]:
    """Each key has its moment in the period, by ``spread``: its page is due when that moment has passed unread.

    So an even share falls due each day, and no page is older than the period. A page read shortly before its moment
    rests: for a seventh of the period if that was all but now, for less the longer ago it was. So pages that
    were first read all at once fall due evenly, too, over the rest of their first period.
    """
    period = timedelta(days=wanted.page_max_age_days)
    since = (wanted.now - datetime(1970, 1, 1, tzinfo=UTC)) % period
    width = SPREAD // SLOTS
    terms = []
    for low in range(0, SPREAD, width):
        moment = period * (low / SPREAD)
        passed = since - moment if moment <= since else since - moment + period
        boundary = wanted.now - max(passed, period - (REST - 1) * passed)
        terms.append(and_(keys.c.spread >= low, keys.c.spread < low + width, keys.c.page_read_at <= boundary))
    return or_(*terms)
