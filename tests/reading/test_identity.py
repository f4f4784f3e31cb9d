from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from christmas.reading.identity import NameFacts, box_of_sku, normal_sku, read_name
from tests.readers import key_in_url, url_path


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("1975 Betsey Clark (Adorable) NB", NameFacts(1975, None, None, "NB")),
        ("1982 Tin Locomotive #1 DB", NameFacts(1982, "Tin Locomotive", 1, "DB")),
        ("1995 Frosty Friends #16", NameFacts(1995, "Frosty Friends", 16, None)),
        ("2018 Snowtop Lodge, Sir Snowsalot #14 SDB", NameFacts(2018, "Sir Snowsalot", 14, "SDB")),
        ("1995 Frosty Friends, 16th in Series", NameFacts(1995, None, 16, None)),
        ("1980 A Cool Yule, 1st in the Frosty Friends Series", NameFacts(1980, "Frosty Friends", 1, None)),
        ("2002 Piece, 3rd and final in the Toy Box series (NB)", NameFacts(2002, "Toy Box", 3, "NB")),
        ("Frosty Friends 1995", NameFacts(1995, None, None, None)),
        ("Santa's Sleigh, made in 1987.", NameFacts(1987, None, None, None)),
        ("Plain Ornament", NameFacts()),
        ("", NameFacts()),
    ],
)
def test_name(name: str, facts: NameFacts) -> None:
    assert read_name(name) == facts


@pytest.mark.parametrize(
    "name", ["Item #2015", "QXM2019 Bell", "NCC1701 and 12000 Lights", "Bell $1999", "Bell 1999.5 g"]
)
def test_numbers_that_are_no_year(name: str) -> None:
    assert read_name(name).release_year is None


def test_praise_is_no_series() -> None:
    facts = read_name("1994 #1 Teacher")
    assert (facts.series, facts.series_number) == (None, None)


@pytest.mark.parametrize("name", ["1990 Bathtub", "1990 Stdb", "1990 NBA Star"])
def test_letters_within_words_are_no_box_mark(name: str) -> None:
    assert read_name(name).box is None


@pytest.mark.parametrize(
    ("sku", "box"),
    [
        ("QX1571NB", "NB"),
        ("QX4603DB", "DB"),
        ("QX4603SDB", "SDB"),
        ("QX1571", None),
        ("3799QXI7109", None),
        ("ADB", None),
    ],
)
def test_box_of_sku(sku: str, box: str | None) -> None:
    assert box_of_sku(sku) == box


@pytest.mark.parametrize(
    ("sku", "normal"),
    [
        ("QXI7109", "QXI7109"),
        ("qxi 7109", "QXI7109"),
        ("QXI-7109", "QXI7109"),
        ("3799QXI7109", "QXI7109"),
        ("1795QX9007", "QX9007"),
        ("125XHD1031", "XHD1031"),
        ("1795QX900-7 SDB", "QX9007"),
        ("QX1571NB", "QX1571"),
        ("QX4603DB", "QX4603"),
        ("QX4603SDB", "QX4603"),
        ("QXNB", "QXNB"),
        ("12345", "12345"),
        ("1234NB", "1234"),
        ("12QX1234", "12QX1234"),
        ("1234A5", "1234A5"),
        ("\u2013 \u00e9 #", ""),
        ("", ""),
    ],
)
def test_normal_sku(sku: str, normal: str) -> None:
    assert normal_sku(sku) == normal


@given(st.from_regex(r"[0-9]{0,6} ?[A-Za-z]{0,4}-?[0-9]{0,5} ?(NB|SDB|DB|nb)?", fullmatch=True) | st.text(max_size=12))
def test_the_normal_form_of_a_normal_form_is_itself(sku: str) -> None:
    assert normal_sku(normal_sku(sku)) == normal_sku(sku)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://shop.example/1995-Frosty_p_31044.html", "31044"),
        ("https://shop.example/1995-Frosty_P_31044.HTM?ref=x", "31044"),
        ("https://shop.example/product.asp?itemid=25615", "25615"),
        ("/product.asp?ITEMID=2&lang=en", "2"),
        ("https://shop.example/cart.php?action=add&product_id=7", "7"),
        ("https://shop.example/1995-frosty-friends/", None),
        ("https://shop.example/product.asp?itemid=two", None),
        ("https://shop.example/product.asp?itemid=\u00b2", None),
        ("https://shop.example/1995_c_260.html", None),
    ],
)
def test_key_in_url(url: str, key: str | None) -> None:
    assert key_in_url(url) == key


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://shop.example/a/", "/a"),
        ("https://shop.example", "/"),
        ("https://shop.example/a?utm_source=x&sort=name", "/a"),
        ("https://shop.example/product.asp?lang=en&ITEMID=2", "/product.asp?itemid=2"),
        ("https://shop.example/view_category.asp?page=2&cat=9", "/view_category.asp?cat=9&page=2"),
        ("https://shop.example/No\u00ebl", "/No%C3%ABl"),
        ("https://shop.example/No%C3%ABl", "/No%C3%ABl"),
        ("https://shop.example/No%EBl", "/No%EBl"),
        ("https://shop.example/50%25-off", "/50%25-off"),
    ],
)
def test_url_path(url: str, path: str) -> None:
    assert url_path(url) == path


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="?#[]"), max_size=40))
def test_the_path_of_a_path_is_itself(text: str) -> None:
    path = url_path(f"https://shop.example/x{text}")
    assert url_path(f"https://shop.example{path}") == path
