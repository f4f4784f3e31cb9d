"""The list of changes: prices that fell or rose, ornaments back in stock or sold out."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from christmas.access.gate import Caller
from christmas.catalog import changes, vendors
from christmas.errors import ArgumentError
from christmas.server import paging
from christmas.server.auth import needs
from christmas.server.state import state_of
from christmas.server.web import render, words

router = APIRouter()

PAGE_SIZE = 50
# By the word of the address: what the page says, and how long ago it began.
TIMES = {"today": ("Today", timedelta(days=1)), "week": ("This week", timedelta(days=7))}


@router.get("/changes")
def show_changes(
    request: Request,
    caller: Annotated[Caller, Depends(needs("changes.read", page=True))],
    kind: str = "",
    when: str = "",
    shop: str = "",
    before: str | None = None,
) -> Response:
    """Show the newest changes of a kind and time."""
    if kind not in {"", *words.KINDS}:
        raise ArgumentError(f"kind: one of {', '.join(words.KINDS)}, or nothing.")
    if when not in {"", *TIMES}:
        raise ArgumentError(f"when: one of {', '.join(TIMES)}, or nothing.")
    since = datetime.now(UTC) - TIMES[when][1] if when else None
    with state_of(request).read() as connection:
        known = vendors.names(connection, caller.vendors)
        if shop and shop not in known:
            raise ArgumentError("shop: there is none of this name; choose one of the list.")
        position = paging.position(before or None, datetime, int)
        rows = changes.feed(
            connection, kind=kind or None, vendor=shop or None, vendors=caller.vendors, since=since,
            before=position and (position[0], position[1]), limit=PAGE_SIZE + 1,
        )  # fmt: skip
    shown = rows[:PAGE_SIZE]

    def address(**parts: str) -> str:
        chosen = {"kind": kind, "when": when, "shop": shop} | parts
        query = urlencode({name: value for name, value in chosen.items() if value})
        return f"/changes?{query}" if query else "/changes"

    parts = urlencode({name: value for name, value in (("kind", kind), ("vendor", shop)) if value})
    return render.page(
        request, caller, "changes.html", kind=kind, when=when, shop=shop, rows=shown, shops=known, times=TIMES,
        address=address, is_first=before is None, feed="/changes.atom" + (f"?{parts}" if parts else ""),
        older=address(before=paging.cursor((shown[-1].at, shown[-1].id))) if len(rows) > PAGE_SIZE else None,
    )  # fmt: skip
