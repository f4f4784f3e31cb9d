"""JSON-LD blocks as shops really write them: comments, trailing commas, control characters, HTML entities."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import chompjs

# Attributes are bounded and cross no other tag, so that no page can make the search slow.
_OPENING = re.compile(rb"<script\b[^<>]{0,1000}?application/ld(?:\+|&#43;|&#x2B;)json[^<>]{0,1000}>", re.IGNORECASE)
_CLOSING = re.compile(rb"</script", re.IGNORECASE)
_MARKS = (b"ld+json", b"ld&#43;json", b"ld&#x2B;json", b"LD+JSON")
# Strings first, so that nothing within them is taken for a comment, a comma or a number.
_STRING = r'"(?:[^"\\]|\\.)*+"'
_TOKENS = re.compile(
    rf"(?P<string>{_STRING})|(?P<comment>//[^\n]*|/\*.*?\*/)|,(?P<end>\s*+[}}\]])|(?<![\w.\"'])(?P<octal>0\d[\d.]*+)",
    re.DOTALL,
)
# A quote where neither a string can begin nor one can end stands within one.
_INNER_QUOTE = re.compile(r'([^\s{\[,:\\]\s{0,20})"(?!\s{0,20}[,:}\]])')
_ESCAPE = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})|\\')
_BETWEEN = " \t\r\n;,"
# A block nested deeper than this is no product data but an attack on the parser.
DEPTH_MAX = 40
# Mending is for blocks that people wrote; what is longer comes from programs.
MENDED_MAX_CHARACTERS = 500_000


def _number(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond all measure
        return text


_OPTIONS: dict[str, Any] = {"strict": False, "parse_float": _number, "parse_constant": lambda _: None}
DECODER = json.JSONDecoder(**_OPTIONS)


def raw_blocks(body: bytes) -> Iterator[bytes]:
    """Yield the text of every ld+json script of a page, without building a DOM; those in a comment are left out."""
    if not any(mark in body for mark in _MARKS):
        return
    end, hidden = 0, False
    while opening := _OPENING.search(body, end):
        closing = _CLOSING.search(body, opening.end())
        if closing is None:
            return
        comment = body.rfind(b"<!--", end, opening.start())
        if hidden or comment >= 0:
            hidden = body.find(b"-->", max(comment, end), opening.start()) < 0
        end = closing.start()
        if not hidden:
            yield body[opening.end() : end]


def blocks(body: bytes) -> list[Any]:
    """Parse every block of a page in UTF-8 that can be parsed, in page order; raise UnicodeDecodeError."""
    return [value for raw in raw_blocks(body) if (value := loads(raw.decode("utf-8"))) is not None]


def loads(text: str) -> Any:
    """Parse one block leniently; None where nothing can be made of it. Numbers with a point become Decimal.

    Several values one after the other become a list.
    """
    text = _unwrapped(text)
    if '"' not in text and "&" in text:
        text = html.unescape(text)
    mendings = (_tidied, _requoted, _as_script) if len(text) <= MENDED_MAX_CHARACTERS else ()
    partial = None
    for mended in (_as_it_is, *mendings):
        try:
            values, whole = _values(mended(text))
        except (ValueError, RecursionError):
            continue
        value = values if len(values) > 1 else next(iter(values), None)
        if whole and values:
            return value
        partial = partial or value
    return partial


def _as_it_is(text: str) -> str:
    return text


def _values(text: str) -> tuple[list[Any], bool]:
    """Decode one value after the other; tells whether the text was used up."""
    values: list[Any] = []
    while text := text.lstrip(_BETWEEN):
        if text[0] not in "{[":
            return values, False
        try:
            value, end = DECODER.raw_decode(text)
        except (ValueError, RecursionError):
            if not values:
                raise
            return values, False
        values.append(value)
        if len(values) > DEPTH_MAX:
            return values, False
        text = text[end:]
    return values, True


def _unwrapped(text: str) -> str:
    """Take off the comments and CDATA marks that once hid scripts from browsers."""
    text = text.strip().lstrip("\ufeff")
    for mark in ("<!--", "//", "/*", "<![CDATA[", "*/"):
        text = text.removeprefix(mark).lstrip()
    for mark in ("*/", "-->", "]]>", "/*", "//"):
        text = text.removesuffix(mark).rstrip()
    return text.removesuffix("-->").rstrip("/ \t\r\n")


def _tidied(text: str) -> str:
    """Drop comments and trailing commas, and quote numbers with a leading zero (a GTIN), which JSON does not know."""

    def mend(match: re.Match[str]) -> str:
        if match["string"] is not None:
            return _ESCAPE.sub(lambda escape: escape[0] if escape[1] else "", match[0])
        return f'"{match["octal"]}"' if match["octal"] else match["end"] or ""

    return _TOKENS.sub(mend, text)


def _requoted(text: str) -> str:
    """Escape the quotes within strings: ``"Angel with 3" Bell"``."""
    return _tidied(_INNER_QUOTE.sub(r'\1\\"', text))


def _as_script(text: str) -> str:
    """Rewrite a literal as JavaScript has it (bare keys, single quotes) as JSON."""
    if text.count("{") > DEPTH_MAX**2:
        return ""
    value: Any = chompjs.parse_js_object(_tidied(text), loader_kwargs=_OPTIONS)
    return json.dumps(value, default=str)


def nodes(values: list[Any]) -> list[dict[str, Any]]:
    """Return the top-level nodes of all blocks: lists and graphs opened, ``@id`` references put in place.

    Graphs may refer in circles, and then so do the nodes.
    """
    found: list[dict[str, Any]] = []
    by_id: dict[str, dict[str, Any]] = {}
    _collect(values, found, 0)
    _walk(values, lambda node: _index(node, by_id), 0)
    _walk(values, lambda node: _link(node, by_id), 0)
    return found


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


def _walk(value: Any, visit: Callable[[dict[str, Any]], None], depth: int) -> None:
    """Visit every node, the inner ones first, so that what a visit puts in place is not walked again."""
    if depth > DEPTH_MAX:
        return
    if isinstance(value, list):
        for one in value:
            _walk(one, visit, depth + 1)
    elif isinstance(value, dict):
        for one in value.values():
            _walk(one, visit, depth + 1)
        visit(value)


def _index(node: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> None:
    name = node.get("@id")
    if isinstance(name, str) and len(node) > len(by_id.get(name, {"@id": name})):
        by_id[name] = node


def _link(node: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> None:
    for name, value in node.items():
        if isinstance(value, list):
            node[name] = [_target(one, by_id) for one in value]
        else:
            node[name] = _target(value, by_id)


def _target(value: Any, by_id: dict[str, dict[str, Any]]) -> Any:
    if isinstance(value, dict) and value.keys() == {"@id"}:
        return by_id.get(str(value["@id"]), value)
    return value
