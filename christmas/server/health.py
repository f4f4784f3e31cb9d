"""``/health/live`` and ``/health/ready``, which need no key, and ``/metrics`` for Prometheus."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from prometheus_client import REGISTRY
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from christmas.access.gate import Caller
from christmas.health import LIVE, READY
from christmas.metrics import prometheus
from christmas.server.auth import needs
from christmas.server.problems import responses
from christmas.server.state import state_of

router = APIRouter(tags=["health"])


class ServiceHealth(BaseModel):
    """How the server is."""

    status: Literal["ok"]


@router.get(LIVE, summary="Whether the process answers")
async def live(request: Request) -> ServiceHealth:  # in no thread: those may all wait for a database
    """Return that the process answers; needs no key."""
    return ServiceHealth.model_validate(state_of(request).probes.live().body)


class Ready(BaseModel):
    """Whether the server takes requests, and which dependencies do not answer; without `redis` it still works."""

    status: Literal["ok", "unavailable", "stopping"]
    missing: list[Literal["database", "redis"]] = Field(
        description="the dependencies that do not answer", examples=[["redis"]]
    )


@router.get(
    READY,
    summary="Whether requests can be answered",
    responses={503: {"model": Ready, "description": "The catalog cannot be read, or the server ends."}},
)
def ready(request: Request, response: Response) -> Ready:
    """Return whether requests can be answered: 503 while the catalog cannot be read. Needs no key."""
    found = state_of(request).probes.ready()
    response.status_code = found.code
    return Ready.model_validate(found.body)


@router.get(
    "/metrics",
    summary="Everything that is measured, for Prometheus",
    responses=responses() | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    response_class=Response,
)
def metrics(request: Request, caller: Annotated[Caller, Depends(needs("metrics.read"))]) -> Response:
    """Return the vendors' totals, what stands now, and how long this server's answers took."""
    state = state_of(request)
    found = prometheus.text(state.engine, state.config, caller.vendors)
    # Of several processes, only one would be seen each time.
    alone = state.config.server.workers == 1 and caller.vendors is None
    own = generate_latest(REGISTRY) if alone else b""
    return Response(found + own, media_type=CONTENT_TYPE_LATEST)
