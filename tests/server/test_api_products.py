"""Products, pieces, histories and suggestions: filters, order, pages, scope and what is refused."""

from __future__ import annotations

import csv
import io
import itertools
import time
from collections import Counter
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from christmas.catalog import product_lists, products
from christmas.catalog.filters import Filters
from christmas.catalog.query_plan import SORTS
from christmas.db import database
from christmas.server.api import models
from tests.farm import Key
from tests.server import filled
from tests.server.running import Answer, Server

PRODUCTS = "/api/v1/products"
FIRST, SECOND, THIRD = filled.VENDORS
SIZE = 41  # of each vendor


def ask(server: Server, path: str = PRODUCTS, key: Key | None = None, **query: Any) -> Answer:
    return server.ask(f"{path}?{urlencode(query, doseq=True)}", key=key)


def items(server: Server, path: str = PRODUCTS, key: Key | None = None, **query: Any) -> list[dict[str, Any]]:
    answer = ask(server, path, key, **query)
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json["items"]
    return found


def walked(server: Server, key: Key | None = None, **query: Any) -> list[dict[str, Any]]:
    """Return the items of all pages."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = ask(server, key=key, **query, **cursor)
        assert answer.status == 200, answer.text
        assert 0 < len(answer.json["items"]) <= query["limit"]
        found += answer.json["items"]
        if answer.json["next"] is None:
            return found
        cursor = {"cursor": answer.json["next"]}


@pytest.fixture(scope="module")
def scoped(shared: Server) -> Key:
    """Return a collector's key for one vendor."""
    return shared.key("user", user="collector-of-one", vendors=[THIRD])


def piece_at(server: Server, vendor: str) -> dict[str, Any]:
    found: dict[str, Any] = server.ask(f"{PRODUCTS}/{vendor}:9001").json
    return found


def test_a_product_is_told_in_full(shared: Server) -> None:
    found = piece_at(shared, FIRST)
    assert found | {"id": "", "read_at": ""} == {
        "id": "", "vendor": FIRST, "key": "9001", "sku": "QX 4822", "piece": "QX4822", "gtin": None,
        "name": filled.NAME, "brand": "Hallmark", "release_year": 1985, "series": "Frosty Friends",
        "series_number": 6, "box": None, "price": "29.95", "price_min": None, "price_max": None, "list_price": None,
        "currency": "USD", "availability": "in_stock",
        "url": f"https://{FIRST.replace('_com', '.example')}/9001.html", "image_url": None,
        "first_seen": filled.STARTED.isoformat().replace("+00:00", "Z"),
        "last_changed": (filled.STARTED + 20 * filled.DAY).isoformat().replace("+00:00", "Z"), "gone_since": None,
        "read_at": "",
    }  # fmt: skip


def test_a_product_is_found_by_any_of_its_names(shared: Server) -> None:
    found = piece_at(shared, FIRST)
    for name in (found["id"], found["id"].replace("-", ""), found["id"][:13], found["id"].upper()):
        assert shared.ask(f"{PRODUCTS}/{name}").json == found


@pytest.mark.parametrize(
    "name",
    ["zz", "0", "", "nobody_com:1", "ornament_shop_com:", ":", "../products", "' OR 1=1 --", "<script>", "é" * 50],
)
def test_an_unknown_product(shared: Server, name: str) -> None:
    for path in (f"{PRODUCTS}/{quote(name, safe='')}", f"{PRODUCTS}/{quote(name, safe='')}/history"):
        answer = shared.ask(path)
        assert answer.status == 404, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "There is no product" in answer.json["detail"]


def test_a_key_with_slashes_is_a_name(shared: Server) -> None:
    answer = shared.ask(f"{PRODUCTS}/{FIRST}:a/b%2Fc")
    assert answer.status == 404
    assert f"{FIRST}:a/b/c" in answer.json["detail"]


def test_each_vendor_has_its_products(shared: Server) -> None:
    assert Counter(one["vendor"] for one in walked(shared, limit=50)) == dict.fromkeys(filled.VENDORS, SIZE)
    assert {one["vendor"] for one in items(shared, vendor=SECOND)} == {SECOND}
    assert items(shared, vendor="nobody_com") == []


@pytest.mark.parametrize("sort", SORTS)
def test_pages_have_every_product_once_and_in_order(shared: Server, sort: str) -> None:
    found = walked(shared, sort=sort, limit=7)
    at_once = walked(shared, sort=sort, limit=200)
    assert [one["id"] for one in found] == [one["id"] for one in at_once]
    assert len({one["id"] for one in found}) == len(found) == 3 * SIZE
    name, backwards = {
        "changed": ("last_changed", True), "price": ("price", False), "-price": ("price", True),
        "year": ("release_year", False), "-year": ("release_year", True),
    }[sort]  # fmt: skip
    values = [float(one[name]) if name == "price" else one[name] for one in found]
    assert values == sorted(values, reverse=backwards)


def test_filters_are_those_of_a_plain_model(shared: Server) -> None:
    everything = walked(shared, limit=200)
    choices: list[list[dict[str, Any]]] = [
        [{}, {"vendor": FIRST}],
        [{}, {"year": 1985}],
        [{}, {"availability": "in_stock"}, {"availability": ["out_of_stock", "preorder"]}],
        [{}, {"price_min": "20.00", "price_max": "29.95"}],
        [{}, {"series": "Frosty Friends"}],
        [{}, {"brand": "Hallmark"}, {"brand": "Radko"}],
    ]
    for chosen in itertools.product(*choices):
        query = {name: value for one in chosen for name, value in one.items()}
        expected = {
            one["id"]
            for one in everything
            if query.get("vendor") in {None, one["vendor"]}
            and query.get("year") in {None, one["release_year"]}
            and ("availability" not in query or one["availability"] in query["availability"])
            and ("price_min" not in query or 20 <= float(one["price"]) <= 29.95)
            and query.get("series") in {None, one["series"]}
            and query.get("brand") in {None, one["brand"]}
        }
        assert {one["id"] for one in items(shared, limit=200, **query)} == expected, query


def test_a_page_says_whether_all_products_were_looked_at(shared: Server) -> None:
    for query in ({}, {"series": "Frosty Friends"}, {"text": "frosty"}):
        assert ask(shared, limit=1, **query).json["more"] is False


def test_prices_are_compared_within_one_currency(shared: Server) -> None:
    assert items(shared, price_min="0.01", currency="EUR") == []
    assert items(shared, sort="price", currency="EUR") == []
    assert items(shared, vendor=FIRST, price_min="29.9401", price_max="29.9599", series="Frosty Friends")


def test_changed_since_a_time_or_a_day(shared: Server) -> None:
    moment = filled.STARTED + 20 * filled.DAY
    one = {"vendor": FIRST, "series": "Frosty Friends", "year": 1985}
    for since in (moment, moment.date(), moment.isoformat().replace("+00:00", "Z")):
        assert [row["key"] for row in items(shared, changed_since=since, **one)] == ["9001"]
    assert items(shared, changed_since=moment + timedelta(seconds=1), **one) == []
    path = f"{PRODUCTS}?vendor={FIRST}&changed_since={moment.isoformat()}"  # its plus sign is not quoted
    assert shared.ask(path).status == 200


def test_what_is_gone_is_told_only_when_asked_for(shared: Server) -> None:
    def set_gone(value: str) -> None:
        with database.begin(shared.engine) as connection:
            connection.exec_driver_sql(f"UPDATE keys SET gone_since = {value} WHERE vendor = '{SECOND}' AND key = '7'")

    set_gone("1700000000000000")
    try:
        assert "7" not in {one["key"] for one in items(shared, vendor=SECOND, limit=200)}
        assert "7" in {one["key"] for one in items(shared, vendor=SECOND, limit=200, gone="true")}
        assert shared.ask(f"{PRODUCTS}/{SECOND}:7").json["gone_since"] == "2023-11-14T22:13:20Z"
    finally:
        set_gone("NULL")


def test_words_are_corrected_and_told(shared: Server) -> None:
    answer = ask(shared, text="frosty freinds 1985").json
    assert {one["vendor"] for one in answer["items"]} >= set(filled.VENDORS)
    assert {one["release_year"] for one in answer["items"]} == {1985}
    assert answer["understood"]["corrected"] == {"freinds": "friends"}
    assert set(answer["understood"]["words"]) == {"frosty", "friends", "1985"}
    assert ask(shared).json["understood"] is None


@pytest.mark.parametrize("spelling", ["1295QX4822", "qx 4822", "QX-4822", "qx4822"])
def test_a_sku_in_any_spelling(shared: Server, spelling: str) -> None:
    assert {one["key"] for one in items(shared, text=spelling)} == {"9001"}


def test_pages_of_a_text(shared: Server) -> None:
    at_once = items(shared, text="hallmark", sort="price", limit=200)
    found = walked(shared, text="hallmark", sort="price", limit=10)
    assert [one["id"] for one in found] == [one["id"] for one in at_once]
    assert len(found) == 3 * SIZE


def test_a_text_that_nobody_knows_finds_nothing(shared: Server) -> None:
    answer = ask(shared, text="xqzzyvw").json
    assert (answer["items"], answer["next"]) == ([], None)
    assert ask(shared, text="   ").json["items"]


@pytest.mark.parametrize(
    "text", ['" OR 1=1 --', "NEAR(", "*", "a & !b", "<script>alert(1)</script>", "it's", "'; DROP TABLE x", "%_", "\\"]
)
def test_syntax_in_a_text_is_only_text(shared: Server, text: str) -> None:
    for field in ("text", "brand", "series"):
        assert ask(shared, **{field: text}).status == 200
    assert ask(shared, "/api/v1/pieces", text=text).status == 200
    assert ask(shared, "/api/v1/suggestions", text=text).status == 200


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("price_min=abc", "price_min: is not an amount"),
        ("price_max=-1", "price_max: is not an amount"),
        ("price_min=NaN", "price_min"),
        ("price_min=1e400", "price_min"),
        ("price_min=99999999999", "price_min"),
        ("currency=usd", "currency"),
        ("currency=' OR 1", "currency"),
        ("changed_since=2026-11-25T10:00:00", "changed_since: is neither a time with offset"),
        ("changed_since=yesterday", "changed_since"),
        ("changed_since=20261399", "changed_since"),
        ("year=0", "year"),
        ("year=99999999999999999999", "year"),
        ("year=1985.5", "year"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-9223372036854775809", "limit"),
        ("sort=name", "sort"),
        ("availability=often", "availability"),
        ("vendor=No%20Vendor", "vendor"),
        ("vendor=", "vendor"),
        ("text=a%00b", "text: may not hold the character NUL"),
        ("brand=%00", "brand"),
        ("series=%00", "series"),
        ("text=" + "x" * 201, "text"),
        ("gone=maybe", "gone"),
        ("cursor=!!!", "cursor"),
        ("cursor=W10", "cursor"),
        ("cursor=" + "x" * 1001, "cursor"),
        ("colour=red", "colour"),
    ],
)
def test_what_is_wrong_is_named(shared: Server, query: str, says: str) -> None:
    answer = shared.ask(f"{PRODUCTS}?{quote(query, safe='=%&')}")
    assert answer.status == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json["detail"]


def test_a_cursor_of_another_order_is_refused(shared: Server) -> None:
    cursor = ask(shared, limit=1, sort="year").json["next"]
    answer = ask(shared, limit=1, sort="price", cursor=cursor)
    assert answer.status == 422
    assert "cursor" in answer.json["detail"]


def test_a_nul_in_a_name_is_refused(shared: Server) -> None:
    for path in ("a%00b", "ornament_shop_com:%00", "%00/history"):
        assert shared.ask(f"{PRODUCTS}/{path}").status == 422


def test_a_key_of_one_vendor_sees_only_that(shared: Server, scoped: Key) -> None:
    assert {one["vendor"] for one in items(shared, key=scoped, limit=200)} == {THIRD}
    assert items(shared, key=scoped, vendor=FIRST) == []
    assert {one["vendor"] for one in items(shared, key=scoped, text="frosty friends")} == {THIRD}
    assert {one["vendor"] for one in walked(shared, scoped, sort="price", limit=10)} == {THIRD}
    for path in (f"{FIRST}:9001", piece_at(shared, FIRST)["id"], f"{FIRST}:9001/history"):
        hidden = shared.ask(f"{PRODUCTS}/{path}", key=scoped)
        unknown = shared.ask(f"{PRODUCTS}/{FIRST}:nothing", key=scoped)
        assert hidden.status == unknown.status == 404
        assert hidden.json["title"] == unknown.json["title"]
    assert shared.ask(f"{PRODUCTS}/{THIRD}:9001", key=scoped).status == 200
    found = items(shared, "/api/v1/pieces", scoped, text="QX4822")
    assert [one["vendors"] for one in found] == [[THIRD]]


def test_nothing_new_is_not_sent_again(shared: Server) -> None:
    first = ask(shared, vendor=FIRST)
    again = shared.ask(f"{PRODUCTS}?vendor={FIRST}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_a_history_as_json(shared: Server) -> None:
    found = shared.ask(f"{PRODUCTS}/{FIRST}:9001/history")
    assert found.status == 200
    assert "Accept" in found.headers["vary"]
    history = found.json
    assert history["product"] == piece_at(shared, FIRST)
    seen = [(one["field"], one["old"], one["new"], one["currency"]) for one in history["items"]]
    assert seen == [
        ("price", "38.95", "35.95", "USD"),
        ("availability", "in_stock", "out_of_stock", None),
        ("price", "35.95", "29.95", "USD"),
        ("availability", "out_of_stock", "in_stock", None),
    ]
    assert {one["job"] for one in history["items"]} == {filled.RUN}
    assert [(one["price"], one["availability"], one["job"]) for one in history["steps"]] == [
        ("38.95", "in_stock", None), ("35.95", "in_stock", filled.RUN), ("35.95", "out_of_stock", filled.RUN),
        ("29.95", "in_stock", filled.RUN),
    ]  # fmt: skip
    days = [0, 5, 12, 20]
    expected = [(filled.STARTED + day * filled.DAY).isoformat().replace("+00:00", "Z") for day in days]
    assert [one["at"] for one in history["steps"]] == expected


@pytest.mark.parametrize(
    ("query", "accept", "is_csv"),
    [
        ("?format=csv", None, True), ("", "text/csv", True), ("", "text/csv;q=1, application/json", True),
        ("", "application/json, text/csv", False), ("", "*/*", False), ("?format=json", "text/csv", False),
    ],
)  # fmt: skip
def test_a_history_as_csv(shared: Server, query: str, accept: str | None, is_csv: bool) -> None:
    headers = {"Accept": accept} if accept else {}
    found = shared.ask(f"{PRODUCTS}/{FIRST}:9001/history{query}", headers=headers)
    assert found.status == 200
    assert found.headers["content-type"].startswith("text/csv" if is_csv else "application/json")
    assert "Accept" in found.headers["vary"]
    if is_csv:
        rows = list(csv.DictReader(io.StringIO(found.text)))
        assert "attachment" in found.headers["content-disposition"]
        assert list(rows[0]) == list(models.Change.model_fields)
        assert [row["new"] for row in rows] == ["35.95", "out_of_stock", "29.95", "in_stock"]


def test_pieces_have_the_best_price_and_where_it_is(shared: Server) -> None:
    answer = ask(shared, "/api/v1/pieces", text="QX4822").json
    assert answer["more"] is False
    (piece,) = answer["items"]
    assert (piece["piece"], piece["release_year"], piece["name"]) == ("QX4822", 1985, filled.NAME)
    assert sorted(piece["vendors"]) == sorted(filled.VENDORS)
    assert (piece["best"]["vendor"], piece["best"]["price"], piece["best"]["currency"]) == (THIRD, "14.95", "USD")
    assert len(piece["product_ids"]) == 3


def test_pieces_say_when_there_are_more(shared: Server) -> None:
    few = ask(shared, "/api/v1/pieces", limit=5).json
    assert few["more"] is True
    everything = ask(shared, "/api/v1/pieces").json
    assert everything["more"] is False
    assert sum(len(one["product_ids"]) for one in everything["items"]) == 3 * SIZE
    assert ask(shared, "/api/v1/pieces", limit=1001).status == 422


def test_suggestions_go_on_with_known_words(shared: Server) -> None:
    found = items(shared, "/api/v1/suggestions", text="frost")
    assert 0 < len(found) <= 10
    assert any("frosty" in one for one in found)  # type: ignore[comparison-overlap]
    assert len(items(shared, "/api/v1/suggestions", text="1")) <= 10
    assert shared.ask("/api/v1/suggestions").status == 422


def test_suggestions_have_no_words_of_other_vendors(shared: Server, scoped: Key) -> None:
    path, text = "/api/v1/suggestions", "1295qx48"
    assert items(shared, path, text=text) == ["1295qx4822"]
    assert items(shared, path, scoped, text=text) == []
    assert items(shared, path, scoped, text="qx482") == ["qx4822", "qx4822nb"]
    assert "1295qx4822" in shared.ask(f"/suggestions?q={text}").text
    assert "1295qx4822" not in shared.ask(f"/suggestions?q={text}", key=scoped).text
    assert ask(shared, key=scoped, text="1295qx4822").json["understood"]["words"] != ["1295qx4822"]


def test_who_may_read_no_products_is_refused(shared: Server) -> None:
    monitor = shared.key("monitor", user="watching")
    for path in (PRODUCTS, f"{PRODUCTS}/x", f"{PRODUCTS}/x/history", "/api/v1/pieces", "/api/v1/suggestions?text=a"):
        assert shared.ask(path, key=monitor).status == 403
    assert shared.ask(PRODUCTS, anonymous=True).status == 200  # server.public is on


def test_a_list_of_fifty_costs_little(shared: Server) -> None:
    with database.read(shared.engine) as connection:
        rows = product_lists.page(connection, Filters(), "changed", None, 50).rows
        assert products.get(connection, str(rows[0].id)) == rows[0]
    assert len(rows) == 50
    best = min(_seconds(rows) for _ in range(30))
    assert best < 0.005  # 1.3 ms (measured 2026-11), on a machine that others slow down several times that


def _seconds(rows: list[Any]) -> float:
    started = time.process_time()
    page = models.ProductPage(items=[models.Product.from_record(row) for row in rows], next=None, more=False)
    page.__pydantic_serializer__.to_json(page)
    return time.process_time() - started
