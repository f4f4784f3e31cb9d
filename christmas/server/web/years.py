"""The release years, and the complete list of each."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from christmas.access.gate import Caller
from christmas.catalog import product_lists
from christmas.server import paging
from christmas.server.auth import needs
from christmas.server.problems import NotFound
from christmas.server.state import state_of
from christmas.server.web import filters, render

router = APIRouter()

PAGE_SIZE = 200
# With more shops than these, each piece lists its offers instead.
COLUMNS = 5
UNKNOWN = "unknown"


@router.get("/years")
def years(request: Request, caller: Annotated[Caller, Depends(needs("products.read", page=True))]) -> Response:
    """Show the years that have products, the newest first."""
    with state_of(request).read() as connection:
        found = product_lists.years(connection, caller.vendors)
    return render.page(request, caller, "years.html", years=found)


@router.get("/years/{year}")
def year(
    request: Request,
    year: str,
    caller: Annotated[Caller, Depends(needs("products.read", page=True))],
    after: str | None = None,
) -> Response:
    """Show all ornaments of one year, and where each is available."""
    number = None if year == UNKNOWN else filters.number(year, "year", 1900, 2100)
    with state_of(request).read() as connection:
        position = paging.position(after, str)
        rows = product_lists.year_page(
            connection, number, position[0] if position else None, PAGE_SIZE + 1, caller.vendors
        )
    if not rows and after is None:
        raise NotFound(f"There is no ornament of {year}; the page of the years lists those that there are.")
    shown = rows[:PAGE_SIZE]
    vendors = sorted({offer.vendor for one in shown for offer in one.offers})
    return render.page(
        request, caller, "year.html", year=number, pieces=shown,
        shops=vendors if len(vendors) <= COLUMNS else [], is_first=after is None,
        more=f"/years/{year}?after={paging.cursor((shown[-1].piece,))}" if len(rows) > PAGE_SIZE else None,
    )  # fmt: skip
