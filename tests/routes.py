"""The table of routes in docs/routes.md, made from the application."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from fastapi import FastAPI

from christmas.config import Config
from christmas.policy import rules as policy
from christmas.server import app, openapi

EVERYBODY = "everybody"


@cache
def application() -> FastAPI:
    """Make the application; nothing is connected."""
    folder = Path(tempfile.gettempdir()) / "christmas-routes"
    return app.create(Config(var_path=folder, service="service:server"))


def roles(permission: str | None) -> str:
    """Return who may, in words."""
    if permission is None:
        return EVERYBODY
    rules = policy.load(Config())
    resource, _, action = permission.rpartition(".")
    named = [role for role in rules.roles() if rules.allows(role, resource, action)]
    public = [f"`{policy.PUBLIC}`"] if rules.allows(policy.PUBLIC, resource, action) else []
    # What every service may is said once.
    if "service" in named:
        named = [role for role in named if not role.startswith("service:")]
    return ", ".join([*(f"`{role}`" for role in named), *public])


def table() -> str:
    """Return method, path, permission and roles of every route of the API."""
    rows = ["| route | permission | roles |", "| --- | --- | --- |"]
    for route, method, permission in openapi.permissions(application()):
        if route.include_in_schema:
            rows.append(
                f"| `{method} {route.path}` | {f'`{permission}`' if permission else ''} | {roles(permission)} |"
            )
    return "\n".join(rows)
