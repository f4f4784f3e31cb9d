"""The collectors' pages: what they show, and that every one of them works without JavaScript."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from lxml import html
from sqlalchemy import select

from christmas.catalog.writing import store
from christmas.db import database
from christmas.db.tables import keys
from tests.server import filled
from tests.server.filled import NAME, PIECE, RUN, VENDORS, YEAR
from tests.server.running import Server, serving

PAGES = (
    "/", "/?q=frosty", "/?q=zzzzzz", "/?price_from=abc", f"/pieces/{YEAR}/{PIECE}", "/years", f"/years/{YEAR}",
    "/changes", "/changes?kind=fell&when=week", "/changes?kind=sold_out&when=today",
)  # fmt: skip
ODD = (
    '" OR 1=1 --', "NEAR(", "*", "a & !b", "\0", "<script>alert(1)</script>", "\N{SNOWMAN}\N{CHRISTMAS TREE}", "%",
    "#11", "mr & mrs santa", "o'malley",
)  # fmt: skip


def read(server: Server, path: str, status: int = 200, **how: Any) -> Any:
    answer = server.ask(path, **how)
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return html.document_fromstring(answer.text)


def words(node: Any) -> str:
    return " ".join(node.text_content().split())


def names(page: Any) -> list[str]:
    return [words(one) for one in page.cssselect(".piece h3")]


def rows(page: Any, which: str = "main table") -> list[list[str]]:
    (table,) = page.cssselect(which)
    return [[words(cell) for cell in row.cssselect("th, td")] for row in table.cssselect("tbody tr")]


def test_a_misspelt_search_says_what_it_shows_instead(shared: Server) -> None:
    page = read(shared, "/?q=frosty+freinds+1985")
    assert names(page)[0] == NAME
    told = next(words(one) for one in page.cssselect("section p") if "instead of" in words(one))
    assert told == "Showing results for frosty friends 1985 instead of frosty freinds 1985."
    assert page.cssselect("#q")[0].get("value") == "frosty freinds 1985"


@pytest.mark.parametrize("spelling", ["1295QX4822", "qx 4822", "QX-4822", "qx4822"])
def test_a_sku_is_found_in_any_spelling(shared: Server, spelling: str) -> None:
    assert names(read(shared, f"/?q={quote(spelling)}")) == [NAME]


def test_a_card_shows_the_best_price_and_where_it_is(shared: Server) -> None:
    (card,) = read(shared, "/?q=qx4822").cssselect(".piece")
    assert words(card.cssselect(".price")[0]) == "$14.95 at Ornament Shop"
    assert "3 shops" in words(card)
    assert words(card.cssselect(".muted")[0]) == f"{YEAR} · {PIECE}"
    assert card.cssselect("a")[0].get("href") == f"/pieces/{YEAR}/{PIECE}"


def test_without_a_question_there_is_what_changed_last(shared: Server) -> None:
    page = read(shared, "/")
    assert words(page.cssselect("h1")[0]) == "What do shops ask for your ornaments today?"
    assert names(page)[0] == NAME
    assert words(page.cssselect("#found")[0]) == "Newest changes"


def test_each_filter_leaves_less_and_the_form_keeps_it(shared: Server) -> None:
    for filters, field, value in (
        (f"year={YEAR}", "year", str(YEAR)),
        (f"shop={VENDORS[0]}&stock=in", "shop", VENDORS[0]),
        ("stock=in", "stock", "in"),
        ("price_from=20&price_to=21.50", "price_to", "21.50"),
        ("series=frosty+friends", "series", "frosty friends"),
        ("q=frosty&sort=dear", "sort", "dear"),
    ):
        page = read(shared, f"/?{filters}")
        assert 0 < count(page) < count(read(shared, "/?price_from=0")), filters
        kept = {one.name: one.value for one in page.cssselect("form.search input, form.search select")}
        assert kept[field] == value, filters
    (card,) = read(shared, f"/?q=qx4822&shop={VENDORS[0]}").cssselect(".piece")
    assert words(card.cssselect(".price")[0]) == "$14.95 at Ornament Shop"
    assert "3 shops" in words(card)
    assert words(card.cssselect(".muted")[0]) == f"{YEAR} · {PIECE}"


def test_the_filters_stay_closed_after_a_search_and_each_can_be_removed(shared: Server) -> None:
    page = read(shared, f"/?q=frosty&year={YEAR}&stock=in&price_from=%245&sort=cheap")
    assert "open" not in page.cssselect("details.more")[0].attrib
    shown = {
        words(one).rstrip(" \N{MULTIPLICATION SIGN}"): one.get("href")
        for one in page.cssselect("search [aria-label=Filters] a")
    }
    assert shown == {
        f"Remove the filter: {YEAR}": "/?q=frosty&stock=in&price_from=%245&sort=cheap",
        "Remove the filter: In stock": f"/?q=frosty&year={YEAR}&price_from=%245&sort=cheap",
        "Remove the filter: From $5": f"/?q=frosty&year={YEAR}&stock=in&sort=cheap",
    }
    assert not read(shared, "/?q=frosty").cssselect("search [aria-label=Filters]")
    wrong = read(shared, "/?price_from=abc", 422)
    assert "open" in wrong.cssselect("details.more")[0].attrib


def count(page: Any) -> int:
    text = words(page.cssselect("#found")[0])
    return int(re.sub(r"\D", "", text))


def test_the_pages_of_a_search_have_addresses_and_show_everything_once(shared: Server) -> None:
    seen: list[str] = []
    address = "/?price_from=0&sort=cheap"
    total = count(read(shared, address))
    while address:
        page = read(shared, address)
        seen += [one.get("href") for one in page.cssselect(".piece h3 a")]
        following = page.cssselect(".pages a[rel=next]")
        address = following[0].get("href") if following else ""
    assert len(seen) == len(set(seen)) == total > 24


def test_nothing_found_says_what_to_do(shared: Server) -> None:
    page = read(shared, "/?q=zzzzzzzz&stock=in&year=1985")
    assert "No ornament matches." in words(page)
    assert [one.get("href") for one in page.cssselect(".card li a")] == [
        "/?q=zzzzzzzz&year=1985", "/?q=zzzzzzzz&stock=in", "/years",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("price_from=abc", "price from: an amount such as 19.95."),
        ("price_from=5&price_to=4", "price from must not be above price to."),
        ("year=19x5", "year: a number from 1900 to 2100."),
        ("page=0", "page: a number from 1 to 1000."),
        ("sort=name", "sort: one of cheap, dear, new, old, or nothing."),
        (f"q={'a' * 301}", "search: at most 300 characters."),
    ],
)
def test_a_wrong_filter_is_named_beside_the_form(shared: Server, query: str, problem: str) -> None:
    page = read(shared, f"/?{query}", 422)
    assert words(page.cssselect("[role=alert]")[0]) == problem
    assert page.cssselect("form.search")


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_are_texts(shared: Server, text: str) -> None:
    for field in ("q", "series", "shop"):
        answer = shared.ask(f"/?{field}={quote(text)}")
        assert answer.status == 200, answer.text
        assert "<script>alert" not in answer.text
    assert shared.ask(f"/suggestions?q={quote(text)}").status == 200
    for path in (
        f"/pieces/1985/{quote(text, safe='')}",
        f"/pieces/{quote(text, safe='')}/x",
        f"/years/{quote(text, safe='')}",
    ):
        answer = shared.ask(path)
        assert answer.status in {404, 422}, path
        assert "<script>alert" not in answer.text


def test_suggestions_are_links_that_search(shared: Server) -> None:
    found = html.fragment_fromstring(shared.ask("/suggestions?q=fros").text)
    assert "/?q=frosty" in [one.get("href") for one in found.cssselect("li a")]
    assert shared.ask("/suggestions?q=").text.strip() == ""


def test_a_piece_has_a_row_for_each_shop_and_what_it_was(shared: Server) -> None:
    page = read(shared, f"/pieces/{YEAR}/{PIECE}")
    assert words(page.cssselect("h1")[0]) == NAME
    offers = [row[:4] for row in rows(page, "table.stack")]
    assert offers == [
        ["Ornament Shop best price", "$14.95", "in stock", "no box"],
        ["Hookedonhallmark", "$27.95", "in stock", "not stated"],
        ["Hallmark Ornaments", "$29.95", "in stock", "not stated"],
    ]
    with database.read(shared.engine) as connection:
        seen = {one.isoformat() for one in connection.scalars(select(keys.c.last_seen).distinct())}
    assert {one.get("datetime") for one in page.cssselect("table.stack [data-label=Seen] time")} <= seen
    facts = dict(zip(map(words, page.cssselect("dt")), map(words, page.cssselect("dd")), strict=True))
    assert facts["Year"] == str(YEAR)
    assert facts["Series"] == "Frosty Friends, number 6"
    assert facts["SKU"] == "1295QX4822, QX 4822, QX4822NB"
    assert facts["Lowest seen"].startswith("$14.95 at Ornament Shop")
    assert facts["Usual range"].startswith("$15.95 to $")
    assert facts["Usual range"].endswith(" while in stock, since first seen")
    assert facts["First seen"] == f"{filled.STARTED:%Y-%m-%d %H:%M} UTC (40 days ago)"
    link = page.cssselect("table.stack a")[0]
    assert link.get("rel") == "noopener nofollow"
    assert link.get("href") == "https://ornament_shop.example/9001.html"


def test_the_chart_gets_every_step_with_its_run(shared: Server) -> None:
    page = read(shared, f"/pieces/{YEAR}/{PIECE}")
    data = json.loads(page.cssselect("#prices")[0].text)
    lines = {line["shop"]: line["steps"] for line in data["lines"]}
    first = lines["Hallmark Ornaments"]
    assert [(step["minor"], step["out"]) for step in first] == [
        (3895, False), (3595, False), (3595, True), (2995, False),
    ]  # fmt: skip
    assert [step["job"] for step in first] == [None, RUN, RUN, RUN]
    assert [step["minor"] for step in lines["Ornament Shop, no box"]] == [1595, 1495]
    table = rows(page, "details table")
    assert len(table) == sum(map(len, lines.values()))
    newest = words(page.cssselect("ul.plain li")[0])
    assert "Ornament Shop: $15.95" in newest
    assert "$14.95" in newest


@pytest.mark.integration
def test_while_a_shop_asks_in_another_currency_its_line_has_a_gap(tmp_path: Path) -> None:
    url = filled.file(tmp_path, 1)
    engine = database.open_engine(url)
    with database.begin(engine) as connection:
        for days, values in ((21, {"price_minor": 3000, "currency": "EUR"}), (22, {"price_minor": 3100})):
            item = filled.the_piece(VENDORS[0], days, **values)
            store.write(connection, [item], job_id=RUN, now=item.read_at or filled.NOW)
    engine.dispose()
    with serving(tmp_path, url, CHRISTMAS__SERVER__PUBLIC="true") as server:
        data = json.loads(read(server, f"/pieces/{YEAR}/{PIECE}").cssselect("#prices")[0].text)
        history = server.ask(f"/api/v1/products/{VENDORS[0]}:9001/history").json["steps"]
    [line] = [line for line in data["lines"] if line["shop"] == "Hallmark Ornaments"]
    told = [(step["minor"], step["text"]) for step in line["steps"][-3:]]
    assert told == [(2995, "$29.95"), (None, "€30.00"), (3100, "$31.00")]
    assert [(one["price"], one["currency"]) for one in history[-3:]] == [
        ("29.95", "USD"), ("30.00", "EUR"), ("31.00", "USD")
    ]  # fmt: skip


def test_only_who_may_see_runs_gets_links_to_them(shared: Server) -> None:
    collector = shared.key("user")
    for path in (f"/pieces/{YEAR}/{PIECE}", "/changes"):
        assert f"/operations/jobs/{RUN}" in shared.ask(path).text
        page = shared.ask(path, key=collector)
        assert page.status == 200
        assert "/operations" not in page.text
        assert f'"{RUN}"' not in page.text


def test_another_spelling_of_a_piece_leads_to_it(shared: Server) -> None:
    answer = shared.ask(f"/pieces/{YEAR}/qx-4822")
    assert (answer.status, answer.headers["location"]) == (308, f"/pieces/{YEAR}/{PIECE}")
    read(shared, "/pieces/1986/QX4822", 404)
    read(shared, "/pieces/unknown/QX4822", 404)


def test_years_lead_to_complete_lists(shared: Server) -> None:
    links = [one.get("href") for one in read(shared, "/years").cssselect("main li a")]
    assert f"/years/{YEAR}" in links
    assert len(links) > 3
    pieces = 0
    for link in links:
        pieces += len(rows(read(shared, link)))
    assert pieces == count(read(shared, "/?price_from=0"))
    (row,) = [row for row in rows(read(shared, f"/years/{YEAR}")) if row[0].startswith(NAME)]
    assert row[1:] == ["Frosty Friends #6", "$29.95 in stock", "$27.95 in stock", "$14.95 in stock"]


def test_changes_by_kind_and_time(shared: Server) -> None:
    assert [row[1:3] for row in rows(read(shared, "/changes?kind=fell&when=today"))] == [
        ["$15.95 →to $14.95", "Ornament Shop"]
    ]
    assert [row[1] for row in rows(read(shared, "/changes?kind=rose"))] == ["$24.95 →to $27.95"]
    assert [row[1] for row in rows(read(shared, "/changes?kind=back"))] == ["sold out →to in stock"]
    assert [row[1] for row in rows(read(shared, "/changes?kind=sold_out"))] == ["in stock →to sold out"]
    assert "No such change in this time." in words(read(shared, "/changes?kind=rose&when=week"))
    read(shared, "/changes?kind=fell&when=never", 422)
    read(shared, "/changes?before=abc", 422)
    atom = read(shared, "/changes").cssselect("link[rel=alternate]")[0]
    assert shared.ask(atom.get("href")).status == 200


def test_export_and_feed_are_linked_and_take_a_session(own: Server) -> None:
    cookie = own.sign_in(own.key("user", user="exporter"))
    page = html.document_fromstring(own.ask("/", cookie=cookie).text)
    links = {words(one): one.get("href") for one in page.cssselect("footer a")}
    assert links["All products as CSV"] == "/export"
    assert links["Feed of changes"] == page.cssselect("link[rel=alternate]")[0].get("href") == "/changes.atom"
    everything = own.ask("/export", cookie=cookie)
    assert everything.headers["content-type"].startswith("text/csv")
    assert len(everything.text.splitlines()) > 100
    feed = own.ask("/changes.atom", cookie=cookie)
    assert feed.headers["content-type"].startswith("application/atom+xml")
    for path in ("/export", "/changes.atom"):
        refused = own.ask(path, anonymous=True)
        assert (refused.status, "www-authenticate" in refused.headers) == (401, True), path
        assert path not in own.ask("/sign-in", anonymous=True).text


def test_a_search_is_downloaded_as_it_was_asked(shared: Server) -> None:
    page = read(shared, f"/?q=qx4822&year={YEAR}&stock=in&price_from=%2410&price_to=28")
    (link,) = page.cssselect("main a[download]")
    lines = shared.ask(link.get("href")).text.splitlines()
    assert len(lines) == 1 + 2
    assert all(NAME in line for line in lines[1:])
    assert not read(shared, "/?q=zzzzzz").cssselect("main a[download]")


def test_the_feed_of_the_changes_shown(shared: Server) -> None:
    page = read(shared, f"/changes?kind=fell&shop={VENDORS[2]}")
    (link,) = page.cssselect("main nav a[href^='/changes.atom']")
    assert link.get("href") == f"/changes.atom?kind=fell&vendor={VENDORS[2]}"
    assert page.cssselect("link[rel=alternate]")[0].get("href") == link.get("href")
    assert shared.ask(link.get("href")).text.count("<entry>") == len(rows(page))


def test_a_key_of_one_shop_sees_only_that(shared: Server) -> None:
    key = shared.key("user", user="scoped", vendors=[VENDORS[0]])
    for path in ("/", "/?q=frosty", f"/pieces/{YEAR}/{PIECE}", f"/years/{YEAR}", "/changes"):
        text = words(read(shared, path, key=key))
        assert "Ornament Shop" not in text, path
        assert "Hookedonhallmark" not in text, path
    (card,) = read(shared, "/?q=qx4822", key=key).cssselect(".piece")
    assert words(card.cssselect(".price")[0]) == "$29.95 at Hallmark Ornaments"


@pytest.mark.parametrize("path", PAGES)
def test_every_page_keeps_to_the_policy_and_can_be_understood(shared: Server, path: str) -> None:
    page = read(shared, path, 422 if "abc" in path else 200)
    scripts = page.cssselect("script:not([type='application/json'])")
    assert all(one.get("src", "").startswith("/static/") and not one.text for one in scripts)
    assert not page.cssselect("style, [style], [onclick], [onload]")
    levels = [int(one.tag[1]) for one in page.cssselect("h1, h2, h3, h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), levels
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    for field in page.cssselect("main input:not([type=hidden]), main select"):
        assert words(next(field.iterancestors("label"))) or field.get("aria-label")
    for table in page.cssselect("main table"):
        assert table.cssselect("caption") or table.get("aria-labelledby")
        assert all(one.get("scope") for one in table.cssselect("th"))
    assert all("alt" in one.attrib for one in page.cssselect("img"))
    for address in page.xpath("//link/@href | //script/@src | //img/@src"):
        if address.startswith("/static/"):
            assert shared.ask(address, anonymous=True).status == 200, address
