"""The API: one module for each kind of thing, all under ``/api/v1``."""

from fastapi import APIRouter

from christmas.server.api import (
    changes,
    export,
    held,
    jobs,
    keys,
    logs,
    me,
    offers,
    products,
    schedule,
    statistics,
    users,
    vendors,
)

PREFIX = "/api/v1"

router = APIRouter(prefix=PREFIX)
# A request tries one after the other: what is asked for most comes first.
for module in (
    products,
    offers,
    changes,
    vendors,
    export,
    held,
    jobs,
    keys,
    logs,
    me,
    schedule,
    statistics,
    users,
):
    router.include_router(module.router)
