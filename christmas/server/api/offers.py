"""One SKU in all shops: who has it for how much, what it ever cost at least, and what is usual."""

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.requests import Request

from christmas.catalog import changes, price_history, product_lists, search
from christmas.catalog.export import amount
from christmas.catalog.products import ProductRow
from christmas.errors import ArgumentError
from christmas.reading.identity import normal_sku
from christmas.server import state as states
from christmas.server.api import models
from christmas.server.api.filters import NO_NUL, Currency, Given, Plain, Year
from christmas.server.auth import Caller, needs
from christmas.server.problems import responses

router = APIRouter(tags=["products"])


class OffersQuery(BaseModel):
    """Which SKU, in any spelling."""

    model_config = ConfigDict(extra="forbid")

    sku: Plain = Field(
        description="in any spelling", max_length=100, examples=["1295QX4822"], json_schema_extra={"pattern": NO_NUL}
    )
    year: Given[Year] = None
    currency: Currency = "USD"


@router.get("/offers", summary="One SKU in all shops", responses=responses())
def offers(
    request: Request,
    query: Annotated[OffersQuery, Query()],
    caller: Annotated[Caller, Depends(needs("products.read"))],
) -> models.Offers:
    """Return all offers of a SKU, the cheapest in stock first; prices are compared within `currency`.

    SKUs are equal where their normal forms are: retail price in front and box mark at the end do not count.
    """
    piece = normal_sku(query.sku)
    if not piece:
        raise ArgumentError(
            f"sku {query.sku!r} has no letter or digit that tells it from others; write it such as QX4822."
        )
    with states.of(request).read() as connection:
        rows, more = _rows(connection, piece, query.year, caller)
        steps = price_history.of_products(connection, rows)
    rows.sort(key=lambda row: _order(row, query.currency))
    best = next(iter(rows), None)
    lowest = price_history.lowest(steps, query.currency)
    ended = {row.id: row.gone_since for row in rows if row.gone_since is not None}
    usual = price_history.usual_range(steps, datetime.now(UTC), query.currency, ended=ended)
    return models.Offers(
        piece=piece,
        release_year=query.year if query.year is not None else _only_year(rows),
        name=Counter(row.name for row in rows).most_common(1)[0][0] if rows else None,
        best=models.Best.of(best) if best is not None and _is_offer(best, query.currency) else None,
        lowest_ever=_lowest(rows, lowest, query.currency),
        usual_range=_usual(usual, query.currency),
        items=[models.Product.of(row) for row in rows],
        more=more,
    )


def _rows(connection: Connection, piece: str, year: int | None, caller: Caller) -> tuple[list[ProductRow], bool]:
    """Return the offers, and whether there are more than are looked at."""
    most = product_lists.OFFERS_MAX
    if year is not None:
        rows = product_lists.offers(connection, piece, year, caller.vendors, limit=most + 1)
        return rows[:most], len(rows) > most
    # Without a year the index of years and pieces is of no use; the full text has every normal form as a word.
    query = search.exactly(piece.lower())
    filters = product_lists.Filters(vendors=caller.vendors, query=query, gone=True)
    found = product_lists.page(connection, filters, "changed", None, most)
    return [row for row in found.rows if row.piece == piece], found.more


def _is_offer(row: ProductRow, currency: str) -> bool:
    return (
        row.availability in changes.BUYABLE
        and row.price_minor is not None
        and row.currency == currency
        and row.gone_since is None
    )


def _order(row: ProductRow, currency: str) -> tuple[bool, int, str, int]:
    """Order what can be bought before what cannot, and then by price."""
    known = row.price_minor is not None and row.currency == currency
    return not _is_offer(row, currency), row.price_minor or 0 if known else 2**63, row.vendor, row.key_id


def _only_year(rows: list[ProductRow]) -> int | None:
    years = {row.release_year for row in rows}
    return years.pop() if len(years) == 1 else None


def _lowest(rows: list[ProductRow], found: tuple[int, datetime, object] | None, currency: str) -> models.Lowest | None:
    if found is None:
        return None
    minor, at, product_id = found
    vendor = next(row.vendor for row in rows if row.id == product_id)
    return models.Lowest(price=amount(minor, currency), currency=currency, at=at, vendor=vendor)


def _usual(found: tuple[int, int] | None, currency: str) -> models.UsualRange | None:
    if found is None:
        return None
    low, high = (amount(minor, currency) for minor in found)
    return models.UsualRange(low=low, high=high, currency=currency)
