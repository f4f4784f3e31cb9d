"""The application: its routes, its middlewares, and what all requests share."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import to_thread
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from christmas import __version__
from christmas.server import auth, problems, state
from christmas.server.api import router as api
from christmas.server.health import router as health
from christmas.server.middleware import Conditional, Heads, Surroundings
from christmas.server.openapi import describe
from christmas.server.web import errors, pages, static

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from christmas.config import Config

# As many as the engine's pool has connections: what waits, waits for a thread and not for a connection.
THREADS = 15
# Smaller answers do not get smaller; higher levels cost more time than they save.
GZIP_MIN_BYTES, GZIP_LEVEL = 1000, 1


def create(config: Config) -> FastAPI:
    """Make the application; ``config`` is bound to the service's rights (see ``access.bootstrap.prepare``)."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        app.state.christmas.background.later("Removing old sessions", state.forget_old_sessions, app.state.christmas)
        yield
        app.state.christmas.close()

    origins = config.server.cors_origins
    cors = [Middleware(CORSMiddleware, allow_origins=origins, allow_methods=["GET"], allow_headers=["Authorization"])]
    app = FastAPI(
        title="christmas",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # default a page that loads its scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # default a redirect to whatever host the request names
        middleware=[
            Middleware(Heads),
            Middleware(Surroundings, request_max_bytes=config.server.request_max_bytes),
            *(cors if origins else []),
            Middleware(GZipMiddleware, minimum_size=GZIP_MIN_BYTES, compresslevel=GZIP_LEVEL),
            Middleware(Conditional),
        ],
    )
    app.state.christmas = state.make(config)
    app.include_router(health)
    app.include_router(api)
    app.include_router(pages)
    static.mount(app)
    problems.install(app, errors.page, auth.count_unseen)
    describe(app)
    app.state.paths = {route.endpoint: route.path for route in iter_route_contexts(app.routes)}
    return app
