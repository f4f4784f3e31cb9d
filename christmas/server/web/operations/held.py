"""Quarantined changes: both values and the reason, to be released or discarded."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from christmas.access.gate import Caller
from christmas.catalog import held_changes
from christmas.catalog.changes import shown
from christmas.errors import ArgumentError
from christmas.jobs.spider_arguments import VENDOR_PATTERN
from christmas.server.auth import needs, read_form
from christmas.server.state import state_of
from christmas.server.web import render
from christmas.server.web.operations.overview import Done, back

router = APIRouter(prefix="/operations/held")

PER_PAGE = 50
ID_MAX = 2**63 - 1
_ID = re.compile(r"[1-9][0-9]{0,17}")
_VENDOR = re.compile(VENDOR_PATTERN)

Viewer = Annotated[Caller, Depends(needs("held.read", page=True))]
Decider = Annotated[Caller, Depends(needs("held.write", page=True))]
Form = Annotated[FormData, Depends(read_form)]


@router.get("")
def show_held(
    request: Request, caller: Viewer, vendor: Annotated[str | None, Query(pattern=VENDOR_PATTERN + "|^$")] = None,
    before: Annotated[int | None, Query(ge=1, le=ID_MAX)] = None, done: Done | None = None,
) -> Response:  # fmt: skip
    """Show quarantined changes, the newest first."""
    with state_of(request).read() as connection:
        rows = held_changes.find(
            connection, vendor=vendor or None, vendors=caller.vendors, before=before, limit=PER_PAGE + 1
        )
        counts = {name: number for name, number in held_changes.count(connection).items() if caller.sees(name)}
    more = rows[PER_PAGE - 1].id if len(rows) > PER_PAGE else None
    return render.page(
        request, caller, "operations_held.html", rows=rows[:PER_PAGE], more=more, counts=counts, vendor=vendor or "",
        value=shown, done=done,
    )  # fmt: skip


@router.post("/release")
def release(request: Request, caller: Decider, form: Form) -> Response:
    """Apply a quarantined change, or all of a vendor."""
    _decide(request, caller, form, held_changes.release)
    return back("/operations/held", "released")


@router.post("/discard")
def discard(request: Request, caller: Decider, form: Form) -> Response:
    """Discard a quarantined change, or all of a vendor."""
    _decide(request, caller, form, held_changes.discard)
    return back("/operations/held", "discarded")


def _decide(request: Request, caller: Caller, form: FormData, act: Callable[..., int]) -> None:
    number, vendor = form.get("id"), form.get("vendor")
    ids = None if number is None else [int(_checked(number, _ID))]
    name = None if vendor is None else _checked(vendor, _VENDOR)
    with state_of(request).begin() as connection:
        held_changes.decide(
            connection, act, ids=ids, vendor=name, vendors=caller.vendors, by=caller.user, now=datetime.now(UTC)
        )


def _checked(value: object, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ArgumentError("The form names no quarantined change and no vendor: reload the page.")
    return value
