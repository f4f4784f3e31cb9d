"""Static files of the package, under addresses that change with their content, so that browsers cache them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from christmas.server.problems import NotFound

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

MEDIA_TYPES = {
    "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml",
    "png": "image/png", "txt": "text/plain; charset=utf-8",
}  # fmt: skip
KEPT = "public, max-age=31536000, immutable"


def mount(app: FastAPI) -> None:
    """Serve the files under ``/static/HASH/NAME``, without a key."""
    app.routes.append(Route("/static/{digest}/{name:path}", _serve, methods=["GET"]))


def address(name: str) -> str:
    """Return the address of a file; for templates."""
    return f"/static/{_digest(name)}/{name}"


def _serve(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _names():
        raise NotFound(f"There is no file {name}.")
    known = request.path_params["digest"] == _digest(name)
    headers = {"Cache-Control": KEPT if known else "no-cache"}
    return Response(_content(name), media_type=MEDIA_TYPES[name.rpartition(".")[2]], headers=headers)


@cache
def _names() -> frozenset[str]:
    root = files("christmas.server.web") / "static"
    here = [one.name for one in root.iterdir() if one.is_file()]
    lib = [f"lib/{one.name}" for one in (root / "lib").iterdir() if one.is_file()]
    return frozenset(name for name in (*here, *lib) if name.rpartition(".")[2] in MEDIA_TYPES)


@cache
def _content(name: str) -> bytes:
    return (files("christmas.server.web") / "static" / name).read_bytes()


@cache
def _digest(name: str) -> str:
    return hashlib.blake2b(_content(name), digest_size=6).hexdigest()
