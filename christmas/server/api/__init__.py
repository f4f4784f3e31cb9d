"""The API: one module for each kind of thing, all under ``/api/v1``."""

from fastapi import APIRouter

from christmas.server.api import definitions, held, jobs, keys, logs, me, schedule, users, vendors

PREFIX = "/api/v1"

router = APIRouter(prefix=PREFIX)
for module in (definitions, held, jobs, keys, logs, me, schedule, users, vendors):
    router.include_router(module.router)
