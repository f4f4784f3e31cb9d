"""Single objects, as far as a caller may see them: what is outside of the scope does not exist for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from christmas.catalog import vendor_health, vendors
from christmas.catalog.vendors import VendorCount, VendorRow
from christmas.jobs import records, submission
from christmas.server.problems import NotFound
from christmas.server.state import state_of

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from starlette.requests import Request

    from christmas.access.gate import Caller
    from christmas.jobs.records import JobRow


def job(connection: Connection, caller: Caller, job_id: str) -> JobRow:
    """Return a job; raise NotFound."""
    found = records.get(connection, job_id)
    if found is None or not caller.sees(found.vendor):
        raise NotFound(f"There is no job {job_id!r}; the list of jobs has those there are.")
    return found


def all_vendors(request: Request, connection: Connection, caller: Caller) -> list[VendorRow]:
    """Return all vendors that the caller may see by name; their counts are at most a minute old."""
    counted = state_of(request).counts.get(connection)
    return vendors.overview(connection, submission.known_vendors(connection, None), caller.vendors, counted=counted)


def vendor(request: Request, connection: Connection, caller: Caller, name: str) -> VendorRow:
    """Return one of these vendors; raise NotFound."""
    for row in all_vendors(request, connection, caller):
        if row.name == name:
            return row
    check_vendor(connection, caller, name)
    return VendorRow(name, VendorCount(), None)  # its first products are newer than the counts


def check_vendor(connection: Connection, caller: Caller, vendor: str) -> None:
    """Raise NotFound where there is no such vendor."""
    known = caller.sees(vendor) and (
        vendor in submission.known_vendors(connection, None)
        or vendor_health.get(connection, vendor) is not None
        or vendor in vendors.names(connection)
    )
    if not known:
        raise NotFound(f"There is no vendor {vendor!r}; the list of vendors has those there are.")
