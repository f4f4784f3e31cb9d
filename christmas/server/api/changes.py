"""What has changed, the newest first: as JSON in pages, and as an Atom feed."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from christmas.access.gate import Caller
from christmas.catalog import changes
from christmas.catalog.changes import ChangeRow
from christmas.server import atom, paging
from christmas.server.api import models
from christmas.server.api.filters import Cursor, Given, Limit, Moment, Vendor
from christmas.server.auth import needs
from christmas.server.problems import responses
from christmas.server.state import state_of

router = APIRouter(tags=["changes"])

Reader = Annotated[Caller, Depends(needs("changes.read"))]
KINDS = {"fell": "prices that fell", "rose": "prices that rose", "back": "back in stock", "sold_out": "sold out"}


class FeedQuery(BaseModel):
    """Which changes."""

    model_config = ConfigDict(extra="forbid")

    vendor: Given[Vendor] = None
    kind: Given[Literal[changes.KINDS]] = Field(  # type: ignore[valid-type]  # the catalog's own list
        None, description="only prices that fell or rose, or what came back in stock or sold out"
    )
    since: Given[Moment] = Field(
        None, description="only since this time, or this day", examples=["2026-11-25T10:00:00Z"]
    )
    cursor: Cursor = None
    limit: Limit = 50


@router.get("/changes", summary="What has changed, the newest first", responses=responses())
def feed(request: Request, query: Annotated[FeedQuery, Query()], caller: Reader) -> models.ChangePage:
    """Return a page of changes; `next` is the cursor of the page that follows."""
    rows, after = _page(request, query, caller)
    return models.ChangePage(items=[models.FeedChange.from_record(row) for row in rows], next=after)


@router.get(
    "/changes.atom",
    summary="What has changed, as an Atom feed",
    responses=responses() | {200: {"content": {"application/atom+xml": {"schema": {"type": "string"}}}}},
    response_class=Response,
)
def atom_feed(request: Request, query: Annotated[FeedQuery, Query()], caller: Reader) -> Response:
    """Return the same as an Atom feed (RFC 4287); its link `next` leads to the page that follows (RFC 5005)."""
    rows, after = _page(request, query, caller)
    shown = " ".join(filter(None, ("Changes:", KINDS.get(query.kind or "", "all"), query.vendor)))
    following = None if after is None else str(request.url.include_query_params(cursor=after))
    content = atom.feed(rows, title=shown, address=str(request.url), following=following)
    return Response(content, media_type=atom.MEDIA_TYPE)


def _page(request: Request, query: FeedQuery, caller: Caller) -> tuple[list[ChangeRow], str | None]:
    before = paging.position(query.cursor, datetime, int)
    with state_of(request).read() as connection:
        rows = changes.feed(
            connection,
            kind=query.kind,
            vendor=query.vendor,
            vendors=caller.vendors,
            since=query.since,
            before=before,
            limit=query.limit + 1,  # one more than is shown: there is another page
        )
    shown = rows[: query.limit]
    more = len(rows) > len(shown)
    return shown, paging.cursor((shown[-1].at, shown[-1].id)) if more else None
