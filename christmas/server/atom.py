"""Changes as an Atom feed (RFC 4287) for feed readers."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from christmas.catalog.changes import ChangeRow

MEDIA_TYPE = "application/atom+xml; charset=utf-8"
NAMESPACE = "http://www.w3.org/2005/Atom"
# A feed without an entry must say when it was updated, and has not been yet.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# What XML 1.0 does not allow, whether it is escaped or not.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

ET.register_namespace("", NAMESPACE)


def feed(rows: Sequence[ChangeRow], *, title: str, address: str, following: str | None) -> bytes:
    """Write a feed of changes, the newest first; ``address`` is its own, ``following`` that of the next page."""
    root = ET.Element(_name("feed"))
    _text(
        root, "id", uuid5(NAMESPACE_URL, f"christmas:{_clean(title)}").urn
    )  # the same on every page and at every address
    _text(root, "title", title)
    _text(root, "updated", _time(max((row.at for row in rows), default=NEVER)))
    _text(ET.SubElement(root, _name("author")), "name", "christmas")
    _link(root, "self", address, "application/atom+xml")
    if following is not None:
        _link(root, "next", following, "application/atom+xml")
    for row in rows:
        _entry(root, row)
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _entry(root: ET.Element, row: ChangeRow) -> None:
    entry = ET.SubElement(root, _name("entry"))
    # The product's id makes it unique among catalogs, the change's number within one.
    _text(entry, "id", uuid5(row.product_id, str(row.id)).urn)
    _text(entry, "title", f"{row.name}: {_said(row)} ({row.vendor})")
    _text(entry, "updated", _time(row.at))
    _text(entry, "content", f"{row.name} at {row.vendor}: {_said(row)}, read from {row.url}.").set("type", "text")
    ET.SubElement(entry, _name("category"), term=_clean(row.field))
    if row.url.startswith(("http://", "https://")):
        _link(entry, "alternate", row.url)


def _said(row: ChangeRow) -> str:
    """Write a change for people: ``price 38.95 USD, was 35.95 USD``."""
    unit = f" {row.currency}" if row.currency else ""
    old, new = (f"{value.replace('_', ' ')}{unit}" if value is not None else "none" for value in (row.old, row.new))
    return f"{row.field.replace('_', ' ')} {new}, was {old}"


def _link(parent: ET.Element, relation: str, address: str, kind: str | None = None) -> None:
    attributes = {"rel": relation, "href": _uri(address)} | ({"type": kind} if kind else {})
    ET.SubElement(parent, _name("link"), attributes)


def _uri(address: str) -> str:
    """Return an address with everything quoted that no URI may hold."""
    parts = urlsplit(_clean(address))
    return urlunsplit(
        (parts.scheme, parts.netloc, *(quote(part, safe="/%:;=&?+,~!*'()@$[]-._") for part in parts[2:5]))
    )


def _text(parent: ET.Element, name: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, _name(name))
    element.text = _clean(text)
    return element


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("", text)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _name(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
