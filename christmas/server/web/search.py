"""The search, which is also the start page."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from christmas.access.gate import Caller
from christmas.catalog import product_lists, vendors
from christmas.catalog.filters import Filters
from christmas.catalog.product_lists import Piece, PiecePage
from christmas.catalog.search import Scope, Vocabulary
from christmas.catalog.search_terms import tokens
from christmas.errors import ArgumentError
from christmas.items import BUYABLE
from christmas.server.auth import needs
from christmas.server.state import state_of
from christmas.server.web import filters, first_visit, render
from christmas.server.web.filters import Asked, Wanted

router = APIRouter()

SUGGESTIONS = 8


@dataclass(frozen=True, slots=True)
class Results:
    """One page of results; ``more`` where not all matches were looked at."""

    pieces: list[Piece]
    count: int
    more: bool
    page: int
    pages: int
    asked_as: str = ""
    understood_as: str = ""


NOTHING = Results([], 0, more=False, page=1, pages=1)


@router.get("/")
def search(
    request: Request,
    asked: Annotated[Asked, Query()],
    caller: Annotated[Caller, Depends(needs("products.read", page=True))],
) -> Response:
    """Show the results of a search, or the newest changes where there is none."""
    state = state_of(request)
    problem, results = None, NOTHING
    with state.read() as connection:
        known = vendors.names(connection, caller.vendors)
        if not known:
            return first_visit.page(request, caller, connection)
        try:
            results = find(connection, state.vocabulary, filters.read(asked), caller.vendors)
        except ArgumentError as error:
            problem = str(error)
    status = 422 if problem else 200
    return render.page(
        request, caller, "search.html", status, asked=asked, results=results, problem=problem, shops=known,
        sorts=filters.SORTS, pages=page_links(asked, results),
    )  # fmt: skip


@router.get("/suggestions")
def suggestions(
    request: Request, caller: Annotated[Caller, Depends(needs("products.read", page=True))], q: str = ""
) -> Response:
    """Render the suggestions for a text."""
    state = state_of(request)
    found: list[str] = []
    if q.strip() and len(q) <= filters.TEXT_MAX:
        with state.read() as connection:
            state.vocabulary.refresh(connection)
            found = state.vocabulary.suggest(q, Scope.of(connection, caller.vendors))[:SUGGESTIONS]
    return render.page(request, caller, "_suggestions.html", found=found, asked=Asked())


def find(connection: Connection, vocabulary: Vocabulary, wanted: Wanted, scope: list[str] | None) -> Results:
    """Return one page of the ornaments that match."""
    query = vocabulary.query(connection, wanted.text, scope)
    if query is not None and query.nothing:
        return NOTHING
    chosen = Filters(
        vendor=wanted.shop, vendors=scope, year=wanted.year,
        availability=BUYABLE if wanted.in_stock else (),
        price_min_minor=wanted.price_min_minor, price_max_minor=wanted.price_max_minor, currency=filters.CURRENCY,
        series=wanted.series, query=query,
    )  # fmt: skip
    found = _page(connection, chosen, wanted.sort, wanted.page)
    pages = max(-(-found.count // filters.PAGE_SIZE), 1)
    if wanted.page > pages:  # things were sold since; the last page there is
        found = _page(connection, chosen, wanted.sort, pages)
    results = Results(found.pieces, found.count, found.more, min(wanted.page, pages), pages)
    if query and query.corrected:
        meant = " ".join(query.corrected.get(word, word) for word in tokens(wanted.text))
        results = replace(results, asked_as=wanted.text, understood_as=meant)
    return results


def _page(connection: Connection, chosen: Filters, sort: str, page: int) -> PiecePage:
    start = (page - 1) * filters.PAGE_SIZE
    return product_lists.piece_page(connection, chosen, sort, start=start, size=filters.PAGE_SIZE)


def page_links(asked: Asked, results: Results) -> list[tuple[int, str]]:
    """Return number and address of the pages around this one, the first and the last; [] where there is only one."""
    if results.pages == 1:
        return []
    around = range(max(results.page - 2, 1), min(results.page + 2, results.pages) + 1)
    chosen = sorted({1, *around, results.pages})
    return [(number, asked.address(page="" if number == 1 else str(number))) for number in chosen]
