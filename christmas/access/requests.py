"""What the header fields of an HTTP request say of its caller."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def basic(value: str) -> tuple[str, str] | None:
    """Read user name and key of an ``Authorization`` header; None where it is no HTTP Basic authentication."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, key = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:  # no base64, no ASCII, or no UTF-8
        return None
    return (user, key) if colon else None


def bearer(value: str) -> str | None:
    """Read the key of an ``Authorization`` header; None where it is no Bearer token."""
    scheme, _, key = value.partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def is_of_another_site(method: str, header: Callable[[str], str | None]) -> bool:
    """Return whether a page of another site makes a browser send this; following a link to here is accepted."""
    site, origin, host = header("Sec-Fetch-Site"), header("Origin"), header("Host")
    followed = (
        method == "GET"
        and header("Sec-Fetch-Mode") == "navigate"
        and header("Sec-Fetch-Dest") in {None, "document"}  # and not a frame
    )
    foreign = origin is not None and (not host or origin.partition("://")[2] != host)
    return (site not in {None, "same-origin", "none"} and not followed) or foreign
