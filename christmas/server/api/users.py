"""Users and their roles, and the access log; for keys of all vendors only."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from starlette.requests import Request

from christmas.access import api_keys, audit_log
from christmas.access.audit_log import AccessRow
from christmas.access.gate import Caller
from christmas.server import paging
from christmas.server.api import inputs
from christmas.server.auth import needs
from christmas.server.problems import NotFound, responses
from christmas.server.state import state_of

router = APIRouter(tags=["keys and users"])

Reader = Annotated[Caller, Depends(needs("accounts.read", all_vendors=True))]
Writer = Annotated[Caller, Depends(needs("accounts.write", all_vendors=True))]
Remover = Annotated[Caller, Depends(needs("accounts.remove", all_vendors=True))]
UserName = Annotated[str, Path(pattern=api_keys.USER_PATTERN, examples=["ann"])]
Role = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.:-]{1,100}$", examples=["user"])]


class User(BaseModel):
    """One user."""

    name: str = Field(examples=["ann"])
    roles: list[str] = Field(examples=[["user"]])


class UserList(BaseModel):
    """A page of users, by name."""

    items: list[User]
    next: str | None = Field(examples=[None])


class AccessLine(BaseModel):
    """One line of the access log; user, role and key are null where no key was recognised."""

    at: datetime
    address: str = Field(examples=["127.0.0.1"])
    user: str | None = Field(examples=["ann"])
    role: str | None = Field(examples=["user"])
    key_id: str | None = Field(examples=["1f2e3d4c5b6a"])
    resource: str = Field(examples=["held"])
    action: str = Field(examples=["write"])
    allowed: bool = Field(examples=[False])
    reason: str | None = Field(description="why it was refused", examples=["ann (user) has no permission held.write."])

    @classmethod
    def from_record(cls, row: AccessRow) -> "AccessLine":
        """Make it of a record."""
        return cls.model_validate(row, from_attributes=True)


class AccessLog(BaseModel):
    """A page of the access log, the newest line first."""

    items: list[AccessLine]
    next: str | None = Field(examples=[None])


@router.get("/users", summary="All users", responses=responses())
def list_users(
    request: Request, caller: Reader, cursor: inputs.Cursor = None, limit: inputs.Limit = inputs.LIMIT_DEFAULT
) -> UserList:
    """Return the users with their roles."""
    after = paging.position(cursor, str)
    with state_of(request).read() as connection:
        rows = api_keys.list_users(connection, "" if after is None else after[0], limit + 1)
    following = paging.cursor((rows[limit - 1][0],)) if len(rows) > limit else None
    return UserList(items=[User(name=name, roles=roles) for name, roles in rows[:limit]], next=following)


@router.delete("/users/{name}", summary="Remove a user", status_code=204, responses=responses(404))
def remove_user(request: Request, name: UserName, caller: Remover) -> None:
    """Remove a user with all keys, roles and sessions, yourself as well; the access log keeps the name."""
    with state_of(request).begin() as connection:
        if not api_keys.remove(connection, name):
            raise NotFound(f"There is no user {name!r}; GET /api/v1/users lists them.")


@router.put("/users/{name}/roles/{role}", summary="Give a user a role", status_code=204, responses=responses())
def bind(request: Request, name: UserName, role: Role, caller: Writer) -> None:
    """Grant a user a role; makes the user where there is none."""
    state = state_of(request)
    api_keys.check_role(state.config, role)
    with state.begin() as connection:
        api_keys.bind(connection, name, role, datetime.now(UTC))


@router.delete(
    "/users/{name}/roles/{role}", summary="Take a role from a user", status_code=204, responses=responses(404)
)
def unbind(request: Request, name: UserName, role: Role, caller: Remover) -> None:
    """Take a role from a user; keys and sessions of that role stop working at once, your own as well."""
    with state_of(request).begin() as connection:
        if not api_keys.unbind(connection, name, role):
            raise NotFound(f"{name!r} has no role {role!r}; GET /api/v1/users lists them.")


@router.get("/access-log", summary="Who was refused, and who has written", responses=responses())
def get_access_log(
    request: Request,
    caller: Reader,
    cursor: inputs.Cursor = None,
    limit: inputs.Limit = inputs.LIMIT_DEFAULT,
) -> AccessLog:
    """Return every refusal, and every grant of a write, the newest first."""
    before = paging.position(cursor, int)
    with state_of(request).read() as connection:
        rows = audit_log.page(connection, limit + 1, None if before is None else before[0])
    following = paging.cursor((rows[limit - 1][0],)) if len(rows) > limit else None
    return AccessLog(items=[AccessLine.from_record(row) for _, row in rows[:limit]], next=following)
