"""Microdata to the nodes that JSON-LD has."""

from __future__ import annotations

from typing import Any

from lxml import etree, html

from christmas.reading.markup import text_of

# Blocks of other products beside the page's own; what holds the heading is the page itself, whatever its class.
ASIDE_CLASSES = ("related", "upsell", "up-sell", "crosssell", "cross-sell", "recommend", "recently", "also-like")
_NAMED = " or ".join(f"contains(@class, '{name}') or contains(@id, '{name}')" for name in ASIDE_CLASSES)
ASIDE = f"ancestor-or-self::*[self::aside or {_NAMED}][not(.//h1)]"
_SCOPES = etree.XPath(f"//*[@itemscope and not(@itemprop)][not({ASIDE})]")
_LINKS = {"link": "href", "img": "src", "source": "src", "object": "data", "iframe": "src"}
_LINK_NAMES = {"url", "availability", "image"}
_STRUCK = {"del", "s", "strike"}
DEPTH_MAX = 200


def nodes(document: html.HtmlElement) -> list[dict[str, Any]]:
    """Return the page's top-level items, those of a related-products block left out."""
    return [_node(scope, 0) for scope in _SCOPES(document)]


def _node(scope: html.HtmlElement, depth: int) -> dict[str, Any]:
    values: dict[str, list[Any]] = {}
    _fill(values, scope, depth)
    node: dict[str, Any] = {"@type": (scope.get("itemtype") or "").split()}
    for name, found in values.items():
        different = [value for value in found if value != ""] or [""]
        node[name] = different if len(different) > 1 else different[0]
    return node


def _fill(values: dict[str, list[Any]], element: html.HtmlElement, depth: int) -> None:
    if depth > DEPTH_MAX:
        return
    for child in element.iterchildren(tag=etree.Element):
        scope = child.get("itemscope") is not None
        for name in (child.get("itemprop") or "").split():
            value = _node(child, depth + 1) if scope else _value(child)
            values.setdefault("strikethroughPrice" if name == "price" and _is_struck(child) else name, []).append(value)
        if not scope:
            _fill(values, child, depth + 1)


def _is_struck(element: html.HtmlElement) -> bool:
    """Return whether a price is shown struck through: an old one."""
    parent = element.getparent()
    return element.tag in _STRUCK or (parent is not None and parent.tag in _STRUCK)


def _value(element: html.HtmlElement) -> str:
    content = (element.get("content") or "").strip()
    tag = str(element.tag).lower()
    if content:
        return content
    if tag in _LINKS:
        return (element.get(_LINKS[tag]) or "").strip()
    if tag == "meta":  # the 2018 generation of Shift4Shop writes href where content belongs
        return (element.get("href") or "").strip()
    if tag == "a" and element.get("itemprop") in _LINK_NAMES:
        return (element.get("href") or "").strip()
    if tag in {"data", "time", "input"}:
        return (element.get("value") or element.get("datetime") or text_of(element)).strip()
    return text_of(element)
