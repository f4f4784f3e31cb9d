"""Microdata to the same nodes as JSON-LD gives."""

from __future__ import annotations

from typing import Any

from lxml import etree, html

from christmas.reading.markup import text_of

_SCOPES = etree.XPath(
    "//*[@itemscope and not(@itemprop)][not(ancestor::aside)]"
    "[not(ancestor-or-self::*[contains(@class, 'related') or contains(@id, 'related')])]"
)
_LINKS = {"link": "href", "img": "src", "source": "src", "object": "data", "iframe": "src"}
DEPTH_MAX = 20


def nodes(document: html.HtmlElement) -> list[dict[str, Any]]:
    """Give the page's top-level items, those of a related-products block left out."""
    return [_node(scope, 0) for scope in _SCOPES(document)]


def _node(scope: html.HtmlElement, depth: int) -> dict[str, Any]:
    node: dict[str, Any] = {"@type": (scope.get("itemtype") or "").split()}
    _fill(node, scope, depth)
    return node


def _fill(node: dict[str, Any], element: html.HtmlElement, depth: int) -> None:
    if depth > DEPTH_MAX * 10:
        return
    for child in element.iterchildren(tag=etree.Element):
        names = (child.get("itemprop") or "").split()
        scope = child.get("itemscope") is not None
        if names:
            value = _node(child, depth + 1) if scope else _value(child)
            for name in names:
                if name not in node:
                    node[name] = value
                elif value not in ("", node[name]):
                    known = node[name] if isinstance(node[name], list) else [node[name]]
                    node[name] = [*known, value]
        if not scope:
            _fill(node, child, depth + 1)


def _value(element: html.HtmlElement) -> str:
    content = element.get("content")
    if content is not None:
        return str(content).strip()
    tag = str(element.tag).lower()
    if tag in _LINKS:
        return (element.get(_LINKS[tag]) or "").strip()
    if tag == "meta":  # the 2018 generation of Shift4Shop writes href where content belongs
        return (element.get("href") or "").strip()
    if tag == "a" and element.get("itemprop") in {"url", "availability", "image"}:
        return (element.get("href") or "").strip()
    if tag in {"data", "time", "input"}:
        return (element.get("value") or element.get("datetime") or text_of(element)).strip()
    return text_of(element)
