"""The feed of changes: kinds, pages, scope; and the same as Atom."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import pytest
from lxml import etree

from christmas.catalog.changes import ChangeRow
from christmas.server import atom
from tests.farm import Key
from tests.server import filled
from tests.server.running import Server

CHANGES, ATOM = "/api/v1/changes", "/api/v1/changes.atom"
FIRST, SECOND, THIRD = filled.VENDORS
NAMES = {"a": atom.NAMESPACE}


def changes(server: Server, key: Key | None = None, **query: Any) -> dict[str, Any]:
    answer = server.ask(f"{CHANGES}?{urlencode(query)}", key=key)
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def feed(server: Server, key: Key | None = None, **query: Any) -> etree._Element:
    answer = server.ask(f"{ATOM}?{urlencode(query)}", key=key)
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == atom.MEDIA_TYPE
    return etree.fromstring(answer.body)


def of_the_piece(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["vendor"], one["old"], one["new"]) for one in found["items"] if one["piece"] == filled.PIECE]


def test_the_newest_change_is_first_and_says_of_what(shared: Server) -> None:
    one = changes(shared)["items"][0]
    at = filled.STARTED + 39.9 * filled.DAY
    product = shared.ask(f"/api/v1/products/{THIRD}:9001").json
    assert one | {"id": 0} == {
        "id": 0, "product_id": product["id"], "vendor": THIRD, "name": filled.NAME, "piece": filled.PIECE,
        "release_year": 1985, "field": "price", "old": "15.95", "new": "14.95", "currency": "USD",
        "at": at.isoformat().replace("+00:00", "Z"), "job": filled.RUN, "url": product["url"], "source": "json-ld",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("fell", [(THIRD, "15.95", "14.95"), (FIRST, "35.95", "29.95"), (FIRST, "38.95", "35.95")]),
        ("rose", [(SECOND, "24.95", "27.95")]),
        ("back", [(FIRST, "out_of_stock", "in_stock")]),
        ("sold_out", [(FIRST, "in_stock", "out_of_stock")]),
    ],
)
def test_kinds(shared: Server, kind: str, expected: list[tuple[str, str, str]]) -> None:
    assert of_the_piece(changes(shared, kind=kind)) == expected
    titles = feed(shared, kind=kind).xpath("a:entry/a:title/text()", namespaces=NAMES)
    assert len(titles) == len(changes(shared, kind=kind)["items"])


def test_vendor_and_since(shared: Server) -> None:
    assert {one["vendor"] for one in changes(shared, vendor=FIRST)["items"]} == {FIRST}
    assert changes(shared, vendor="nobody_com") == {"items": [], "next": None}
    moment = filled.STARTED + 15 * filled.DAY
    found = changes(shared, since=moment.isoformat(), limit=200)["items"]
    assert min(datetime.fromisoformat(one["at"]) for one in found) == moment
    assert len(found) < len(changes(shared, limit=200)["items"])


def test_pages_have_every_change_once(shared: Server) -> None:
    at_once = changes(shared, limit=200)["items"]
    found: list[dict[str, Any]] = []
    page = changes(shared, limit=2)
    while True:
        found += page["items"]
        if page["next"] is None:
            break
        page = changes(shared, limit=2, cursor=page["next"])
    assert found == at_once
    assert len(found) >= 6


def test_a_key_of_one_vendor_sees_only_that(shared: Server) -> None:
    key = shared.key("user", user="collector-of-changes", vendors=[SECOND])
    assert {one["vendor"] for one in changes(shared, key)["items"]} == {SECOND}
    assert changes(shared, key, vendor=FIRST)["items"] == []
    assert {one.text for one in feed(shared, key).iterfind("a:entry/a:title", NAMES)} == {
        f"{filled.NAME}: price 27.95 USD, was 24.95 USD ({SECOND})"
    }


@pytest.mark.parametrize("path", [CHANGES, ATOM])
@pytest.mark.parametrize(
    "query",
    [
        "kind=cheap", "vendor=No", "vendor=%00", "since=now", "since=2026-11-25T00:00", "limit=0", "limit=201",
        "cursor=x", "cursor=WyJhIiwgMV0", "text=a",
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(shared: Server, path: str, query: str) -> None:
    answer = shared.ask(f"{path}?{query}")
    assert answer.status == 422, answer.text
    assert query.partition("=")[0] in answer.json["detail"]


def test_the_feed_is_valid_atom(shared: Server) -> None:
    root = feed(shared, limit=3)
    assert root.tag == f"{{{atom.NAMESPACE}}}feed"
    for element in (root, *root.iterfind("a:entry", NAMES)):  # what RFC 4287 wants exactly once
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"a:{name}", NAMES)) == 1, name
        assert datetime.fromisoformat(element.findtext("a:updated", namespaces=NAMES)).tzinfo is not None
        UUID(element.findtext("a:id", namespaces=NAMES).removeprefix("urn:uuid:"))
    assert root.findtext("a:author/a:name", namespaces=NAMES) == "christmas"
    assert len(root.findall("a:entry", NAMES)) == 3
    links = {one.get("rel"): one.get("href") for one in root.iterfind("a:link", NAMES)}
    assert links["self"] == f"{shared.url}{ATOM}?limit=3"
    following = shared.ask(links["next"].removeprefix(shared.url))
    assert following.status == 200
    ids = [
        one.text for page in (root, etree.fromstring(following.body)) for one in page.iterfind("a:entry/a:id", NAMES)
    ]
    assert len(set(ids)) == len(ids) == 6


def test_an_entry_has_the_same_id_in_every_feed_and_on_every_page(shared: Server) -> None:
    def ids(**query: Any) -> list[str]:
        return [str(one.text) for one in feed(shared, **query).iterfind("a:entry/a:id", NAMES)]

    everything = ids(limit=200)
    assert ids(limit=3) == everything[:3]
    cursor = changes(shared, limit=3)["next"]
    assert ids(limit=3, cursor=cursor) == everything[3:6]
    assert set(ids(kind="rose")) < set(everything)
    assert feed(shared, limit=3)[0].text == feed(shared, limit=3, cursor=cursor)[0].text
    assert feed(shared)[0].text != feed(shared, kind="rose")[0].text


def test_an_empty_feed_is_valid_too(shared: Server) -> None:
    root = feed(shared, vendor="nobody_com")
    assert root.findtext("a:updated", namespaces=NAMES) == "1970-01-01T00:00:00Z"
    assert root.findall("a:entry", NAMES) == []


@pytest.mark.parametrize(
    "text",
    [
        "\x00\x01\x1f",
        'a\x0b & <b>c</b> "d" ]]>',
        "\ud800",
        "\ufffe\uffff",
        "<!--",
        "]]>",
        "&amp;",
        "é\U0001f384",
        "'\"",
        "a\nb\tc\rd",
    ],
)
def test_any_text_is_written_so_that_it_can_be_read(text: str) -> None:
    row = ChangeRow(
        id=1, product_id=UUID(int=1), vendor=text, name=text, piece="X", release_year=None, field="name", old=text,
        new=None, old_minor=None, new_minor=None, currency=None, at=filled.NOW, job="run",
        url=f"https://shop.example/{text} <x>", source="json-ld",
    )  # fmt: skip
    content = atom.feed([row], title=text, address=f"http://127.0.0.1/?{quote(text, errors='replace')}", following=None)
    root = etree.fromstring(content)
    kept = "".join(letter for letter in text if letter in "\n\t\r" or " " <= letter < "\ud800" or letter > "\uffff")
    kept = kept.replace("\r", "\n")  # to readers of XML they are the same
    assert root.findtext("a:entry/a:title", namespaces=NAMES).startswith(kept)
    href = root.find("a:entry/a:link", NAMES).get("href")
    assert href.isascii()
    assert not set(href) & set(' <>"\n\t')


def test_a_link_that_runs_something_is_left_out() -> None:
    row = ChangeRow(
        id=1, product_id=UUID(int=1), vendor=FIRST, name="x", piece="X", release_year=None, field="name", old="a",
        new="b", old_minor=None, new_minor=None, currency=None, at=filled.NOW, job="run", url="javascript:alert(1)",
        source="json-ld",
    )  # fmt: skip
    assert b'href="javascript' not in atom.feed([row], title="x", address="http://127.0.0.1/", following=None)
