"""Which user a key belongs to, and whether it is valid now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from christmas.access import api_keys
from christmas.errors import AccessDenied

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

# The last use is noted to the minute: a write for every request would cost more than the request.
LAST_USE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """The user of a key; ``vendors`` None means all."""

    user: str
    role: str
    key_id: str
    vendors: list[str] | None
    last_used_at: datetime | None = None

    def use_is_due(self, now: datetime) -> bool:
        """Return whether it is time to note that the key was used."""
        return self.last_used_at is None or now - self.last_used_at > LAST_USE


class Unauthorised(AccessDenied):
    """Raised when there is no key, or one that is not valid; ``reason`` is for the log, not for the caller."""

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class KeyRefused(Unauthorised):
    """Raised when a key is not valid, from ``authenticate``; the message is the same for every reason."""

    def __init__(self, reason: str) -> None:
        super().__init__("The user name or the key is not valid.", reason)


def authenticate(
    connection: Connection, user: str | None, key: str, now: datetime, *, test_users: bool = False
) -> Identity:  # fmt: skip
    """Return the identity of a user name and key, or of a key alone; raise KeyRefused.

    The keys of test users are valid only with ``test_users``: a process that made them may share the database. It
    only reads; where ``use_is_due``, call ``api_keys.used`` in a writing transaction.
    """
    found = api_keys.find_key(connection, key)
    if found is None:
        raise KeyRefused("unknown key")
    if user is not None and found.user != user:
        raise KeyRefused(f"key {found.id} is not {user[:80]!r}'s")
    if found.id.startswith(api_keys.TEST_ID) and not test_users:
        raise KeyRefused(f"key {found.id} is for tests, and access.test_users is empty here")
    if found.revoked_at is not None:
        raise KeyRefused(f"key {found.id} was revoked")
    if found.expires_at is not None and found.expires_at <= now:
        raise KeyRefused(f"key {found.id} has expired")
    if not found.bound:
        raise KeyRefused(f"key {found.id}: {found.user} has no role {found.role} any more")
    return Identity(found.user, found.role, found.id, found.vendors, found.last_used_at)
