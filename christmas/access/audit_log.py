"""Every refusal, and every grant of a write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, select

from christmas.db.permissions import binds
from christmas.db.tables import access_log

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class AccessRow:
    """One line; ``user``, ``role`` and ``key_id`` are None where no key was recognised."""

    at: datetime
    address: str
    user: str | None
    role: str | None
    key_id: str | None
    resource: str
    action: str
    allowed: bool
    reason: str | None


@binds("access_log", "write")
def record(connection: Connection, /, **line: Any) -> None:
    """Write one line: the fields of AccessRow."""
    # Inline: PostgreSQL returns an id only to those who may read the log.
    connection.execute(insert(access_log).inline(), line)


def latest(connection: Connection, limit: int = 100) -> list[AccessRow]:
    """Return the newest lines, the newest first."""
    return [row for _, row in page(connection, limit)]


def page(connection: Connection, limit: int, before: int | None = None) -> list[tuple[int, AccessRow]]:
    """Return the newest lines, each with its number; ``before`` is the number of the last one of the page before."""
    columns = [access_log.c[name] for name in AccessRow.__slots__]
    query = select(access_log.c.id, *columns).order_by(access_log.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(access_log.c.id < before)
    return [(row[0], AccessRow(*row[1:])) for row in connection.execute(query)]


@binds("access_log", "delete")
def prune(connection: Connection, before: datetime) -> int:
    """Remove what is older; return how many lines."""
    return connection.execute(delete(access_log).where(access_log.c.at < before)).rowcount
