"""Every route x every role: answered as the policy says; and the document of routes is what the application has."""

from __future__ import annotations

import re

import pytest
from fastapi.routing import RouteContext

from christmas.config import Config
from christmas.policy import rules
from christmas.server import openapi
from tests import routes
from tests.farm import Key
from tests.server.running import Server

pytestmark = pytest.mark.integration

POLICY = rules.load(Config())
NOBODY = "nobody"
# Open to everybody, each for a reason: how the server is, what the API can do, and the door.
# Its answers have one form, whatever they say: programs ask it, every few seconds.
READY = "GET /health/ready"
OPEN = {
    "GET /health/live", "GET /health/ready", "GET /api/v1/openapi.json", "GET /sign-in", "POST /sign-in",
}  # fmt: skip
ALL = [(route, method, permission) for route, method, permission in openapi.permissions(routes.application())]
NAMES = [f"{method} {route.path}" for route, method, _ in ALL]
# What stands for a part of a path, so that nothing is found by it.
PARTS = {"digest": "0", "year": "1850", "held_id": "987654321", "id": "none"}


@pytest.fixture(scope="module")
def keys(own: Server) -> dict[str, Key | None]:
    return {role: own.key(role, user=f"role-{role.replace(':', '-')}") for role in POLICY.roles()} | {NOBODY: None}


def path(route: RouteContext) -> str:
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: PARTS.get(found[1], "none"), route.path)


@pytest.mark.parametrize(("route", "method", "permission"), ALL, ids=NAMES)
def test_every_role_is_answered_as_the_policy_says(
    own: Server, keys: dict[str, Key | None], route: RouteContext, method: str, permission: str | None
) -> None:
    if permission is None:
        assert f"{method} {route.path}" in OPEN
        return
    resource, _, action = permission.rpartition(".")
    for role, key in keys.items():
        json = {} if method in {"POST", "PUT", "PATCH"} and route.include_in_schema else None
        form = {} if method == "POST" and not route.include_in_schema else None
        answer = own.ask(path(route), key=key, method=method, json=json, form=form, anonymous=key is None)
        assert answer.status < 500, answer.text
        if key is None:
            led_to_the_door = answer.status == 303 and answer.headers["location"].startswith("/sign-in")
            assert answer.status == 401 or led_to_the_door, role
        elif POLICY.allows(role, resource, action):
            assert answer.status not in {401, 403}, (role, answer.text)
        else:
            assert answer.status == 403, (role, answer.text)
            line = own.access_log()[0]
            assert (line.role, line.resource, line.action, line.allowed) == (role, resource, action, False)


def test_what_is_open_is_on_the_list() -> None:
    assert {name for name, (_, _, permission) in zip(NAMES, ALL, strict=True) if permission is None} == OPEN


def test_the_document_is_complete() -> None:
    document = routes.application().openapi()
    for name, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method.upper()} {name}"
            assert operation["summary"], where
            assert operation["description"], where
            good = [code for code in operation["responses"] if code.startswith("2")]
            assert good, where
            if where not in OPEN:
                assert {"401", "403", "429", "503"} <= set(operation["responses"]), where
                assert operation["security"], where
            for code, answer in operation["responses"].items():
                if not code.startswith("2") and where != READY:
                    assert "application/problem+json" in answer["content"], (where, code)
            for parameter in operation.get("parameters", ()):
                schema = parameter["schema"]
                assert parameter.get("description") or "description" in schema or "examples" in schema, (where, schema)
    for name, schema in document["components"]["schemas"].items():
        if "properties" in schema:
            told = [one for one in schema["properties"].values() if "examples" in one or "$ref" in str(one)]
            assert told or "enum" in schema or name.endswith("Health"), f"{name} has no examples"
