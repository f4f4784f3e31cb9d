"""Offers of an ornament: which can be bought, in which currency they are compared, and which is best."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_

from christmas.catalog import query_plan, search
from christmas.catalog.filters import Filters, of_year
from christmas.catalog.products import COLUMNS, ProductRow
from christmas.catalog.query_plan import BY_YEAR, Chosen
from christmas.db.tables import keys, products
from christmas.errors import ArgumentError
from christmas.items import BUYABLE
from christmas.reading.identity import normal_sku

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

# A piece has one offer, or two, in each shop.
OFFERS_MAX = 1_000
CURRENCY_DEFAULT = "USD"

_P = products.c
# The same as ``is_available``, as a condition of products joined with their keys.
AVAILABLE = and_(_P.availability.in_(BUYABLE), keys.c.gone_since.is_(None))


@dataclass(frozen=True, slots=True)
class SkuOffers:
    """All offers of one SKU in the order of ``ranked``; ``more`` where there are more than were looked at."""

    piece: str
    release_year: int | None
    currency: str
    offers: list[ProductRow]
    more: bool

    @property
    def best(self) -> ProductRow | None:
        """The best offer; None where none can be bought in the currency."""
        return _first(self.offers, self.currency)

    @property
    def name(self) -> str | None:
        """The name that most offers have; None where there is no offer."""
        return Counter(row.name for row in self.offers).most_common(1)[0][0] if self.offers else None


def is_available(row: ProductRow) -> bool:
    """Return whether an offer can be bought now, as far as is known."""
    return row.availability in BUYABLE and row.gone_since is None


def usual_currency(rows: Iterable[ProductRow]) -> str:
    """Return the currency (ISO 4217) that most prices are in: of what can be bought, or else of all; USD without any.

    Of equally many the first by name.
    """
    priced = [row for row in rows if row.currency is not None and row.price_minor is not None]
    found = [row.currency or "" for row in [row for row in priced if is_available(row)] or priced]
    return max(sorted(set(found)), key=found.count, default=CURRENCY_DEFAULT)


def ranked(rows: Iterable[ProductRow], currency: str | None = None) -> list[ProductRow]:
    """Return offers, the best first: what can be bought, what is sold out, what is delisted, each by price.

    Prices are compared within ``currency``, by default the usual one; those without a price in it come last of their
    kind. Equal ones are in the order of vendor and key.
    """
    rows = list(rows)
    currency = currency or usual_currency(rows)

    def rank(row: ProductRow) -> tuple[bool, bool, bool, int, str, int]:
        is_priced = _is_priced(row, currency)
        price = row.price_minor or 0
        return row.gone_since is not None, not is_available(row), not is_priced, price, row.vendor, row.key_id

    return sorted(rows, key=rank)


def best(rows: Iterable[ProductRow], currency: str | None = None) -> ProductRow | None:
    """Return the cheapest offer that can be bought, see ``ranked``; None where there is none."""
    rows = list(rows)
    currency = currency or usual_currency(rows)
    return _first(ranked(rows, currency), currency)


def of_piece(
    connection: Connection, piece: str, year: int | None, vendors: Sequence[str] | None = None, *,
    limit: int = OFFERS_MAX,
) -> list[ProductRow]:  # fmt: skip
    """Return at most ``limit`` products that are one piece of a year, None for an unknown year, by vendor."""
    chosen = Chosen([*of_year(year, vendors), _P.piece == piece], BY_YEAR)
    query = chosen.of(*COLUMNS).order_by(_P.vendor, _P.key_id).limit(limit)
    return [ProductRow(*row) for row in connection.execute(query)]


def of_sku(
    connection: Connection, sku: str, year: int | None = None, vendors: Sequence[str] | None = None,
    currency: str | None = None,
) -> SkuOffers:  # fmt: skip
    """Return the offers of a SKU in any spelling, of one release year or of all.

    Raise ArgumentError where the SKU has no letter or digit.
    """
    piece = normal_sku(sku)
    if not piece:
        raise ArgumentError(f"sku {sku!r} has no letter or digit that tells it from others; write it such as QX4822.")
    if year is None:
        rows, more = _of_all_years(connection, piece, vendors)
    else:
        rows = of_piece(connection, piece, year, vendors, limit=OFFERS_MAX + 1)
        rows, more = rows[:OFFERS_MAX], len(rows) > OFFERS_MAX
    years = {row.release_year for row in rows}
    currency = currency or usual_currency(rows)
    only = years.pop() if year is None and len(years) == 1 else year
    return SkuOffers(piece, only, currency, ranked(rows, currency), more)


def _of_all_years(connection: Connection, piece: str, vendors: Sequence[str] | None) -> tuple[list[ProductRow], bool]:
    """Return the offers, and whether there are more than are looked at.

    Without a year the index of years and pieces does not help; the full text has every normal form as a word.
    """
    filters = Filters(vendors=vendors, query=search.exactly(piece.lower()), gone=True)
    chosen = query_plan.choose(connection, filters, "changed", OFFERS_MAX)
    if chosen is None:
        return [], False
    query = query_plan.ordered(chosen.of(*COLUMNS), "changed", None).limit(OFFERS_MAX)
    rows = [ProductRow(*row) for row in connection.execute(query)]
    return [row for row in rows if row.piece == piece], chosen.is_cut


def _is_priced(row: ProductRow, currency: str) -> bool:
    return row.price_minor is not None and row.currency == currency


def _first(rows: Sequence[ProductRow], currency: str) -> ProductRow | None:
    """Return the first of ranked offers where it can be bought at a price in the currency."""
    return rows[0] if rows and is_available(rows[0]) and _is_priced(rows[0], currency) else None
