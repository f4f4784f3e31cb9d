"""What ornaments cost: counts, means and medians by vendor, year and currency."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from christmas.access.gate import Caller
from christmas.catalog import statistics
from christmas.server.api import models
from christmas.server.api.filters import Given, Vendor, Year
from christmas.server.auth import needs
from christmas.server.problems import responses
from christmas.server.state import state_of

router = APIRouter(tags=["products"])


class StatisticsQuery(BaseModel):
    """Whose prices; one of both must be given."""

    model_config = ConfigDict(extra="forbid")

    vendor: Given[Vendor] = None
    year: Given[Year] = None


@router.get("/statistics", summary="Prices by vendor, year and currency", responses=responses())
def prices(
    request: Request,
    query: Annotated[StatisticsQuery, Query()],
    caller: Annotated[Caller, Depends(needs("products.read"))],
) -> models.Statistics:
    """Return count, mean, median and standard deviation of the prices of a vendor, a year, or both; one is needed."""
    with state_of(request).read() as connection:
        found = statistics.prices(connection, vendor=query.vendor, year=query.year, vendors=caller.vendors)
    return models.Statistics(items=[models.Prices.from_record(one) for one in found])
