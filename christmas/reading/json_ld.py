"""JSON-LD blocks as shops really write them: comments, trailing commas, control characters, HTML entities."""

from __future__ import annotations

import html
import json
import re
from decimal import Decimal
from typing import Any

import chompjs

_SCRIPT = re.compile(rb"<script\b[^>]*?application/ld\+json[^>]*>(.*?)</script", re.IGNORECASE | re.DOTALL)
_WRAPPING = re.compile(r"^\s*(?:<!--|(?://|/\*)?\s*<!\[CDATA\[\s*(?:\*/)?)|(?:(?://|/\*)?\s*\]\]>\s*(?:\*/)?|-->)\s*$")
# A block nested deeper than this is no product data but an attack on the parser.
DEPTH_MAX = 40


def raw_blocks(body: bytes) -> list[bytes]:
    """Give the text of every ld+json script of a page, without building a DOM."""
    return _SCRIPT.findall(body) if b"ld+json" in body else []


def blocks(body: bytes, encoding: str = "utf-8") -> list[Any]:
    """Parse every block of a page that can be parsed, in page order."""
    return [value for raw in raw_blocks(body) if (value := loads(raw.decode(encoding, "replace"))) is not None]


def loads(text: str) -> Any:
    """Parse one block leniently; None where nothing can be made of it. Numbers with a point become Decimal."""
    text = _WRAPPING.sub("", text).strip().lstrip("\ufeff").rstrip(";").strip()
    for candidate in (text, html.unescape(text)) if "&quot;" in text or "&#34;" in text else (text,):
        try:
            return json.loads(candidate, strict=False, parse_float=Decimal)
        except (ValueError, RecursionError):
            value = _lenient(candidate)
            if value is not None:
                return value
    return None


def _lenient(text: str) -> Any:
    if text.count("{") > DEPTH_MAX**2 or not text.startswith(("{", "[", "/")):
        return None
    try:
        return chompjs.parse_js_object(text, loader_kwargs={"strict": False, "parse_float": Decimal})
    except (ValueError, RecursionError):
        return None


def nodes(values: list[Any]) -> list[dict[str, Any]]:
    """Give the top-level nodes of all blocks: lists and graphs opened, ``@id`` references put in place."""
    found: list[dict[str, Any]] = []
    for value in values:
        _collect(value, found, 0)
    by_id: dict[str, dict[str, Any]] = {}
    for node in found:
        _index(node, by_id, 0)
    return [_resolved(node, by_id, 0) for node in found]


def _collect(value: Any, found: list[dict[str, Any]], depth: int) -> None:
    if depth > DEPTH_MAX:
        return
    if isinstance(value, list):
        for one in value:
            _collect(one, found, depth + 1)
    elif isinstance(value, dict):
        if "@graph" in value:
            _collect(value["@graph"], found, depth + 1)
        if "@type" in value:
            found.append(value)


def _index(value: Any, by_id: dict[str, dict[str, Any]], depth: int) -> None:
    if depth > DEPTH_MAX:
        return
    if isinstance(value, list):
        for one in value:
            _index(one, by_id, depth + 1)
    elif isinstance(value, dict):
        name = value.get("@id")
        if isinstance(name, str) and len(value) > len(by_id.get(name, {"@id": name})):
            by_id[name] = value
        for one in value.values():
            _index(one, by_id, depth + 1)


def _resolved(value: Any, by_id: dict[str, dict[str, Any]], depth: int) -> Any:
    """Put references in place; at most a few levels deep, because graphs may refer in circles."""
    if depth > 6:  # Product -> hasVariant -> offers -> priceSpecification, and lists between them
        return value
    if isinstance(value, list):
        return [_resolved(one, by_id, depth + 1) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"@id"}:
        value = by_id.get(str(value["@id"]), value)
    return {name: _resolved(one, by_id, depth + 1) for name, one in value.items()}
