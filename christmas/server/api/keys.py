"""Keys, and who has which; for keys of all vendors only. A key itself is given once, by the answer that made it."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from christmas.access import api_keys
from christmas.access.api_keys import KeyRow
from christmas.access.gate import Caller
from christmas.jobs import submission
from christmas.server import paging
from christmas.server.api import inputs
from christmas.server.auth import needs
from christmas.server.problems import NotFound, responses
from christmas.server.state import state_of

router = APIRouter(tags=["keys and users"])

Reader = Annotated[Caller, Depends(needs("accounts.read", all_vendors=True))]
Writer = Annotated[Caller, Depends(needs("accounts.write", all_vendors=True))]
VENDORS_MAX = 1000
KeyId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,40}$", examples=["1f2e3d4c5b6a"])]
NO_STORE = "no-store"


class Key(BaseModel):
    """What is known of a key; the key itself is not."""

    id: str = Field(description="names the key without revealing it", examples=["1f2e3d4c5b6a"])
    user: str = Field(examples=["ann"])
    role: str = Field(examples=["user"])
    vendors: list[str] | None = Field(description="what it is for; null means all", examples=[None])
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="to the minute")
    revoked_at: datetime | None
    bound: bool = Field(
        description="whether its user still has its role; without it the key is refused", examples=[True]
    )

    @classmethod
    def from_record(cls, row: KeyRow) -> "Key":
        """Make it of a record, without the hash."""
        return cls(
            id=row.id, user=row.user, role=row.role, vendors=row.vendors, created_at=row.created_at,
            expires_at=row.expires_at, last_used_at=row.last_used_at, revoked_at=row.revoked_at, bound=row.bound,
        )  # fmt: skip


class KeyList(BaseModel):
    """A page of keys, the oldest first."""

    items: list[Key]
    next: str | None = Field(examples=[None])


class WantedKey(inputs.Body):
    """What a new key is to be."""

    user: str = Field(pattern=api_keys.USER_PATTERN, description="made where there is no such user", examples=["ann"])
    role: inputs.Text = Field(max_length=100, description="one of the policy's", examples=["user"])
    vendors: list[inputs.Vendor] | None = Field(
        None, min_length=1, max_length=VENDORS_MAX, description="only for these; null means all", examples=[None]
    )
    expires: inputs.Text | None = Field(
        None, max_length=40, description="30d, 12h, or a time such as 2027-01-31T12:00Z", examples=["30d"]
    )


class MadeKey(BaseModel):
    """A new key. Keep it now: it is not shown again."""

    id: str = Field(examples=["1f2e3d4c5b6a"])
    user: str = Field(examples=["ann"])
    role: str = Field(examples=["user"])
    key: str = Field(examples=["m5Zb0e2ZrXh4Ck3m0p4nY1qk8Jt7uWv6x9y0z1a2b3c"])
    vendors: list[str] | None = Field(examples=[None])
    expires_at: datetime | None


@router.get("/keys", summary="All keys", responses=responses())
def list_keys(
    request: Request, caller: Reader, cursor: inputs.Cursor = None, limit: inputs.Limit = inputs.LIMIT_DEFAULT
) -> KeyList:
    """Return the keys: whose, which role, valid until when, last used."""
    after = paging.position(cursor, datetime, str)
    with state_of(request).read() as connection:
        rows = api_keys.list_keys(connection, None if after is None else (after[0], after[1]), limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    return KeyList(
        items=[Key.from_record(row) for row in rows[:limit]],
        next=None if last is None else paging.cursor((last.created_at, last.id)),
    )


@router.post("/keys", summary="Make a key", status_code=201, responses=responses(400, 413, 415))
def create_key(request: Request, response: Response, body: WantedKey, caller: Writer) -> MadeKey:
    """Make a key, and its user where there is none. It is in this answer only; its hash is kept."""
    state, now = state_of(request), datetime.now(UTC)
    api_keys.check_role(state.config, body.role)
    until = None if body.expires is None else api_keys.expiry(body.expires, now)
    with state.begin() as connection:
        vendors = None
        if body.vendors is not None:
            vendors = api_keys.check_vendors(body.vendors, submission.known_vendors(connection, None))
        new = api_keys.create_key(
            connection, user=body.user, role=body.role, vendors=vendors, expires_at=until, now=now
        )
    response.headers["Cache-Control"] = NO_STORE
    return MadeKey(id=new.id, user=new.user, role=new.role, key=new.key, vendors=vendors, expires_at=until)


@router.delete("/keys/{key_id}", summary="Revoke a key", status_code=204, responses=responses(404))
def revoke_key(request: Request, key_id: KeyId, caller: Writer) -> None:
    """End a key at once, with the sessions it has opened; your own as well."""
    with state_of(request).begin() as connection:
        if not api_keys.revoke(connection, key_id, datetime.now(UTC)):
            raise _no_key(key_id)


@router.post("/keys/{key_id}/rotate", summary="Replace a key", status_code=201, responses=responses(404))
def rotate_key(request: Request, response: Response, key_id: KeyId, caller: Writer) -> MadeKey:
    """Replace a key by a new one of the same user, role, vendors and expiry; the old one ends at once."""
    with state_of(request).begin() as connection:
        new = api_keys.rotate(connection, key_id, datetime.now(UTC))
        found = None if new is None else api_keys.find_key(connection, new.key)
    if new is None or found is None:
        raise _no_key(key_id)
    response.headers["Cache-Control"] = NO_STORE
    return MadeKey(
        id=new.id, user=new.user, role=new.role, key=new.key, vendors=found.vendors, expires_at=found.expires_at
    )


def _no_key(key_id: str) -> NotFound:
    return NotFound(f"There is no valid key {key_id!r}; GET /api/v1/keys lists them.")
