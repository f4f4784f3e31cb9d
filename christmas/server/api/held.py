"""Held changes: quarantined until they are confirmed, released or discarded."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field, model_validator
from starlette.requests import Request

from christmas.access.gate import Caller
from christmas.catalog import held_changes
from christmas.catalog.changes import shown
from christmas.catalog.held_changes import HeldRow
from christmas.server import paging
from christmas.server.api import inputs
from christmas.server.auth import needs
from christmas.server.problems import NotFound, responses
from christmas.server.state import state_of

router = APIRouter(tags=["held changes"])

Reader = Annotated[Caller, Depends(needs("held.read"))]
Writer = Annotated[Caller, Depends(needs("held.write"))]
IDS_MAX = 1000


class HeldChange(BaseModel):
    """A change that is held, or was; amounts are decimal strings in ``currency``."""

    id: int = Field(examples=[17])
    vendor: str = Field(examples=["ornament_shop_com"])
    product: str = Field(examples=["5f0c7a3e-9d0b-5a51-8f6e-2f1f1f9a7c11"])
    name: str = Field(description="the product's", examples=["1985 Frosty Friends #6"])
    key: str = Field(examples=["9001"])
    field: str = Field(examples=["price"])
    old: str | None = Field(examples=["24.95"])
    new: str | None = Field(examples=["995.00"])
    currency: str | None = Field(description="of an amount", examples=["USD"])
    at: datetime = Field(description="when it was read")
    job: str = Field(description="the run that read it", examples=["0b6f5a2c4d1e48f7a9c3b2d1e0f9a8b7"])
    url: str = Field(examples=["https://ornament-shop.example/9001.html"])
    source: str = Field(examples=["json-ld"])
    reason: str = Field(examples=["The price became 40 times higher."])
    group: str | None = Field(description="the run whose changes are held as a whole", examples=[None])
    page: int | None = Field(description="the number of the page that was kept", examples=[3])
    state: str = Field(examples=["held"])
    agrees: bool | None = Field(description="whether a second reading did; null where none could", examples=[None])
    checked_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None = Field(examples=[None])

    @classmethod
    def from_record(cls, row: HeldRow) -> "HeldChange":
        """Make it of a record."""
        return cls(
            id=row.id, vendor=row.vendor, product=str(row.product_id), name=row.name, key=row.key,
            field=row.field.removesuffix("_minor"), old=shown(row.field, row.old, row.currency),
            new=shown(row.field, row.new, row.currency), currency=row.currency, at=row.at, job=row.job_id, url=row.url,
            source=row.source, reason=row.reason, group=row.group_id, page=row.page_id, state=row.state,
            agrees=row.agrees, checked_at=row.checked_at, decided_at=row.decided_at, decided_by=row.decided_by,
        )  # fmt: skip


class HeldList(BaseModel):
    """A page of held changes."""

    items: list[HeldChange]
    next: str | None = Field(examples=[None])


class Which(inputs.Body):
    """What is decided on: exactly one of the three."""

    ids: list[inputs.RowId] | None = Field(None, min_length=1, max_length=IDS_MAX, examples=[[17, 18]])
    vendor: inputs.Vendor | None = Field(None, description="or all that are held of this vendor", examples=[None])
    group: inputs.JobId | None = Field(None, description="or all that are held of this run", examples=[None])

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(one is not None for one in (self.ids, self.vendor, self.group)) != 1:
            raise ValueError("exactly one of ids, vendor and group is expected")
        return self


class Decided(BaseModel):
    """What came of it."""

    count: int = Field(
        description="how many were decided on; what was read of the same products in the same runs goes with them",
        examples=[2],
    )


@router.get("/held", summary="What is held", responses=responses())
def list_held(
    request: Request,
    caller: Reader,
    vendor: inputs.VendorFilter = None,
    state: Annotated[
        Literal["held", "released", "discarded", "withdrawn"], Query(description="what became of them")
    ] = "held",
    cursor: inputs.Cursor = None,
    limit: inputs.Limit = inputs.LIMIT_DEFAULT,
) -> HeldList:
    """Return held changes, the newest first: both values, why, and the run and page it was read from."""
    before = paging.position(cursor, int)
    with state_of(request).read() as connection:
        rows = held_changes.find(
            connection, state=state, vendor=vendor, vendors=caller.vendors,
            before=None if before is None else before[0], limit=limit + 1,
        )  # fmt: skip
    following = paging.cursor((rows[limit - 1].id,)) if len(rows) > limit else None
    return HeldList(items=[HeldChange.from_record(row) for row in rows[:limit]], next=following)


@router.get("/held/{held_id:int}", summary="One held change", responses=responses(404))
def get_held(request: Request, held_id: Annotated[inputs.RowId, Path()], caller: Reader) -> HeldChange:
    """Return one change that is held, or was."""
    with state_of(request).read() as connection:
        rows = held_changes.find(connection, ids=[held_id], state=None, vendors=caller.vendors)
    if not rows:
        raise NotFound(f"There is no held change {held_id}; GET /api/v1/held lists them.")
    return HeldChange.from_record(rows[0])


@router.post("/held/release", summary="Make held changes true", responses=responses(400, 404, 413, 415))
def release(request: Request, body: Which, caller: Writer) -> Decided:
    """Make held changes true: the products take the new values, as of when they were read. All of them, or none."""
    return _decide(held_changes.release, request, body, caller)


@router.post("/held/discard", summary="Give held changes up", responses=responses(400, 404, 413, 415))
def discard(request: Request, body: Which, caller: Writer) -> Decided:
    """Return held changes up: the catalog stays as it is. All of them, or none."""
    return _decide(held_changes.discard, request, body, caller)


def _decide(act: Callable[..., int], request: Request, which: Which, caller: Caller) -> Decided:
    with state_of(request).begin() as connection:
        count = held_changes.decide(
            connection, act, ids=which.ids, vendor=which.vendor, group=which.group, vendors=caller.vendors,
            by=caller.user, now=datetime.now(UTC),
        )  # fmt: skip
    return Decided(count=count)
