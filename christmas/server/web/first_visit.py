"""The page until there is a first product: the progress of the first reading, or what keeps it from starting."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from christmas.access.gate import Caller
from christmas.catalog import vendors
from christmas.jobs import records, submission
from christmas.jobs.records import JobRow
from christmas.server.auth import needs
from christmas.server.state import state_of
from christmas.server.web import render

router = APIRouter()

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Reading:
    """One open run; ``planned`` is None while it is unknown."""

    vendor: str
    waits: bool
    read: int
    planned: int | None


def page(request: Request, caller: Caller, connection: Connection) -> Response:
    """Render the progress of the first reading, or how to start it."""
    found = readings(connection, caller.vendors)
    needs_contact = not found and _needs_contact(request, connection)
    return render.page(request, caller, "first_visit.html", readings=found, needs_contact=needs_contact)


@router.get("/first-visit")
def progress(request: Request, caller: Annotated[Caller, Depends(needs("products.read", page=True))]) -> Response:
    """Render the part of the page that is polled; the whole page is reloaded once there is a product."""
    with state_of(request).read() as connection:
        found = readings(connection, caller.vendors)
        arrived = bool(vendors.names(connection, caller.vendors))
        needs_contact = not found and _needs_contact(request, connection)
    response = render.page(request, caller, "_first_visit.html", readings=found, needs_contact=needs_contact)
    if arrived:
        response.headers["HX-Refresh"] = "true"
    return response


def _needs_contact(request: Request, connection: Connection) -> bool:
    """Return whether jobs are refused because no contact for the shops' owners is configured."""
    config = state_of(request).config
    return any(not config.may_be_read(vendor) for vendor in submission.known_vendors(connection, None))


def readings(connection: Connection, vendors: list[str] | None) -> list[Reading]:
    """Return the open runs that read shops, the running ones first."""
    rows = records.find(connection, states=records.OPEN, vendors=vendors, processes_only=True, limit=SHOWN)
    return sorted(map(_reading, rows), key=lambda one: (one.waits, one.vendor))


def _reading(row: JobRow) -> Reading:
    return Reading(row.vendor or row.name, row.state == "queued", *records.pages_of(row.outcome))
