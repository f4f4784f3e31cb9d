"""The web page: templates, static files, and the routes that fill them."""

from fastapi import APIRouter

from christmas.server.web import (
    changes,
    first_visit,
    operations,
    operations_held,
    operations_jobs,
    operations_logs,
    operations_schedule,
    piece,
    search,
    signing_in,
    years,
)

pages = APIRouter(include_in_schema=False)
for module in (
    signing_in,
    search,
    piece,
    years,
    changes,
    first_visit,
    operations,
    operations_logs,
    operations_jobs,
    operations_schedule,
    operations_held,
):
    pages.include_router(module.router)
