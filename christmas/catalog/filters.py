"""Which products are asked for, and what that means in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, ColumnElement, func, literal

from christmas.catalog.search_terms import tokens
from christmas.db.tables import keys, products

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from christmas.catalog import search

_P = products.c


@dataclass(frozen=True, slots=True)
class Filters:
    """Which products; amounts in minor units of ``currency``.

    ``vendors`` are those that may be seen, None means all. Delisted products are left out unless ``gone``.
    A filter by price leaves out what has none, or one in another currency. Brand and series are the
    whole name, in upper or lower case.
    """

    vendor: str | None = None
    vendors: Sequence[str] | None = None
    year: int | None = None
    availability: tuple[str, ...] = ()
    price_min_minor: int | None = None
    price_max_minor: int | None = None
    currency: str = "USD"
    brand: str | None = None
    series: str | None = None
    changed_since: datetime | None = None
    query: search.Query | None = None
    gone: bool = False

    @property
    def is_priced(self) -> bool:
        """Whether there is a bound of the price."""
        return self.price_min_minor is not None or self.price_max_minor is not None

    @property
    def sellers(self) -> list[str] | None:
        """Of which vendors; None means all."""
        if self.vendor is None:
            return None if self.vendors is None else list(self.vendors)
        return [self.vendor] if self.vendors is None or self.vendor in self.vendors else []

    @property
    def words(self) -> list[str]:
        """The words of brand and series, which the full text must have besides those of ``query``."""
        return tokens(f"{self.brand or ''} {self.series or ''}")

    @property
    def is_text(self) -> bool:
        """Whether a text asks for words."""
        return self.query is not None and not self.query.is_empty

    @property
    def is_impossible(self) -> bool:
        """Whether no product can pass."""
        has_nul = any("\0" in name for name in (self.brand, self.series, *(self.sellers or ())) if name)
        return has_nul or self.sellers == [] or bool(self.query and self.query.nothing)


def conditions(filters: Filters, sort: str = "") -> list[ColumnElement[bool]]:
    """Return the conditions of a list in an order, or in any."""
    found: list[ColumnElement[bool]] = [] if filters.year is None else of_year(filters.year, None)
    if (sellers := filters.sellers) is not None:
        found.append(of_sellers(sellers))
    if filters.availability:
        found.append(_P.availability.in_(filters.availability))
    for column, name in ((_P.brand, filters.brand), (_P.series, filters.series)):
        if name is not None:
            found.append(of_name(column, name))
    if filters.changed_since is not None:
        found.append(_P.last_changed >= filters.changed_since)
    if filters.is_priced or sort.endswith("price"):
        found += of_price(filters)
    if sort.endswith("year") and filters.year is None:
        found.append(_P.release_year.is_not(None))
    if not filters.gone:
        found.append(keys.c.gone_since.is_(None))
    return found


def of_sellers(sellers: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition of vendors."""
    return _P.vendor == sellers[0] if len(sellers) == 1 else _P.vendor.in_(sellers)


def of_name(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Return the condition of a brand or series, which an index of the column in lower case answers."""
    return func.lower(column) == func.lower(name)


def of_price(filters: Filters) -> list[ColumnElement[bool]]:
    """Return the conditions of its bounds, within the currency; without any, that there is a price."""
    found: list[ColumnElement[bool]] = [_P.currency == filters.currency, _P.price_minor.is_not(None)]
    if filters.price_min_minor is not None:
        found.append(_P.price_minor >= filters.price_min_minor)
    if filters.price_max_minor is not None:
        found.append(_P.price_minor <= filters.price_max_minor)
    return found


def of_year(year: int | None, vendors: Sequence[str] | None) -> list[ColumnElement[bool]]:
    """Return the conditions of a year, None being that it is not known, and of vendors."""
    # As a large number: one that no year can be finds nothing, where PostgreSQL would refuse it as too large.
    found: list[ColumnElement[bool]] = [
        _P.release_year.is_(None) if year is None else _P.release_year == literal(year, BigInteger)
    ]
    return found if vendors is None else [*found, _P.vendor.in_(vendors)]
