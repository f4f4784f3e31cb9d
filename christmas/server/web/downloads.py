"""The export and the feed of changes for browsers: what the API answers, with a session instead of a key."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from christmas.access.gate import Caller
from christmas.server.api import changes, export
from christmas.server.auth import needs

router = APIRouter()


@router.get("/export")
def products(
    request: Request,
    query: Annotated[export.ExportQuery, Query()],
    caller: Annotated[Caller, Depends(needs("products.read", page=True))],
) -> Response:
    """Return the products of a search as a file."""
    return export.products(request, query, caller)


@router.get("/changes.atom")
def feed(
    request: Request,
    query: Annotated[changes.FeedQuery, Query()],
    caller: Annotated[Caller, Depends(needs("changes.read", page=True))],
) -> Response:
    """Return the newest changes as an Atom feed."""
    return changes.atom_feed(request, query, caller)
