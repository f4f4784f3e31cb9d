"""The web page: templates, static files, and the routes that fill them."""

from fastapi import APIRouter

from christmas.server.web import changes, downloads, first_visit, piece, search, signing_in, years
from christmas.server.web.operations import held, jobs, logs, overview, schedule

pages = APIRouter(include_in_schema=False)
for module in (
    signing_in,
    search,
    piece,
    years,
    changes,
    downloads,
    first_visit,
    overview,
    logs,
    jobs,
    schedule,
    held,
):
    pages.include_router(module.router)
