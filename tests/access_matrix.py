"""The tables of docs/permissions.md, made from the policy and the code."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import christmas
from christmas.config import Config
from christmas.node.guard import OTHER, PERMISSIONS
from christmas.policy import rules
from christmas.policy.rights import TABLES, USED_COLUMN

DOCUMENT = Path(__file__).parents[1] / "docs" / "permissions.md"
POLICY = rules.load(Config())
ACTIONS = ("read", "write", "delete")
ANYTHING_ELSE = "anything else"
# Importing these starts something, or needs an environment of its own.
WITHOUT_BINDINGS = ("christmas.__main__", "christmas.settings", "christmas.demo.__main__")


def endpoints() -> dict[str, str]:
    """Return each endpoint of a node as the document names it, with the permission it needs."""
    named = {f"/{path}/*" if path == "logs" else f"/{path}": permission for path, permission in PERMISSIONS.items()}
    return {**named, ANYTHING_ELSE: OTHER}


def matrix() -> str:
    """Return role x endpoint."""
    roles = POLICY.roles()
    rows = [
        [f"`{endpoint}`" if endpoint != ANYTHING_ELSE else endpoint, f"`{permission}`"]
        + [_yes(POLICY.allows(role, *permission.rsplit(".", 1))) for role in roles]
        for endpoint, permission in endpoints().items()
    ]
    return _table(["endpoint", "permission", *(f"`{role}`" for role in roles)], rows)


def tables() -> str:
    """Return what each service and spider may do to each table of the catalog."""
    subjects = POLICY.subjects()
    rows = [[f"`{table}`", *(_actions(subject, table) for subject in subjects)] for table in TABLES]
    return _table(["table", *(f"`{subject}`" for subject in subjects)], rows)


def functions() -> str:
    """Return each permission with the functions that are bound to it, and which service has it."""
    bound: dict[tuple[str, str], list[str]] = {}
    for found in walk_packages(christmas.__path__, "christmas."):
        if found.name.startswith(WITHOUT_BINDINGS):
            continue
        with warnings.catch_warnings(action="ignore"):  # Twisted's, of its own parts
            module = import_module(found.name)
        for name, function in vars(module).items():
            binding = getattr(function, "binding", None)
            if binding and function.__module__ == found.name and not name.startswith("_"):
                bound.setdefault(binding, []).append(f"`{found.name.removeprefix('christmas.')}.{name}`")
    rows = []
    for binding, names in sorted(bound.items()):
        allowed = [f"`{subject}`" for subject in POLICY.subjects() if POLICY.allows(subject, *binding)]
        rows.append([f"`{'.'.join(binding)}`", ", ".join(sorted(names)), ", ".join(allowed) or "-"])
    return _table(["permission", "functions", "subjects, besides the owner of the database"], rows)


def _actions(subject: str, table: str) -> str:
    found = [action for action in ACTIONS if POLICY.allows(subject, TABLES[table], action)]
    if table == USED_COLUMN[0] and "write" not in found and POLICY.allows(subject, TABLES[table], "use"):
        found.append(f"write `{USED_COLUMN[1]}`")
    return ", ".join(found) or "-"


def _yes(allowed: bool) -> str:
    return "yes" if allowed else "-"


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
