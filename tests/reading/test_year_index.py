from __future__ import annotations

import pytest

from christmas.errors import NothingReadable
from christmas.reading.facts import YearFacts
from tests.readers import read_year_index

URL = "https://www.sleigh.example/by-year.html"


@pytest.mark.parametrize(
    "markup",
    [
        '<a class="subcat" href="{}">1995</a>',
        '<div class="subcat"><a href="{}">1995 Hallmark Ornaments</a></div>',
        '<div class="sub-categories"><a href="{}">1995 Ornaments</a></div>',
        '<ul class="columns-5"><li><a href="{}"><img alt="1995 Ornaments" src="x.jpg"></a></li></ul>',
        '<ul class="columns-5"><li><a href="{}">1995 Ornaments</a></li></ul>',
        '<ul class="columns-5"><li><a href="{}"><img alt="photo" src="x.jpg"> 1995 Ornaments</a></li></ul>',
        '<ul class="navList"><li class="navList-item"><a href="{}"> 1995 Hallmark Ornaments </a></li></ul>',
    ],
)
def test_each_form_of_link(markup: str) -> None:
    found = read_year_index(markup.format("ornaments_c_260.html").encode(), URL)
    assert found == [YearFacts(1995, "https://www.sleigh.example/ornaments_c_260.html")]


@pytest.mark.parametrize("href", ["/1995-hallmark-ornaments/", "/1995-hallmark-ornaments.html", "/1995_c_260.html"])
def test_the_year_may_stand_in_the_address_only(href: str) -> None:
    body = f'<li class="navList-item"><a href="{href}">Hallmark ornaments</a></li>'.encode()
    assert read_year_index(body, URL) == [YearFacts(1995, f"https://www.sleigh.example{href}")]


def test_years_are_in_order_and_once() -> None:
    links = [
        ("2001", "b"),
        ("1995 Ornaments", "a"),
        ("2001 Miniatures", "c"),
        ("Gift Cards", "d"),
        ("1995", "javascript:x()"),
    ]
    body = "".join(f'<a class="subcat" href="{href}">{text}</a>' for text, href in links).encode()
    assert [(one.year, one.url[-1]) for one in read_year_index(body, URL)] == [(1995, "a"), (2001, "b")]


@pytest.mark.parametrize(
    "body",
    [
        b"<h1>By year</h1>",
        b'<a href="1995.html">1995</a>',
        b'<a class="subcat" href="Boxes_c_1.html">Boxes</a>',
        b'<a class="subcat" href="x.html">19950 Boxes</a>',
        b'<a class="subcat" href="http://[broken">1995</a>',
    ],
)
def test_an_index_without_years(body: bytes) -> None:
    with pytest.raises(NothingReadable, match="links to no year"):
        read_year_index(body, URL)


def test_an_empty_index() -> None:
    with pytest.raises(NothingReadable, match="empty"):
        read_year_index(b"", URL)
