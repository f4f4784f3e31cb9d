"""Users, their roles, their API keys, and what a new key may be. A key itself is never stored, only its SHA-256."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Text, bindparam, delete, insert, select, update

from christmas.config.durations import duration
from christmas.db import dialects
from christmas.db.dialects import any_of
from christmas.db.permissions import binds
from christmas.db.tables import api_keys, role_bindings, sessions, users
from christmas.errors import ArgumentError
from christmas.policy import rules

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from christmas.config import Config

KEY_BYTES = 32
USER_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"
# Prefix of the ids of published keys: those of `access.test_users`.
TEST_ID = "test-"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is shown once."""

    id: str
    user: str
    role: str
    key: str


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A row of a key; ``bound`` says whether its user still has its role."""

    id: str
    user: str
    role: str
    hash: bytes
    vendors: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    bound: bool


def new_key() -> str:
    """Return a new random key."""
    return secrets.token_urlsafe(KEY_BYTES)


@binds("access", "write")
def create_key(
    connection: Connection,
    *,
    user: str,
    role: str,
    now: datetime,
    vendors: Sequence[str] | None = None,
    expires_at: datetime | None = None,
    key: str | None = None,
    for_tests: bool = False,
) -> NewKey:
    """Make a key, and the user and the role's binding where they are missing; ``key`` is one that is made already.

    A key that is ``for_tests`` is valid only where ``access.test_users`` says so.
    """
    bind(connection, user, role, now)
    new = NewKey((TEST_ID if for_tests else "") + secrets.token_hex(6), user, role, key or new_key())
    row: dict[str, Any] = {"id": new.id, "user": user, "role": role, "hash": _hash(new.key), "created_at": now}
    chosen = None if vendors is None else list(vendors)
    connection.execute(insert(api_keys), row | {"vendors": chosen, "expires_at": expires_at})
    return new


def find_key(connection: Connection, key: str) -> KeyRow | None:
    """Return the row of a key; None where there is no such key."""
    digest = _hash(key)
    row = connection.execute(_BY_HASH, {"digest": digest}).first()
    return KeyRow(*row) if row is not None and hmac.compare_digest(bytes(row.hash), digest) else None


def list_keys(
    connection: Connection, after: tuple[datetime, str] | None = None, limit: int | None = None
) -> list[KeyRow]:
    """Return the keys, the oldest first; ``after`` is ``created_at`` and id of the last one of the page before."""
    query = _rows().order_by(api_keys.c.created_at, api_keys.c.id).limit(limit)
    if after is not None:
        at, key_id = after
        query = query.where(api_keys.c.created_at >= at, (api_keys.c.created_at > at) | (api_keys.c.id > key_id))
    return [KeyRow(*row) for row in connection.execute(query)]


@binds("access", "use")
def used(connection: Connection, key_id: str, now: datetime) -> None:
    """Note that a key was used."""
    connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=now))


@binds("access", "write")
def revoke(connection: Connection, key_id: str, now: datetime) -> bool:
    """End a key; False where there is no such valid key."""
    statement = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    return bool(connection.execute(statement.values(revoked_at=now)).rowcount)


@binds("access", "write")
def rotate(connection: Connection, key_id: str, now: datetime) -> NewKey | None:
    """Replace a key by a new one of the same user, role, vendors and expiry; None where there is no such valid key."""
    row = connection.execute(_rows().where(api_keys.c.id == key_id)).first()
    if row is None:
        return None
    old = KeyRow(*row)
    if (old.expires_at is not None and old.expires_at <= now) or not old.bound or not revoke(connection, key_id, now):
        return None
    return create_key(connection, user=old.user, role=old.role, vendors=old.vendors, expires_at=old.expires_at, now=now)


@binds("access", "write")
def bind(connection: Connection, user: str, role: str, now: datetime) -> None:
    """Grant a user a role; makes the user where there is none."""
    # Not a look and then an insert: two may bind the same user at the same moment.
    binding = {"user": user, "role": role, "bound_at": now}
    for table, row in ((users, {"name": user, "created_at": now}), (role_bindings, binding)):
        connection.execute(dialects.insert(connection, table).values(row).on_conflict_do_nothing())


@binds("access", "delete")
def unbind(connection: Connection, user: str, role: str) -> bool:
    """Take a role from a user: its keys of that role stop working at once."""
    statement = delete(role_bindings).where(role_bindings.c.user == user, role_bindings.c.role == role)
    return bool(connection.execute(statement).rowcount)


def roles(connection: Connection, user: str) -> list[str]:
    """Return a user's roles."""
    query = select(role_bindings.c.role).where(role_bindings.c.user == user).order_by(role_bindings.c.role)
    return list(connection.scalars(query))


def list_users(connection: Connection, after: str = "", limit: int | None = None) -> list[tuple[str, list[str]]]:
    """Return the users with their roles by name; ``after`` is the last one of the page before."""
    names = select(users.c.name).where(users.c.name > after).order_by(users.c.name).limit(limit)
    found: dict[str, list[str]] = {name: [] for name in connection.scalars(names)}
    columns = role_bindings.c
    bound = select(columns.user, columns.role).where(columns.user.in_(any_of(connection, list(found), Text)))
    for user, role in connection.execute(bound.order_by(columns.role)):
        found.get(user, []).append(role)
    return list(found.items())


@binds("access", "delete")
def remove(connection: Connection, user: str) -> bool:
    """Remove a user with all keys, sessions and roles; the access log keeps the name."""
    for table in (sessions, api_keys, role_bindings):
        connection.execute(delete(table).where(table.c.user == user))
    return bool(connection.execute(delete(users).where(users.c.name == user)).rowcount)


def check_role(config: Config, role: str) -> None:
    """Raise ArgumentError with the list of roles where there is none of that name."""
    roles = rules.load(config).roles()
    if role not in roles:
        raise ArgumentError(f"There is no role {role!r}; the policy has {', '.join(roles)}.")


def check_user(user: str) -> None:
    """Raise ArgumentError where a user's name is not accepted."""
    if not re.fullmatch(USER_PATTERN, user):
        raise ArgumentError(f"The user {user!r} is not accepted: up to 64 letters, digits, dots, dashes, underscores.")


def check_vendors(chosen: Sequence[str], known: Collection[str], given_as: str = "vendors") -> list[str]:
    """Return the vendors a key is for, each once; raise ArgumentError where one is not known, or there is none.

    ``given_as`` is what the caller calls them.
    """
    unknown = ", ".join(name for name in chosen if name not in known)
    if unknown or not chosen:
        raise ArgumentError(f"{given_as}: {unknown or 'nothing'} is no vendor; there are {', '.join(sorted(known))}.")
    return list(dict.fromkeys(chosen))


def expiry(text: str, now: datetime, given_as: str = "expires") -> datetime:
    """Read ``30d``, ``12h``, or a time such as 2027-01-31 (UTC); raise ArgumentError, also where it has passed."""
    try:
        if (later := duration(text)) is not None:
            return now + later
        at = datetime.fromisoformat(text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ArgumentError(
            f"{given_as} {text!r} is not accepted: give 30d, 12h, or a time such as 2027-01-31."
        ) from error
    if at <= now:
        raise ArgumentError(f"{given_as} {text} has passed.")
    return at


def _rows() -> Any:
    bound = (
        select(role_bindings.c.role)
        .where(role_bindings.c.user == api_keys.c.user, role_bindings.c.role == api_keys.c.role)
        .exists()
    )
    columns = (
        api_keys.c.id, api_keys.c.user, api_keys.c.role, api_keys.c.hash, api_keys.c.vendors, api_keys.c.created_at,
        api_keys.c.expires_at, api_keys.c.last_used_at, api_keys.c.revoked_at,
    )  # fmt: skip
    return select(*columns, bound.label("bound"))


# Made once: it is asked with every request.
_BY_HASH = _rows().where(api_keys.c.hash == bindparam("digest"))


def _hash(key: str) -> bytes:
    # Keys are random and 256 bits long: a slow hash would protect nothing and cost 37 ms a request.
    # What is no Unicode is no key either, and no error.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
