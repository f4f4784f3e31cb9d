"""The permission matrix of docs/permissions.md: it is what the policy says, and a real node answers every cell so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from christmas.db.tables import metadata
from christmas.node.application import SERVICES
from christmas.node.guard import PERMISSIONS
from christmas.policy import rights
from tests import access_matrix
from tests.farm import Answer, Key
from tests.node.guarded import Guarded, guarded

TEXT = access_matrix.DOCUMENT.read_text(encoding="utf-8")
PROJECT = {"project": "christmas"}
# What to ask for so that nothing is done where it is allowed.
REQUESTS: dict[str, tuple[str, dict[str, str] | None]] = {
    "/": ("", None),
    "/jobs": ("jobs", None),
    "/logs/*": ("logs/", None),
    "/metrics": ("metrics", None),
    "/schedule.json": ("schedule.json", PROJECT),
    "/cancel.json": ("cancel.json", PROJECT | {"job": "none"}),
    "/status.json": ("status.json?job=none", None),
    "/listjobs.json": ("listjobs.json", None),
    "/daemonstatus.json": ("daemonstatus.json", None),
    "/listprojects.json": ("listprojects.json", None),
    "/listversions.json": ("listversions.json?project=christmas", None),
    "/listspiders.json": ("listspiders.json?project=christmas", None),
    "/addversion.json": ("addversion.json", PROJECT),
    "/delversion.json": ("delversion.json", PROJECT | {"version": "none"}),
    "/delproject.json": ("delproject.json", PROJECT),
    access_matrix.ANYTHING_ELSE: ("anything/else", None),
}
# What an allowed request is answered that lacks an argument, or names what is not there.
ARGUMENTS = {
    "/schedule.json": 400, "/addversion.json": 400, "/delversion.json": 404, "/delproject.json": 404,
    access_matrix.ANYTHING_ELSE: 404,
}  # fmt: skip


def cells() -> list[tuple[str, str, str, bool]]:
    """Return endpoint, permission, role and whether it may, as the document says."""
    table = TEXT.partition("<!-- matrix -->\n")[2].partition("\n<!-- /matrix -->")[0]
    head, _, *rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.splitlines()]
    roles = head[2:]
    return [(row[0], row[1], role, cell == "yes") for row in rows for role, cell in zip(roles, row[2:], strict=True)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("matrix"), CHRISTMAS__NODE__EGG_UPLOAD="true") as found:
        yield found


def ask(site: Guarded, endpoint: str, key: Key | None) -> Answer:
    path, data = REQUESTS[endpoint]
    return site.node.ask(path, data, key=key, anonymous=key is None)


def test_every_endpoint_of_a_node_has_a_permission_of_its_own(site: Guarded) -> None:
    assert {f"{name}.json" for name in SERVICES} | {"", "jobs", "logs", "metrics"} == set(PERMISSIONS)
    assert list(REQUESTS) == list(access_matrix.endpoints())


def test_every_table_of_the_catalog_belongs_to_a_resource() -> None:
    assert set(rights.TABLES) == set(metadata.tables)


@pytest.mark.parametrize(("endpoint", "permission", "role", "allowed"), cells())
def test_cell(endpoint: str, permission: str, role: str, allowed: bool, site: Guarded) -> None:
    answer = ask(site, endpoint, site.keys[role])
    if allowed:
        assert answer.status == ARGUMENTS.get(endpoint, 200), answer.text
    else:
        assert answer.status == 403
        assert answer.json["status"] == "error"
        assert f"({role}) has no permission {permission};" in answer.json["message"]


@pytest.mark.parametrize("endpoint", REQUESTS)
def test_without_a_key_no_endpoint_answers(endpoint: str, site: Guarded) -> None:
    answer = ask(site, endpoint, None)
    assert answer.status == 401
    assert answer.json["status"] == "error"
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
