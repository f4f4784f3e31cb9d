"""What pieces cost, by vendor, release year and currency."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from christmas.db.tables import keys, products
from christmas.errors import ArgumentError
from christmas.reading.money import from_minor, quantize

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# Rows fetched at a time.
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class PriceStatistics:
    """The prices of one vendor's pieces of one year in one currency, rounded to its decimals, halves up.

    ``standard_deviation`` is that of the whole population; year and currency are None where they are not known.
    """

    vendor: str
    release_year: int | None
    currency: str | None
    count: int
    mean: Decimal
    median: Decimal
    standard_deviation: Decimal
    minimum: Decimal
    maximum: Decimal


def prices(
    connection: Connection,
    *,
    vendor: str | None = None,
    year: int | None = None,
    vendors: Collection[str] | None = None,
) -> list[PriceStatistics]:
    """Return the statistics of what has a price and is not delisted, by vendor and year, those without a year last.

    ``vendors`` are those that may be seen, None means all. Raise ArgumentError where neither vendor nor year is given.
    """
    if vendor is None and year is None:
        raise ArgumentError("Statistics are of one vendor or of one year: name a vendor, a year, or both.")
    columns = products.c
    # The same price stands on many pieces, and is counted where it is.
    group = (columns.vendor, columns.release_year, columns.currency)
    query = (
        select(*group, columns.price_minor, func.count())
        .join(keys, keys.c.id == columns.key_id)
        .where(columns.price_minor.is_not(None), keys.c.gone_since.is_(None))
        .group_by(*group, columns.price_minor)
        .order_by(*group, columns.price_minor)
        .execution_options(yield_per=CHUNK)
    )
    if vendor is not None:
        query = query.where(columns.vendor == vendor)
    if year is not None:
        query = query.where(columns.release_year == year)
    if vendors is not None:
        query = query.where(columns.vendor.in_(vendors))
    found = [_of(key, list(rows)) for key, rows in groupby(connection.execute(query), key=lambda row: tuple(row[:3]))]
    return sorted(found, key=_place)


def _place(one: PriceStatistics) -> tuple[Any, ...]:
    """Return where a group stands; the two databases sort NULL and text differently."""
    return one.vendor, one.release_year is None, one.release_year or 0, one.currency or ""


def _of(key: tuple[str, int | None, str | None], rows: Sequence[Any]) -> PriceStatistics:
    currency = key[2]
    counted = [(int(price), int(times)) for *_, price, times in rows]  # by price
    count = sum(times for _, times in counted)
    total = sum(price * times for price, times in counted)
    squares = sum(price * price * times for price, times in counted)
    middle = _at(counted, (count - 1) // 2) + _at(counted, count // 2)
    return PriceStatistics(
        *key,
        count=count,
        mean=_amount(Decimal(total) / count, currency),
        median=_amount(Decimal(middle) / 2, currency),
        standard_deviation=_amount(Decimal(count * squares - total * total).sqrt() / count, currency),
        minimum=_amount(Decimal(counted[0][0]), currency),
        maximum=_amount(Decimal(counted[-1][0]), currency),
    )


def _at(counted: Sequence[tuple[int, int]], position: int) -> int:
    """Return the price that stands at a position, from 0, when all are laid out by size."""
    for price, times in counted:
        if position < times:
            return price
        position -= times
    raise IndexError(position)


def _amount(minor: Decimal, currency: str | None) -> Decimal:
    one = from_minor(1, currency or "USD")
    return quantize(minor * one, currency)
