"""What a new key may be: whose, of which role, for which vendors, and until when; for every way to make one."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from christmas.config.durations import duration
from christmas.errors import ArgumentError
from christmas.policy import rules

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from christmas.config import Config

USER_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"


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
    """Return the vendors a key is for, each once; raises ArgumentError where one is not known, or there is none.

    ``given_as`` is what the caller calls them.
    """
    unknown = ", ".join(name for name in chosen if name not in known)
    if unknown or not chosen:
        raise ArgumentError(f"{given_as}: {unknown or 'nothing'} is no vendor; there are {', '.join(sorted(known))}.")
    return list(dict.fromkeys(chosen))


def expiry(text: str, now: datetime, given_as: str = "expires") -> datetime:
    """Read ``30d``, ``12h``, or a time such as 2027-01-31 (UTC); raises ArgumentError, also where it has passed."""
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
