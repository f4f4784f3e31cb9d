"""Products by filters, in an order, page by page; and the same grouped to pieces."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, BigInteger, Connection, FromClause, Text, and_, func, literal, select

from christmas.catalog import offers, query_plan
from christmas.catalog.filters import Filters, conditions, of_year
from christmas.catalog.products import COLUMNS, WITH_KEY, ProductRow
from christmas.catalog.query_plan import BY_KEY, BY_VENDOR_YEAR, BY_YEAR, CANDIDATES, VENDORS_IN_WORDS, Chosen
from christmas.db.dialects import any_of
from christmas.db.tables import keys, products

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Select

# Rows fetched at a time while a whole catalog is streamed.
CHUNK = 1000
_ALL = 2**31 - 1
# Keys looked at in one statement of a walk.
STRIDE = 5_000

_P = products.c


@dataclass(frozen=True, slots=True)
class Piece:
    """One normal form of SKU and year with its offers; facts are those of the first offer, by vendor, that has them.

    ``best`` as ``offers.best`` ranks them.
    """

    piece: str
    release_year: int | None
    name: str
    series: str | None
    series_number: int | None
    sku: str | None
    image_url: str | None
    shops: list[str]
    best: ProductRow | None
    offers: list[ProductRow]

    @property
    def normal_sku(self) -> str | None:
        """The normal form of its SKU; None where it has none, and ``piece`` is a product's id."""
        return None if any(self.piece == row.id.hex for row in self.offers) else self.piece


@dataclass(frozen=True, slots=True)
class ProductPage:
    """Some of the products that were found; ``more`` where there are more than were looked at."""

    rows: list[ProductRow]
    more: bool


@dataclass(frozen=True, slots=True)
class PiecePage:
    """Some of the pieces that were found; ``more`` where there are more products than were looked at."""

    pieces: list[Piece]
    count: int
    more: bool


def page(connection: Connection, filters: Filters, sort: str, after: tuple[Any, ...] | None, limit: int) -> ProductPage:
    """Return at most ``limit`` products, those that follow ``after``: the ``position`` of the last of the page before.

    A sort by price is within the filters' currency; by price or year leaves out what has none.
    """
    chosen = query_plan.choose(connection, filters, sort, limit, after)
    if chosen is None:
        return ProductPage([], more=False)
    statement = query_plan.ordered(chosen.of(*COLUMNS), sort, after).limit(limit)
    return ProductPage([ProductRow(*row) for row in connection.execute(statement)], more=chosen.is_cut)


def pieces(connection: Connection, filters: Filters, sort: str, *, limit: int = CANDIDATES) -> tuple[list[Piece], bool]:
    """Return at most ``limit`` products as pieces, in the order of their first product, and whether there are more."""
    found = piece_page(connection, filters, sort, limit=limit)
    return found.pieces, found.more


def piece_page(
    connection: Connection, filters: Filters, sort: str, *, limit: int = CANDIDATES, start: int = 0,
    size: int | None = None,
) -> PiecePage:  # fmt: skip
    """Return ``size`` of the pieces from ``start`` on, of at most ``limit`` products, and how many pieces there are.

    The filters choose the pieces and their order; its facts are of all its offers that may be seen.
    """
    chosen = query_plan.choose(connection, filters, sort, limit)
    if chosen is None:
        return PiecePage([], 0, more=False)
    statement = query_plan.ordered(chosen.of(_P.release_year, _P.piece), sort, None).limit(limit + 1)
    found = [(row[0], row[1]) for row in connection.execute(statement)]
    named = list(dict.fromkeys(found[:limit]))
    shown = named[start : None if size is None else start + size]
    rows = _all_offers(connection, shown, filters)
    grouped = [_piece(rows[one]) for one in shown if one in rows]
    return PiecePage([one for one in grouped if one], len(named), more=len(found) > limit or chosen.is_cut)


def _all_offers(
    connection: Connection, shown: Sequence[tuple[int | None, str]], filters: Filters
) -> dict[tuple[int | None, str], list[ProductRow]]:
    """Return what all vendors that may be seen sell of these pieces, whatever else the filters say, by vendor."""
    found: dict[tuple[int | None, str], list[ProductRow]] = {one: [] for one in shown}
    seen = [] if filters.vendors is None else [_P.vendor.in_(filters.vendors)]
    seen += [] if filters.gone else [keys.c.gone_since.is_(None)]
    pairs, year, name = _pairs(connection, [(year, piece) for year, piece in shown if year is not None])
    dated = pairs.join(products, and_(_P.release_year == year, _P.piece == name)).join(keys, keys.c.id == _P.key_id)
    undated = any_of(connection, [piece for year, piece in shown if year is None], Text)
    for wanted, source in (
        (seen, dated),
        ([_P.release_year.is_(None), _P.piece.in_(undated), *seen], WITH_KEY),
    ):
        chosen = Chosen(wanted, BY_YEAR).of(*COLUMNS, source=source)
        for values in connection.execute(chosen.order_by(_P.vendor, _P.key_id)):
            row = ProductRow(*values)
            found[row.release_year, row.piece].append(row)
    return found


def _pairs(connection: Connection, values: Sequence[tuple[int, str]]) -> tuple[FromClause, Any, Any]:
    """Return years and pieces, however many, as a table of one or two parameters, and its two columns."""
    if connection.dialect.name == "sqlite":
        table: FromClause = func.json_each(json.dumps(values)).table_valued("value")
        return table, func.json_extract(table.c.value, "$[0]"), func.json_extract(table.c.value, "$[1]")
    years, names = [year for year, _ in values], [piece for _, piece in values]
    both = func.unnest(literal(years, ARRAY(BigInteger)), literal(names, ARRAY(Text)))
    table = both.table_valued("year", "piece").render_derived()
    return table, table.c.year, table.c.piece


def find(connection: Connection, filters: Filters, *, limit: int | None = None) -> Iterator[ProductRow]:
    """Yield all products that pass by vendor, release year and name, without holding them in memory."""
    if filters.is_impossible:
        return
    wanted = conditions(filters)
    if filters.is_text:
        wanted.append(_P.key_id.in_(any_of(connection, query_plan.with_words(connection, filters, _ALL), BigInteger)))
    query = (
        select(*COLUMNS)
        .select_from(WITH_KEY)
        .where(*wanted)
        .order_by(_P.vendor, _P.release_year, _P.name, _P.id)
        .limit(limit)
        .execution_options(yield_per=CHUNK)
    )
    for row in connection.execute(query):
        yield ProductRow(*row)


def walk(connection: Connection, filters: Filters, after: int | None, limit: int) -> list[ProductRow]:
    """Return ``limit`` products with larger key ids than ``after``, fewer only at the end: for reading all of them."""
    found: list[ProductRow] = []
    last = -1 if after is None else after
    while len(found) < limit and not filters.is_impossible:
        ids = _next_keys(connection, filters, last)
        if not ids:
            break
        chosen = Chosen([*conditions(filters), _P.key_id.in_(any_of(connection, ids, BigInteger))], BY_KEY)
        statement = chosen.of(*COLUMNS).order_by(_P.key_id).limit(limit - len(found))
        found += [ProductRow(*row) for row in connection.execute(statement)]
        last = ids[-1]
    return found


def year_page(
    connection: Connection, year: int | None, after: str | None, limit: int, vendors: Sequence[str] | None = None
) -> list[Piece]:
    """Return at most ``limit`` pieces of a year (None: unknown) that follow a piece; delisted ones as well."""
    wanted = of_year(year, vendors)
    if after is not None:
        wanted.append(_P.piece > after)
    names = Chosen(wanted, BY_YEAR).of(_P.piece, source=products)
    names = names.distinct().order_by(_P.piece).limit(limit)
    if not (found := connection.scalars(names).all()):
        return []
    chosen = Chosen([*wanted, _P.piece.between(found[0], found[-1])], BY_YEAR)
    rows = connection.execute(chosen.of(*COLUMNS).order_by(_P.piece, _P.vendor, _P.key_id))
    grouped = groupby((ProductRow(*row) for row in rows), lambda row: row.piece)
    return [one for _, group in grouped if (one := _piece(list(group)))]


def years(connection: Connection, vendors: Sequence[str] | None = None) -> list[int | None]:
    """Return the years that there are products of, the newest first, None at the end.

    One look-up for each year, and each vendor in ``vendors`` where given.
    """
    known = connection.scalars(_distinct_years(connection, vendors))
    unknown = [_P.release_year.is_(None), *([] if vendors is None else [_P.vendor.in_(vendors)])]
    index = BY_YEAR if vendors is None else BY_VENDOR_YEAR
    has_unknown = connection.scalars(Chosen(unknown, index).of(_P.key_id, source=products).limit(1)).first()
    found: list[int | None] = sorted({year for year in known if year is not None}, reverse=True)
    return found if has_unknown is None else [*found, None]


def _next_keys(connection: Connection, filters: Filters, after: int) -> list[int]:
    """Return the next key ids, in order, among which products may pass; [] at the end."""
    if filters.is_text or filters.words:
        return query_plan.with_words(connection, filters, STRIDE, after)
    sellers = filters.sellers or []
    if 0 < len(sellers) <= VENDORS_IN_WORDS:
        query = select(keys.c.id).where(keys.c.vendor.in_(sellers), keys.c.id > after).order_by(keys.c.id)
    else:
        query = Chosen([_P.key_id > after], BY_KEY).of(_P.key_id, source=products).order_by(_P.key_id)
    return list(connection.scalars(query.limit(STRIDE)))


def _piece(rows: list[ProductRow]) -> Piece | None:
    """Make a piece of its offers; None where they were removed meanwhile."""
    if not rows:
        return None
    first = rows[0]
    in_series = next((row for row in rows if row.series), first)
    return Piece(
        first.piece, first.release_year, first.name, in_series.series, in_series.series_number,
        next((row.sku for row in rows if row.sku), None), next((row.image_url for row in rows if row.image_url), None),
        list(dict.fromkeys(row.vendor for row in rows)), offers.best(rows), rows,
    )  # fmt: skip


def _distinct_years(connection: Connection, vendors: Sequence[str] | None) -> Select[Any]:
    """Return the query that goes from year to year in the index."""
    column = _P.release_year
    if vendors is None:
        found = select(func.min(column).label("year")).cte("found", recursive=True)
        later = select(func.min(column)).where(column > found.c.year).scalar_subquery()
        return select(found.union_all(select(later).where(found.c.year.is_not(None))).c.year)
    if connection.dialect.name == "sqlite":
        seller = func.json_each(json.dumps(list(vendors))).table_valued("value", name="seller")
    else:
        seller = func.unnest(literal(list(vendors), ARRAY(Text))).table_valued("value", name="seller").render_derived()
    first = select(func.min(column)).where(_P.vendor == seller.c.value, column.is_not(None)).scalar_subquery()
    found = select(seller.c.value.label("vendor"), first.label("year")).cte("found", recursive=True)
    later = select(func.min(column)).where(_P.vendor == found.c.vendor, column > found.c.year).scalar_subquery()
    return select(found.union_all(select(found.c.vendor, later).where(found.c.year.is_not(None))).c.year)
