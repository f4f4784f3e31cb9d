"""Deployed versions of the spiders, kept in the database so that every node has all of them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version
from sqlalchemy import Connection, delete, insert, select

from christmas.db.permissions import binds
from christmas.db.tables import eggs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@binds("eggs", "write")
def put(
    connection: Connection,
    project: str,
    version: str,
    content: bytes,
    *,
    spiders: Mapping[str, bool],
    uploaded_by: str | None,
    now: datetime,
) -> None:
    """Store one version; one of the same name is replaced."""
    connection.execute(delete(eggs).where(eggs.c.project == project, eggs.c.version == version))
    row = {"project": project, "version": version, "content": content, "spiders": dict(spiders)}
    digest = hashlib.sha256(content).hexdigest()
    connection.execute(insert(eggs), row | {"sha256": digest, "uploaded_by": uploaded_by, "uploaded_at": now})


def versions(connection: Connection, project: str) -> list[str]:
    """Return a project's versions, the newest last: by their numbers where all are such, else by the time of upload."""
    query = select(eggs.c.version).where(eggs.c.project == project).order_by(eggs.c.uploaded_at, eggs.c.version)
    found = list(connection.scalars(query))
    try:
        return sorted(found, key=Version)
    except InvalidVersion:
        return found


def projects(connection: Connection) -> list[str]:
    """Return the projects that have versions."""
    return list(connection.scalars(select(eggs.c.project).distinct().order_by(eggs.c.project)))


def resolve(connection: Connection, project: str, version: str | None) -> tuple[str, str] | None:
    """Return version and SHA-256 of an egg, of the newest where none is named; None where there is no such egg."""
    if version is None:
        version = next(reversed(versions(connection, project)), None)
    query = select(eggs.c.version, eggs.c.sha256).where(eggs.c.project == project, eggs.c.version == version)
    row = connection.execute(query).first()
    return None if row is None else (row.version, row.sha256)


def content(connection: Connection, project: str, version: str) -> bytes | None:
    """Return an egg's bytes."""
    return connection.scalar(select(eggs.c.content).where(eggs.c.project == project, eggs.c.version == version))


def spiders(connection: Connection, project: str, version: str | None) -> dict[str, bool] | None:
    """Return the spiders of a version, of the newest where none is named, each with whether it needs a browser."""
    found = resolve(connection, project, version)
    if found is None:
        return None
    query = select(eggs.c.spiders).where(eggs.c.project == project, eggs.c.version == found[0])
    return connection.scalar(query)


@binds("eggs", "delete")
def remove(connection: Connection, project: str, version: str | None = None) -> int:
    """Remove one version, or all of a project; return how many there were."""
    statement = delete(eggs).where(eggs.c.project == project)
    if version is not None:
        statement = statement.where(eggs.c.version == version)
    return connection.execute(statement).rowcount
