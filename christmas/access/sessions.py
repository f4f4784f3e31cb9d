"""Sessions of the web pages, and links that sign in once. A token itself is never stored, only its SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select

from christmas.access.api_keys import TEST_ID
from christmas.db.permissions import binds
from christmas.db.tables import api_keys, role_bindings, sessions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

TOKEN_BYTES = 32
# How many sessions a user keeps who signs in again and again, such as a script.
KEPT = 20
Kind = Literal["session", "link"]


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in user, until when; ``vendors`` None means all, ``key_id`` None that it was by a link."""

    user: str
    role: str
    vendors: list[str] | None
    key_id: str | None
    expires_at: datetime


_COLUMNS = (sessions.c.user, sessions.c.role, sessions.c.vendors, sessions.c.key_id, sessions.c.expires_at)


@binds("access", "write")
def create(
    connection: Connection,
    *,
    kind: Kind,
    user: str,
    role: str,
    vendors: Sequence[str] | None,
    key_id: str | None,
    now: datetime,
    lifetime: timedelta,
) -> str:
    """Make a session, or a link that is exchanged for one; return its token, 256 bits.

    The user's expired ones go, and of those of the same key, or all without one, all but the newest KEPT.
    """
    connection.execute(delete(sessions).where(sessions.c.user == user, sessions.c.expires_at <= now))
    same = (sessions.c.user == user, sessions.c.kind == kind, sessions.c.key_id.is_not_distinct_from(key_id))
    newest_first = sessions.c.created_at.desc(), sessions.c.hash
    old = select(sessions.c.hash).where(*same).order_by(*newest_first).offset(KEPT - 1)
    connection.execute(delete(sessions).where(sessions.c.hash.in_(old)))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    who = {"user": user, "role": role, "vendors": None if vendors is None else list(vendors), "key_id": key_id}
    times = {"created_at": now, "expires_at": now + lifetime}
    connection.execute(insert(sessions), {"hash": _hash(token), "kind": kind} | who | times)
    return token


def find(connection: Connection, token: str, now: datetime, *, test_users: bool = False) -> Session | None:
    """Return the session of a token; that of a test user's key only with ``test_users``, see ``access.authentication``.

    None where there is none, where it or its key has expired, where its key was revoked or rotated, and where its user
    no longer has its role.
    """
    query = select(*_COLUMNS).where(sessions.c.hash == _hash(token), sessions.c.kind == "session", _valid(now))
    row = connection.execute(query).first()
    if row is None or ((row.key_id or "").startswith(TEST_ID) and not test_users):
        return None
    return Session(*row)


def find_link(connection: Connection, token: str, now: datetime) -> Session | None:
    """Return whom a link would sign in; None where there is no valid such link."""
    query = select(*_COLUMNS).where(sessions.c.hash == _hash(token), sessions.c.kind == "link", _valid(now))
    row = connection.execute(query).first()
    return None if row is None else Session(*row)


@binds("access", "write")
def redeem(connection: Connection, token: str, now: datetime, lifetime: timedelta) -> str | None:
    """Exchange a link's token for a session's; None where there is no valid such link, or another was first."""
    link = delete(sessions).where(sessions.c.hash == _hash(token), sessions.c.kind == "link", _valid(now))
    row = connection.execute(link.returning(*_COLUMNS)).first()
    if row is None:
        return None
    return create(
        connection, kind="session", user=row.user, role=row.role, vendors=row.vendors, key_id=row.key_id, now=now,
        lifetime=lifetime,
    )  # fmt: skip


@binds("access", "delete")
def end(connection: Connection, token: str) -> bool:
    """End a session, or take back a link; False where there is none."""
    return bool(connection.execute(delete(sessions).where(sessions.c.hash == _hash(token))).rowcount)


@binds("access", "delete")
def prune(connection: Connection, before: datetime) -> int:
    """Remove what has expired by then; return how many."""
    return connection.execute(delete(sessions).where(sessions.c.expires_at <= before)).rowcount


def _valid(now: datetime) -> ColumnElement[bool]:
    bound = select(role_bindings.c.role).where(
        role_bindings.c.user == sessions.c.user, role_bindings.c.role == sessions.c.role
    )
    key = select(api_keys.c.id).where(
        api_keys.c.id == sessions.c.key_id,
        api_keys.c.revoked_at.is_(None),
        or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now),
    )
    return (sessions.c.expires_at > now) & bound.exists() & (sessions.c.key_id.is_(None) | key.exists())


def _hash(token: str) -> bytes:
    # As for keys: 256 random bits need no slow hash. What is no Unicode is no token either, and no error.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
