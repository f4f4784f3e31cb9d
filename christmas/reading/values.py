"""The values of schema.org nodes, whatever form a shop gave them: lists, names of things, entities, tags."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlsplit

# What a name may be wrapped in, and what a link may be wrapped in.
NAMES = ("@value", "name")
LINKS = ("@value", "@id", "url", "name")
DEPTH_MAX = 4
# No product is named longer; what is, is a page that lost its markup, and slow to search.
NAME_MAX_CHARACTERS = 500
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
# Half of an emoji, control and zero-width characters: no database and no terminal should see them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f\u200b\u2060\ufeff\ud800-\udfff]")


def listed(value: Any) -> list[Any]:
    """Return a value as a list; None is an empty one."""
    return value if isinstance(value, list) else [] if value is None else [value]


def mappings(value: Any) -> list[dict[str, Any]]:
    """Return those of a value's entries that are nodes."""
    return [one for one in listed(value) if isinstance(one, dict)]


def types(node: dict[str, Any]) -> set[str]:
    """Return a node's types in lower case without their vocabulary: ``http://schema.org/Product`` is product."""
    return {re.split(r"[/:#]", str(one).lower())[-1] for one in listed(node.get("@type"))}


def scalar(value: Any) -> Any:
    """Return a plain value out of its ``@value``."""
    return value.get("@value") if isinstance(value, dict) else value


def text(value: Any, names: tuple[str, ...] = NAMES, depth: int = 0) -> str:
    """Return a value as one line of text, the first of several, HTML entities and tags undone; '' where it has none."""
    if depth > DEPTH_MAX:  # references may lead in circles
        return ""
    if isinstance(value, list):
        return next((found for one in value if (found := text(one, names, depth + 1))), "")
    if isinstance(value, dict):
        return next((found for name in names if (found := text(value.get(name), names, depth + 1))), "")
    return "" if value is None or isinstance(value, bool) else one_line(str(value))


def one_line(words: str) -> str:
    """Undo HTML entities (twice: shops escape what is escaped) and tags, and normalise whitespace."""
    if "&" in words:
        words = html.unescape(html.unescape(words))
    if "<" in words:
        words = _TAG.sub(" ", words)
    if not words.isprintable():
        words = _UNPRINTABLE.sub("", words)
    return " ".join(words.split())


def link_of(value: Any) -> str:
    """Return a link as it stands in the page; '' where it is none that can be taken apart."""
    found = text(value, LINKS)
    try:
        urlsplit(found)
    except ValueError:
        return ""
    return found


def name_of(value: Any) -> str:
    """Return a product's name, cut where it is beyond all measure."""
    return text(value)[:NAME_MAX_CHARACTERS].rstrip()


def first_text(*values: Any) -> str:
    """Return the first value that has a text."""
    return next((found for value in values if (found := text(value))), "")
