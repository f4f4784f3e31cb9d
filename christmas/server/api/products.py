"""Products, pieces and their histories, and how a text goes on."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from christmas.access.gate import Caller
from christmas.catalog import changes, export, price_history, product_lists, products, query_plan
from christmas.catalog.products import ProductRow
from christmas.catalog.search import Scope
from christmas.server import paging
from christmas.server.api import models
from christmas.server.api.filters import NO_NUL, Cursor, Given, Limit, Plain, SortedFilters
from christmas.server.auth import needs
from christmas.server.problems import NotFound, responses
from christmas.server.state import state_of

router = APIRouter(tags=["products"])

SUGGESTIONS = 10
PIECES_MAX = 1000
# Of which kinds the values are that a page of each order goes on after.
_POSITIONS: dict[str, tuple[type, ...]] = {
    "changed": (datetime, int), "price": (int, int), "-price": (int, int), "year": (int, str, int),
    "-year": (int, str, int),
}  # fmt: skip
_CSV = "text/csv"

Reader = Annotated[Caller, Depends(needs("products.read"))]
ChangesReader = Annotated[Caller, Depends(needs("changes.read"))]
ProductName = Annotated[
    Plain,
    Path(
        description="its id, the first characters of its id where no other begins so, or `vendor:key`",
        max_length=2000,
        examples=["ornament_shop_com:9001"],
        json_schema_extra={"pattern": NO_NUL},
    ),
]


class ProductQuery(SortedFilters):
    """Which products, in which order, and which page of them."""

    cursor: Cursor = None
    limit: Limit = 50


class PieceQuery(SortedFilters):
    """Which products are grouped to pieces."""

    limit: int = Field(PIECES_MAX, description="the most products that are looked at", ge=1, le=PIECES_MAX)


class SuggestionQuery(BaseModel):
    """What was written so far."""

    model_config = ConfigDict(extra="forbid")

    text: Plain = Field(max_length=200, examples=["frosty fr"], json_schema_extra={"pattern": NO_NUL})


@router.get("/products", summary="Products by filters, in pages", responses=responses())
def find(request: Request, query: Annotated[ProductQuery, Query()], caller: Reader) -> models.ProductPage:
    """Return a page of products; `next` is the cursor of the page that follows.

    `more` where more products have the words of `text` than are looked at: then no page has the others.
    """
    state = state_of(request)
    after = paging.position(query.cursor, *_POSITIONS[query.sort])
    with state.read() as connection:
        filters = query.filters(state, connection, caller)
        # One more than is shown: there is another page.
        found = product_lists.page(connection, filters, query.sort, after, query.limit + 1)
    shown = found.rows[: query.limit]
    return models.ProductPage(
        items=[models.Product.from_record(row) for row in shown],
        next=paging.cursor(query_plan.position(shown[-1], query.sort)) if len(found.rows) > len(shown) else None,
        more=found.more,
        understood=models.Understood.from_record(filters.query) if filters.query is not None else None,
    )


@router.get("/pieces", summary="Products grouped to pieces, with the best price", responses=responses())
def pieces(request: Request, query: Annotated[PieceQuery, Query()], caller: Reader) -> models.PieceList:
    """Return pieces in the order of their first product; `more` where there are more products than were looked at."""
    state = state_of(request)
    with state.read() as connection:
        filters = query.filters(state, connection, caller)
        found, more = product_lists.pieces(connection, filters, query.sort, limit=query.limit)
    return models.PieceList(
        items=[models.Piece.from_record(one) for one in found],
        more=more,
        understood=models.Understood.from_record(filters.query) if filters.query is not None else None,
    )


@router.get("/suggestions", summary="How a text may go on", responses=responses())
def suggestions(request: Request, query: Annotated[SuggestionQuery, Query()], caller: Reader) -> models.Suggestions:
    """Return at most 10 words of the products that go on where the text ends."""
    state = state_of(request)
    with state.read() as connection:
        state.vocabulary.refresh(connection)
        found = state.vocabulary.suggest(query.text, Scope.of(connection, caller.vendors))
    return models.Suggestions(items=found[:SUGGESTIONS])


@router.get(
    "/products/{name:path}/history",
    summary="How price and stock of a product have changed",
    responses=responses(404) | {200: {"content": {_CSV: {"schema": {"type": "string"}}}}},
)
def history(
    request: Request,
    response: Response,
    name: ProductName,
    caller: ChangesReader,
    format: Annotated[  # noqa: A002  # part of the address
        Given[Literal["json", "csv"]], Query(description="instead of what the header Accept asks for")
    ] = None,
) -> models.History:
    """Return every change, the oldest first, as JSON or CSV; as JSON also the steps of price and stock."""
    state = state_of(request)
    with state.read() as connection:
        product = _one(connection, name, caller)
        rows = changes.history(connection, product.id)
    items = [models.Change.from_record(row) for row in rows]
    if format == "csv" or (format is None and _prefers_csv(request)):
        lines = export.csv_of(models.Change.model_fields, (one.model_dump(mode="json") for one in items))
        return _csv(b"".join(lines), f"christmas-{product.id}.csv")  # type: ignore[return-value]  # FastAPI takes both
    response.headers["Vary"] = "Accept"
    steps = [models.Step.from_record(step) for step in price_history.steps(product, rows)]
    return models.History(product=models.Product.from_record(product), items=items, steps=steps)


@router.get("/products/{name:path}", summary="One product", responses=responses(404))
def get(request: Request, name: ProductName, caller: Reader) -> models.Product:
    """Return one product by its id or by vendor and key."""
    with state_of(request).read() as connection:
        return models.Product.from_record(_one(connection, name, caller))


def _one(connection: Connection, name: str, caller: Caller) -> ProductRow:
    found = products.get(connection, name)
    if found is None or not caller.sees(found.vendor):
        raise NotFound(
            f"There is no product {name[:200]!r}, or several begin so: use its whole id, or vendor:key, as lists do."
        )
    return found


def _prefers_csv(request: Request) -> bool:
    """Return whether a client asks for CSV before JSON."""
    kinds = [one.partition(";")[0].strip() for one in request.headers.get("accept", "").split(",")]
    return next((kind for kind in kinds if kind in {_CSV, "application/json"}), None) == _CSV


def _csv(content: bytes, file_name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{file_name}"', "Vary": "Accept"}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)
