"""Which permission each writing function of the catalog needs, and how the database itself enforces the same.

SQLite asks an authorizer whenever it prepares a statement, PostgreSQL checks the GRANTs of the role that a connection
has taken. The first holds for this process's statements only, the second for everything on the connection.
"""

from __future__ import annotations

import re
import sqlite3
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from christmas.policy.rights import TABLES, USED_COLUMN, Rights

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from christmas.policy.rules import Policy

P = ParamSpec("P")
T = TypeVar("T")

_ALWAYS = {
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT, sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}  # fmt: skip
_ON_TABLES = {
    sqlite3.SQLITE_READ: "read",
    sqlite3.SQLITE_INSERT: "write",
    sqlite3.SQLITE_UPDATE: "write",
    sqlite3.SQLITE_DELETE: "delete",
}
# What every process may look at: whether the tables are there and of which version; and lists given as parameters.
_OPEN_TABLES = {"sqlite_master", "alembic_version", "json_each"}
# SQLite's full-text index of products and the tables in which it keeps itself.
_FULL_TEXT = {f"product_words{suffix}" for suffix in ("", "_data", "_idx", "_docsize", "_config", "_content")}
_PRIVILEGES = {"read": "SELECT", "write": "INSERT, UPDATE", "delete": "DELETE"}


def binds(
    resource: str, action: str
) -> Callable[[Callable[Concatenate[Connection, P], T]], Callable[Concatenate[Connection, P], T]]:
    """Bind a function to a permission: AccessDenied where the connection's process does not have it."""

    def decorate(function: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[Connection, P], T]:
        @wraps(function)
        def checked(connection: Connection, /, *args: P.args, **kwargs: P.kwargs) -> T:
            rights: Rights | None = connection.get_execution_options().get("rights")
            if rights is not None:
                rights.require(resource, action)
            return function(connection, *args, **kwargs)

        checked.binding = (resource, action)  # type: ignore[attr-defined]  # the documentation and a test read it
        return checked

    return decorate


def enforce(connection: Any, dialect: str, rights: Rights) -> None:
    """Bind a new connection of the driver to the rights; every statement on it is checked from now on."""
    if dialect == "sqlite":
        connection.set_authorizer(lambda *asked: sqlite3.SQLITE_OK if _allowed(rights, *asked) else sqlite3.SQLITE_DENY)
        return
    with connection.cursor() as cursor:
        cursor.execute(f'SET ROLE "{role(rights.subject)}"')
    connection.commit()


def _allowed(rights: Rights, code: int, first: str | None, second: str | None, *_: object) -> bool:
    if code in _ALWAYS:
        return second != "load_extension"
    if code == sqlite3.SQLITE_PRAGMA:
        # SQLAlchemy asks for the level of isolation, the full-text index whether another process has written.
        return (first, second) in {("read_uncommitted", None), ("data_version", None)}
    action = _ON_TABLES.get(code)
    if action is None:
        return False
    if action == "read" and first in _OPEN_TABLES:
        return True
    if code == sqlite3.SQLITE_UPDATE and first == "sqlite_master":
        return True  # said by SQLite when it sets json_each up; real ones are refused without PRAGMA writable_schema
    if first in _FULL_TEXT:  # written by triggers of products: a row that is deleted is inserted here as a command
        return any(rights.allows("products", one) for one in (("read",) if action == "read" else ("write", "delete")))
    resource = TABLES.get(first or "", "")
    used = code == sqlite3.SQLITE_UPDATE and (first, second) == USED_COLUMN and rights.allows(resource, "use")
    return used or rights.allows(resource, action)


def role(subject: str) -> str:
    """Return the name of a subject's role in PostgreSQL."""
    return "christmas_" + re.sub(r"[^a-z0-9]", "_", subject.lower())


def grants(policy: Policy) -> list[str]:
    """Return the statements that make PostgreSQL's roles what the policy says; running them again changes nothing."""
    statements = []
    for subject in policy.subjects():
        name = f'"{role(subject)}"'
        exists = f"SELECT FROM pg_roles WHERE rolname = '{role(subject)}'"  # from the policy, [a-z0-9_]
        statements += [
            f"DO $$ BEGIN IF NOT EXISTS ({exists}) THEN CREATE ROLE {name} NOLOGIN; END IF; END $$",
            f"GRANT {name} TO CURRENT_USER",
            f"REVOKE ALL ON {', '.join(TABLES)} FROM {name}",
            f"GRANT SELECT ON alembic_version TO {name}",
        ]
        rights = Rights(subject, policy)
        for table, resource in TABLES.items():
            given = [sql for action, sql in _PRIVILEGES.items() if rights.allows(resource, action)]
            if table == USED_COLUMN[0] and rights.allows(resource, "use"):
                given.append(f"UPDATE ({USED_COLUMN[1]})")
            if given:
                statements.append(f"GRANT {', '.join(given)} ON {table} TO {name}")
        statements.append(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}")
    return statements
