"""Addresses of pages: the platform's number in one, and the path that names it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from christmas.reading.marks import Marks


def key_in_url(url: str, marks: Sequence[Marks] = ()) -> str | None:
    """Return the platform's product number in a URL; None where it names none."""
    parts = urlsplit(url)
    query = {name.lower(): value for name, value in parse_qsl(parts.query)}
    for one in marks:
        if one.number_in_path and (match := one.number_in_path.search(parts.path)):
            return match[1]
        for name in one.number_parameters:
            number = query.get(name, "")
            if number.isascii() and number.isdigit():
                return number
    return None


def url_path(url: str, marks: Sequence[Marks] = ()) -> str:
    """Return the canonical path, with only the parts of the query that identify a page."""
    parts = urlsplit(url)
    # As bytes: in an old shop's URLs %E9 and %E8 are not UTF-8 and must stay two letters.
    path = quote(unquote_to_bytes(parts.path), safe="/!$&'()*+,;=:@~-._").rstrip("/") or "/"
    if not parts.query:
        return path
    identifying = {"page"}.union(*(one.page_parameters for one in marks))
    query = [(name.lower(), value) for name, value in parse_qsl(parts.query) if name.lower() in identifying]
    return path + (f"?{urlencode(sorted(query))}" if query else "")
