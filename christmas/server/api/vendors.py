"""The vendors: how many products each has, how well it is read, and how fast."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from starlette.requests import Request

from christmas.access.gate import Caller
from christmas.catalog import vendor_health
from christmas.catalog.vendor_health import HealthRow
from christmas.catalog.vendors import VendorRow
from christmas.config.durations import PATTERN
from christmas.metrics import report
from christmas.metrics.report import Point
from christmas.server import auth, lookup
from christmas.server.api import inputs
from christmas.server.auth import needs
from christmas.server.problems import NotFound, responses
from christmas.server.state import state_of

router = APIRouter(tags=["vendors"])

Reader = Annotated[Caller, Depends(needs("products.read"))]


class VendorHealth(BaseModel):
    """How well a vendor is read, as its last runs have shown."""

    state: str = Field(description="healthy, degraded, broken, blocked or unreachable", examples=["degraded"])
    kind: str | None = Field(description="what is wrong, in a word; null while healthy", examples=["slow"])
    reason: str = Field(examples=["Half of the answers took over 4.10 s; 0.40 s was usual."])
    since: datetime
    checked_at: datetime
    job: str = Field(description="the run that showed it last", examples=["0b6f5a2c4d1e48f7a9c3b2d1e0f9a8b7"])

    @classmethod
    def from_record(cls, row: HealthRow) -> "VendorHealth":
        """Make it of a record."""
        return cls(
            state=row.state, kind=row.kind, reason=row.reason, since=row.since, checked_at=row.checked_at,
            job=row.job_id,
        )  # fmt: skip


class Vendor(BaseModel):
    """One vendor; delisted products are not counted."""

    name: str = Field(examples=["ornament_shop_com"])
    products: int = Field(examples=[10270])
    in_stock: int = Field(description="can be bought now: in stock, few left or on preorder", examples=[6120])
    without_price: int = Field(examples=[12])
    health: VendorHealth | None = Field(
        description="null where no run has shown it yet, and for keys without the permission health.read"
    )


class VendorList(BaseModel):
    """All vendors that the key may see, by name."""

    items: list[Vendor]
    next: None = Field(default=None, description="always null: the list is complete")


class MetricRow(BaseModel):
    """One metric of a vendor; what is counted has no percentiles."""

    vendor: str = Field(examples=["ornament_shop_com"])
    metric: str = Field(examples=["ttfb"])
    count: float = Field(examples=[1200])
    p50_ms: float | None = Field(examples=[182.4])
    p95_ms: float | None = Field(examples=[410.0])
    p99_ms: float | None = Field(examples=[903.7])


class MetricPoint(BaseModel):
    """One step of the window; milliseconds are null where nothing was measured."""

    at: datetime = Field(description="when the step begins")
    count: int = Field(examples=[50])
    p50_ms: float | None = Field(examples=[180.1])
    p95_ms: float | None = Field(examples=[399.3])

    @classmethod
    def from_record(cls, points: Iterable[Point]) -> "list[MetricPoint]":
        """Make them of a report's points."""
        return [cls(at=one.at, count=one.count, p50_ms=one.p50_ms, p95_ms=one.p95_ms) for one in points]


class VendorMetrics(BaseModel):
    """What was measured of a vendor."""

    vendor: str = Field(examples=["ornament_shop_com"])
    since: datetime
    until: datetime
    items: list[MetricRow]
    ttfb: list[MetricPoint] = Field(description="time to first byte in equal steps, the oldest first")
    latency: list[MetricPoint] = Field(description="time to the last byte in equal steps, the oldest first")


@router.get("/vendors", summary="All vendors", responses=responses())
def list_vendors(request: Request, caller: Reader) -> VendorList:
    """Return the vendors with their counts, as of at most a minute ago, and their health for keys that may read it."""
    with state_of(request).read() as connection:
        return VendorList(
            items=[_vendor(request, caller, row) for row in lookup.all_vendors(request, connection, caller)]
        )


@router.get("/vendors/{vendor}", summary="One vendor", responses=responses(404))
def get_vendor(request: Request, vendor: inputs.VendorPath, caller: Reader) -> Vendor:
    """Return one vendor."""
    with state_of(request).read() as connection:
        return _one(connection, request, caller, vendor)


@router.get("/vendors/{vendor}/metrics", summary="How fast a vendor answers", responses=responses(404))
def get_metrics(
    request: Request,
    vendor: inputs.VendorPath,
    caller: Annotated[Caller, Depends(needs("metrics.read"))],
    since: Annotated[
        str, Query(pattern=PATTERN, description=f"how far back: 30m, 12h, 7d, at most {report.DAYS_MAX}d")
    ] = "1h",
) -> VendorMetrics:
    """Return durations with their percentiles, counts, and the steps of time to first byte and latency."""
    state, window = state_of(request), report.window(since)
    with state.read() as connection:
        lookup.check_vendor(connection, caller, vendor)
    found = report.read(state.config, window, [vendor])
    series = found.series[0] if found.series else None
    return VendorMetrics(
        vendor=vendor,
        since=found.since,
        until=found.until,
        items=[] if series is None else [MetricRow(**row) for row in report.rows(series)],
        ttfb=MetricPoint.from_record(report.chart(found, series, "ttfb")),
        latency=MetricPoint.from_record(report.chart(found, series, "latency")),
    )


@router.post("/vendors/{vendor}/health/accept", summary="Take a vendor as it is", responses=responses(404))
def accept(
    request: Request, vendor: inputs.VendorPath, caller: Annotated[Caller, Depends(needs("health.write"))]
) -> Vendor:
    """Take a vendor as it is now for the usual: later runs are compared with those from now on."""
    with state_of(request).begin() as connection:
        lookup.check_vendor(connection, caller, vendor)
        if not vendor_health.accept(connection, vendor, datetime.now(UTC)):
            raise NotFound(f"Nothing is known of the health of {vendor} yet: no run has shown it.")
        return _one(connection, request, caller, vendor)


def _one(connection: Connection, request: Request, caller: Caller, vendor: str) -> Vendor:
    return _vendor(request, caller, lookup.vendor(request, connection, caller, vendor))


def _vendor(request: Request, caller: Caller, row: VendorRow) -> Vendor:
    is_shown = row.health is not None and auth.may(request, caller, "health.read")
    return Vendor(
        name=row.name,
        products=row.count.products,
        in_stock=row.count.in_stock,
        without_price=row.count.without_price,
        health=VendorHealth.from_record(row.health) if row.health is not None and is_shown else None,
    )
