"""Who asks, and what the API can do."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from christmas.access.gate import Caller
from christmas.policy.rules import SESSION_USE
from christmas.server.auth import needs
from christmas.server.problems import responses
from christmas.server.state import state_of

router = APIRouter(tags=["about"])


class Whoami(BaseModel):
    """Who a key belongs to."""

    user: str | None = Field(description="null without a key", examples=["ann"])
    role: str = Field(examples=["user"])
    key_id: str | None = Field(description="names the key without revealing it", examples=["1f2e3d4c5b6a"])
    vendors: list[str] | None = Field(description="what the key is for; null means all", examples=[None])
    permissions: list[str] = Field(examples=[["products.read", "changes.read"]])


@router.get("/whoami", summary="Whose key it is, and what it may do", responses=responses())
def whoami(request: Request, caller: Annotated[Caller, Depends(needs(SESSION_USE))]) -> Whoami:
    """Return user, role, scope and permissions."""
    policy = state_of(request).gate.policy
    return Whoami(
        user=caller.user,
        role=caller.role,
        key_id=caller.key_id,
        vendors=caller.vendors,
        permissions=policy.permissions(caller.role),
    )


@router.get("/openapi.json", summary="This document", response_class=JSONResponse)
def openapi(request: Request) -> dict[str, Any]:
    """Return the OpenAPI document; open to everybody."""
    document: dict[str, Any] = request.app.openapi()
    return document
