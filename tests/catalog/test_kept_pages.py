"""Kept pages: what comes back, and how many stay."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, select

from christmas.catalog import kept_pages
from christmas.catalog.kept_pages import KeptPage
from christmas.db.tables import kept_pages as table
from christmas.items import OddPage, Page
from tests.catalog.making import JOB, VENDOR, at, rows, write

URL = "https://bells.example/7.html"


def keep(connection: Connection, body: bytes = b"bells", vendor: str = VENDOR, hours: float = 0, **more: Any) -> int:
    page = Page(URL, body, more.get("encoding", "utf-8"))
    return kept_pages.keep(connection, vendor, page, reason="Odd.", job_id=JOB, at=at(hours))


def body(connection: Connection, id_: int) -> bytes:
    found = kept_pages.get(connection, id_)
    assert found is not None
    return found.page.body


@pytest.mark.parametrize("content", [b"", b"<p>bells</p>", "Weihnachtsbäume".encode("latin-1"), bytes(range(256))])
def test_a_page_comes_back_as_it_was(connection: Connection, content: bytes) -> None:
    id_ = keep(connection, content, encoding="latin-1", hours=3)
    assert kept_pages.get(connection, id_) == KeptPage(id_, VENDOR, Page(URL, content, "latin-1"), at(3), JOB, "Odd.")


def test_a_page_takes_little_room(connection: Connection) -> None:
    keep(connection, b"<li>a bell</li>" * 10_000)
    assert len(connection.scalars(select(table.c.body)).one()) < 1000


def test_a_huge_page_is_cut(connection: Connection) -> None:
    content = bytes(range(256)) * (kept_pages.BODY_MAX_BYTES // 256)
    assert body(connection, keep(connection, content)) == content
    assert body(connection, keep(connection, content + b"the rest")) == content


def test_what_is_not_there(connection: Connection) -> None:
    assert kept_pages.get(connection, 1) is None
    assert kept_pages.count(connection, VENDOR) == 0


def test_the_newest_of_each_vendor_stay(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_pages, "KEPT_MAX", 3)
    others = [keep(connection, vendor="other_example") for _ in range(2)]
    mine = []
    for number in range(5):
        mine.append(keep(connection, str(number).encode(), hours=-number))  # kept later, read earlier
        assert kept_pages.count(connection, VENDOR) == min(number + 1, 3)
    assert [kept_pages.get(connection, id_) is None for id_ in mine] == [True, True, False, False, False]
    assert [body(connection, id_) for id_ in mine[2:]] == [b"2", b"3", b"4"]
    assert all(kept_pages.get(connection, id_) for id_ in others)


def test_an_odd_page_is_an_item(connection: Connection) -> None:
    page = Page(URL, b"odd", "utf-8")
    write(connection, OddPage(VENDOR, "Nothing readable.", page, at(1)), job="job-9")
    ((id_, *_),) = rows(connection)["kept_pages"]
    assert kept_pages.get(connection, id_) == KeptPage(id_, VENDOR, page, at(1), "job-9", "Nothing readable.")
