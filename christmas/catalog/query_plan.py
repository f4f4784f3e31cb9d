"""Where a read of products begins, and the orders that they are read in.

What is asked for decides: at the words of a text, in the index of a filter that few products pass, or in the index
that has the order. PostgreSQL plans by itself; SQLite has no statistics and needs index hints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, Connection, func, literal, select, tuple_

from christmas.catalog import search
from christmas.catalog.filters import conditions, of_name, of_price, of_sellers, of_year
from christmas.catalog.products import WITH_KEY
from christmas.db.dialects import any_of, select_indexed
from christmas.db.tables import keys, products

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select

    from christmas.catalog.filters import Filters

SORTS = ("changed", "price", "-price", "year", "-year")
# How many of the products that have the words of a text are looked at; more where further filters leave some out.
CANDIDATES = 1_000
CANDIDATES_FILTERED = 4_000
# A filter that no more products pass is where a read of up to a hundred begins, whatever the order; of more, the more.
FEW = 2_000
# For a page of up to a hundred, so much of an order's index is walked; where that is not enough for a page, the read
# begins at the filter that the fewest products pass.
WALKED = 10_000
# More vendors than these are not put into a full-text query.
VENDORS_IN_WORDS = 20

_P = products.c
_ORDERS: dict[str, tuple[tuple[Any, ...], bool]] = {
    "changed": ((_P.last_changed, _P.key_id), True),
    "price": ((_P.price_minor, _P.key_id), False),
    "-price": ((_P.price_minor, _P.key_id), True),
    "year": ((_P.release_year, _P.piece, _P.key_id), False),
    "-year": ((_P.release_year, _P.piece, _P.key_id), True),
}
BY_KEY = "sqlite_autoindex_products_2"  # of UNIQUE (key_id)
BY_YEAR = "ix_products_release_year_piece"
BY_VENDOR_YEAR = "ix_products_vendor_release_year"
_BY_CHANGE = "ix_products_last_changed_key_id"
_BY_PRICE = "ix_products_currency_price_minor_key_id"
_BY_STOCK = "ix_products_availability_last_changed"
_BY_VENDOR_CHANGE = "ix_products_vendor_last_changed"
_BY_BRAND = "ix_products_brand_last_changed_key_id"
_BY_SERIES = "ix_products_series_last_changed_key_id"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which products, and the index in which SQLite looks for them; ``is_cut`` where there may be more than these."""

    conditions: Sequence[ColumnElement[bool]]
    index: str
    is_cut: bool = False

    def of(self, *columns: Any, source: Any = WITH_KEY) -> Select[Any]:
        """Return the query for columns of these products."""
        return select_indexed(products, self.index, *columns).select_from(source).where(*self.conditions)


def choose(
    connection: Connection, filters: Filters, sort: str, limit: int, after: tuple[Any, ...] | None = None
) -> Chosen | None:
    """Choose where a read of ``limit`` products in an order begins; None where nothing can be found.

    ``after`` is the position behind which it goes on.
    """
    if filters.is_impossible:
        return None
    wanted = conditions(filters, sort)
    if not filters.is_text:
        needs_hint = connection.dialect.name == "sqlite"
        return Chosen(wanted, _index(connection, filters, sort, after, limit, wanted) if needs_hint else "")
    most = CANDIDATES_FILTERED if filters.availability or filters.is_priced or filters.changed_since else CANDIDATES
    ids = with_words(connection, filters, most)
    wanted.append(_P.key_id.in_(any_of(connection, ids, BigInteger)))
    return Chosen(wanted, BY_KEY, is_cut=len(ids) == most)


def with_words(connection: Connection, filters: Filters, limit: int, after: int | None = None) -> list[int]:
    """Return key ids of at most ``limit`` products that have all words of the filters, see ``search.candidates``."""
    sellers = filters.sellers or []
    return search.candidates(
        connection,
        filters.query or search.Query(),
        also=[*filters.words, *([] if filters.year is None else [str(filters.year)])],
        vendors=sellers if len(sellers) <= VENDORS_IN_WORDS else [],
        limit=limit,
        after=after,
    )


def ordered(query: Select[Any], sort: str, after: tuple[Any, ...] | None) -> Select[Any]:
    """Return a query in an order, from behind a position."""
    columns, is_descending = _ORDERS[sort]
    if after is not None:
        values = (
            literal(value, BigInteger if isinstance(value, int) else one.type)
            for one, value in zip(columns, after, strict=True)
        )
        position = tuple_(*values)
        query = query.where(tuple_(*columns) < position if is_descending else tuple_(*columns) > position)
    return query.order_by(*(column.desc() if is_descending else column for column in columns))


def position(row: Any, sort: str) -> tuple[Any, ...]:
    """Return where a product stands in an order."""
    return tuple(getattr(row, column.name) for column in _ORDERS[sort][0])


def _index(
    connection: Connection, filters: Filters, sort: str, after: tuple[Any, ...] | None, limit: int,
    wanted: Sequence[ColumnElement[bool]],
) -> str:  # fmt: skip
    """Return the index that leads to the products by the shortest way."""
    order, sellers = sort.lstrip("-"), filters.sellers
    is_one = sellers is not None and len(sellers) == 1
    if is_one and filters.year is not None:
        return BY_VENDOR_YEAR
    index = _direct(filters, order, is_one) or {"changed": _BY_CHANGE, "price": _BY_PRICE, "year": BY_YEAR}[order]
    narrow = _narrow(filters, order)
    began = narrow.pop(_BY_VENDOR_CHANGE if index == BY_VENDOR_YEAR else index, [])  # both begin with the vendor
    hundreds = max(limit // 100, 1)
    for other, condition in narrow.items():
        if _count(connection, Chosen(condition, other), FEW * hundreds + 1) <= FEW * hundreds:
            return other
    if not narrow or _is_short(
        connection, Chosen([*began, *_in_order(filters, order)], index), wanted, sort, after, limit
    ):
        return index
    return min(narrow, key=lambda other: _count(connection, Chosen(narrow[other], other), None))


def _narrow(filters: Filters, order: str) -> dict[str, list[ColumnElement[bool]]]:
    """Return the conditions by which fewer products are read, by index, without those that the order has."""
    found: dict[str, list[ColumnElement[bool]]] = {}
    if filters.is_priced and order != "price":
        found[_BY_PRICE] = of_price(filters)
    if filters.changed_since is not None and order != "changed":
        found[_BY_CHANGE] = [_P.last_changed >= filters.changed_since]
    if filters.sellers is not None:
        found[_BY_VENDOR_CHANGE] = [of_sellers(filters.sellers)]
    if filters.series is not None:
        found[_BY_SERIES] = [of_name(_P.series, filters.series)]
    if filters.brand is not None:
        found[_BY_BRAND] = [of_name(_P.brand, filters.brand)]
    if filters.availability:
        found[_BY_STOCK] = [_P.availability.in_(filters.availability)]
    if filters.year is not None and order != "year":
        found[BY_YEAR] = of_year(filters.year, None)
    return found


def _in_order(filters: Filters, order: str) -> list[ColumnElement[bool]]:
    """Return the conditions of all that stands in an order's index."""
    if order == "changed":
        return [] if filters.changed_since is None else [_P.last_changed >= filters.changed_since]
    if order == "price":
        return of_price(filters)
    return [_P.release_year.is_not(None)] if filters.year is None else of_year(filters.year, None)


def _is_short(
    connection: Connection, walk: Chosen, wanted: Sequence[ColumnElement[bool]], sort: str,
    after: tuple[Any, ...] | None, limit: int,
) -> bool:  # fmt: skip
    """Return whether ``limit`` products that pass are in the first part of the order's index, or the part is all of it.

    Filters that exclude each other would let all of it be read, however many products pass each of them.
    """
    most = WALKED * max(limit // 100, 1)
    for length in (10 * limit, most):  # mostly the beginning is enough
        part = ordered(walk.of(_P.key_id, source=products), sort, after).limit(length).subquery()
        source = part.join(products, _P.key_id == part.c.key_id).join(keys, keys.c.id == _P.key_id)
        if _count(connection, Chosen(wanted, BY_KEY), limit, source) == limit:
            return True
    return (connection.scalar(select(func.count()).select_from(part)) or 0) < most


def _count(connection: Connection, chosen: Chosen, most: int | None, source: Any = products) -> int:
    """Return how many products these are, counting no more than ``most``."""
    some = chosen.of(literal(1), source=source).limit(most).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


def _direct(filters: Filters, order: str, is_one: bool) -> str | None:
    """Return an index that has the order among what passes one of the filters; None where there is none."""
    if order == "changed":
        if filters.series is not None:
            return _BY_SERIES
        if is_one:
            return _BY_VENDOR_CHANGE
        return None if filters.brand is None else _BY_BRAND
    return BY_VENDOR_YEAR if order == "year" and is_one else None
