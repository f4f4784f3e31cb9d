"""The products of a search as one file of any length, made while it is sent."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import StreamingResponse

from christmas.access.gate import Caller
from christmas.catalog import export, product_lists
from christmas.catalog.filters import Filters
from christmas.catalog.products import ProductRow
from christmas.server.api.filters import ProductFilters
from christmas.server.auth import needs
from christmas.server.problems import responses
from christmas.server.state import State, state_of

router = APIRouter(tags=["products"])

# Products of one read. No connection is held while a client is slow, and none is left when it disconnects.
CHUNK = 2000
_CONTENT = {
    kind.partition(";")[0]: {"schema": {"type": "string", **({"format": "binary"} if name == "parquet" else {})}}
    for name, (kind, _) in export.FORMATS.items()
}


class ExportQuery(ProductFilters):
    """Which products, and as what."""

    format: Literal["csv", "jsonl", "parquet"] = Field("csv", description="CSV, JSON lines or Parquet")


@router.get(
    "/export",
    summary="All products of a search as a file",
    responses=responses() | {200: {"content": _CONTENT, "description": "the file"}},
    response_class=StreamingResponse,
)
def products(
    request: Request,
    query: Annotated[ExportQuery, Query()],
    caller: Annotated[Caller, Depends(needs("products.read"))],
) -> StreamingResponse:
    """Return every product once, in no promised order, as CSV, JSON lines or Parquet."""
    state = state_of(request)
    with state.read() as connection:
        filters = query.filters(state, connection, caller)
        first = product_lists.walk(connection, filters, None, CHUNK)  # what fails now still has an answer of its own
    media_type, written = export.FORMATS[query.format]
    parts = (query.vendor, str(query.year) if query.year else None, f"{datetime.now(UTC):%Y-%m-%d}")
    name = "-".join(["christmas", *filter(None, parts)])
    headers = {"Content-Disposition": f'attachment; filename="{name}.{query.format}"'}
    return StreamingResponse(written(_rows(state, filters, first)), media_type=media_type, headers=headers)


def _rows(state: State, filters: Filters, first: list[ProductRow]) -> Iterator[ProductRow]:
    some = first
    while some:
        yield from some
        if len(some) < CHUNK:
            return
        with state.read() as connection:
            some = product_lists.walk(connection, filters, some[-1].key_id, CHUNK)
