"""Cursors: where a page ended, as a text that says nothing to people."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from christmas.errors import ArgumentError

_LARGEST = 2**63 - 1


def cursor(position: tuple[Any, ...]) -> str:
    """Return the text of a position: numbers, texts and aware times."""
    values = [value.isoformat() if isinstance(value, datetime) else value for value in position]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def position(text: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """Read a cursor whose position has these kinds; None stays None. Raise ArgumentError."""
    if text is None:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        if not isinstance(values, list) or len(values) != len(kinds):
            raise ValueError(values)  # noqa: TRY301  # answered below like every other mistake
        return tuple(_value(value, kind) for value, kind in zip(values, kinds, strict=True))
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise ArgumentError(
            "cursor is not one of this list: take it from `next` of a page of the same list and order."
        ) from error


def _value(value: Any, kind: type) -> Any:
    if kind is datetime:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError(value)
        return at.astimezone(UTC)
    wrong = (isinstance(value, int) and abs(value) > _LARGEST) or (isinstance(value, str) and not value.isprintable())
    if type(value) is not kind or wrong:
        raise ValueError(value)
    return value
