"""One SKU in all shops: who has it for how much, what it ever cost at least, and what is usual."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from christmas.access.gate import Caller
from christmas.catalog import offers, price_history
from christmas.catalog.export import amount
from christmas.catalog.products import ProductRow
from christmas.server.api import models
from christmas.server.api.filters import NO_NUL, Currency, Given, Plain, Year
from christmas.server.auth import needs
from christmas.server.problems import responses
from christmas.server.state import state_of

router = APIRouter(tags=["products"])


class OffersQuery(BaseModel):
    """Which SKU, in any spelling."""

    model_config = ConfigDict(extra="forbid")

    sku: Plain = Field(
        description="in any spelling", max_length=100, examples=["1295QX4822"], json_schema_extra={"pattern": NO_NUL}
    )
    year: Given[Year] = None
    currency: Given[Currency] = Field(
        None, description="which currency's prices are compared; by default the one that most offers have"
    )


@router.get("/offers", summary="One SKU in all shops", responses=responses())
def get(
    request: Request,
    query: Annotated[OffersQuery, Query()],
    caller: Annotated[Caller, Depends(needs("products.read"))],
) -> models.Offers:
    """Return all offers of a SKU, the best first: what can be bought, sold out, delisted, each by price.

    SKUs are equal where their normal forms are: retail price in front and box mark at the end do not count.
    """
    with state_of(request).read() as connection:
        found = offers.of_sku(connection, query.sku, query.year, caller.vendors, query.currency)
        steps = price_history.of_products(connection, found.offers)
    lowest = price_history.lowest(steps, found.currency)
    ended = {row.id: row.gone_since for row in found.offers if row.gone_since is not None}
    usual = price_history.usual_range(steps, datetime.now(UTC), found.currency, ended=ended)
    return models.Offers(
        piece=found.piece,
        release_year=found.release_year,
        name=found.name,
        best=models.Best.from_record(found.best),
        lowest_ever=_lowest(found.offers, lowest, found.currency),
        usual_range=_usual(usual, found.currency),
        items=[models.Product.from_record(row) for row in found.offers],
        more=found.more,
    )


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
