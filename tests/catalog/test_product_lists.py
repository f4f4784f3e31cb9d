"""Lists of products and pieces: what is in them, in which order, on which page."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import product as combinations
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from christmas.catalog import offers, product_lists, query_plan
from christmas.catalog.filters import Filters
from christmas.catalog.product_lists import Piece
from christmas.catalog.products import ProductRow
from christmas.catalog.query_plan import SORTS
from christmas.catalog.search import Query, Vocabulary, exactly
from christmas.db import database
from christmas.items import BUYABLE, Availability
from tests.catalog import shelves
from tests.catalog.making import at, product, stored, write
from tests.catalog.plans import collected
from tests.catalog.shelves import VENDORS, everything, passing
from tests.databases import SERVERS

CHOICES: dict[str, tuple[Any, ...]] = {
    "vendor": (None, VENDORS[0], VENDORS[3], "unknown_example"),
    "vendors": (None, VENDORS[:2], VENDORS, [VENDORS[3]], []),
    "year": (None, 1985, 2001, 1700, 10**6),
    "availability": ((), ("in_stock",), BUYABLE, ("discontinued",)),
    "price_min_minor": (None, 1000, 10**12),
    "price_max_minor": (None, 1995),
    "currency": ("USD", "EUR", "JPY"),
    "brand": (None, "hallmark", "Café de Noël", "none at all", "™", "Hall\0mark", "%"),
    "series": (None, "frosty friends", "Tin Locomotive", "friends", ""),
    "changed_since": (None, at(20), at(1000)),
    "query": (
        None, Query(), exactly("frosty"), Query(("santa",), ("qx",)), Query(sku="qxi7109"), exactly("absent"),
        Query(("tin", "drum"), sku="qx4822"), Query(nothing=True),
    ),
    "gone": (False, True),
}  # fmt: skip


@pytest.fixture(scope="module", params=SERVERS)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    yield from shelves.shared(request, tmp_path_factory, shelves.fill)


@pytest.fixture
def shelf(filled: Engine) -> Iterator[Connection]:
    with database.read(filled) as connection:
        yield connection


@pytest.fixture(
    params=[(0, query_plan.WALKED), (0, 20), (query_plan.FEW, query_plan.WALKED)], ids=["many", "walked in vain", "few"]
)
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every filter be passed by many, so that the order's index is read, all or a part of it; or by few."""
    for name, value in zip(("FEW", "WALKED"), request.param, strict=True):
        monkeypatch.setattr(query_plan, name, value)


def walked(connection: Connection, filters: Filters, sort: str, limit: int = 7) -> list[ProductRow]:
    """Return all pages in one list."""
    found: list[ProductRow] = []
    after = None
    while rows := product_lists.page(connection, filters, sort, after, limit).rows:
        assert len(rows) <= limit
        found += rows
        after = query_plan.position(rows[-1], sort)
    return found


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.usefixtures("few")
def test_pages_give_every_product_once_in_order(shelf: Connection, sort: str) -> None:
    rows = everything(shelf)
    for filters in (Filters(), Filters(gone=True), Filters(vendor=VENDORS[0]), Filters(year=1985, currency="EUR")):
        expected = passing(rows, filters, sort)
        assert [row.id for row in walked(shelf, filters, sort)] == [row.id for row in expected]
        assert expected


@pytest.mark.usefixtures("few")
def test_any_filters_find_what_a_plain_program_finds(shelf: Connection) -> None:
    rows = everything(shelf)
    chance = random.Random(17)
    found = Counter[bool]()
    for number in range(60):
        # Some filters at once; all of them at once would find nothing.
        names = chance.sample(list(CHOICES), chance.randrange(1, 5))
        filters = Filters(**{name: chance.choice(CHOICES[name]) for name in names})
        sort = SORTS[number % len(SORTS)]
        expected = passing(rows, filters, sort)
        assert product_lists.page(shelf, filters, sort, None, 1000).rows == expected, filters
        if len(expected) < 100:
            assert walked(shelf, filters, sort, 30) == expected, filters
        found[bool(expected)] += 1
    assert min(found.values()) > 8


@pytest.mark.parametrize("names", [*combinations(CHOICES, repeat=1), ("vendor", "year"), ("query", "vendors")])
def test_a_walk_finds_the_same_whatever_its_stride(
    shelf: Connection, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_lists, "STRIDE", 90)
    rows = everything(shelf)
    for values in combinations(*(CHOICES[name] for name in names)):
        filters = Filters(**dict(zip(names, values, strict=True)))
        found: list[ProductRow] = []
        after = None
        while some := product_lists.walk(shelf, filters, after, 40):
            found += some
            after = some[-1].key_id
            if len(some) < 40:  # only at the end
                break
        assert found == sorted(passing(rows, filters, "changed"), key=lambda row: row.key_id), filters


@pytest.mark.parametrize("sort", SORTS)
def test_pieces_are_in_the_order_of_their_first_product(shelf: Connection, sort: str) -> None:
    filters = Filters(series="frosty friends")
    expected: dict[tuple[int | None, str], list[ProductRow]] = {}
    for row in passing(everything(shelf), filters, sort):
        expected.setdefault((row.release_year, row.piece), []).append(row)
    found, more = product_lists.pieces(shelf, filters, sort)
    assert [(one.release_year, one.piece) for one in found] == list(expected)
    # What is told of a piece is of all its offers, not only of those that passed.
    for one in found:
        named = [row for row in everything(shelf) if (row.release_year, row.piece) == (one.release_year, one.piece)]
        listed = [row for row in named if row.gone_since is None]
        assert one.offers == sorted(listed, key=lambda row: (row.vendor, row.key_id))
        assert one.shops == list(dict.fromkeys(row.vendor for row in one.offers))
    assert not more
    assert product_lists.piece_page(shelf, filters, sort, start=2, size=3) == product_lists.PiecePage(
        found[2:5], len(found), False
    )


def test_the_offers_of_pieces_are_read_in_two_statements(shelf: Connection) -> None:
    shelf.execute(text("SELECT 1"))  # SQLite's transaction has begun
    with collected(shelf) as statements:
        found, _ = product_lists.pieces(shelf, Filters(), "changed")
    assert len({one.release_year for one in found}) > 4
    assert len(statements) == 3
    if shelf.dialect.name == "sqlite":
        for statement, parameters in statements[1:]:
            plan = [row[3] for row in shelf.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            assert "(release_year=? AND piece=?)" in " ".join(plan)
            assert not any(step.startswith("SCAN products") for step in plan)


def test_of_the_offers_of_a_piece_so_many_are_given(shelf: Connection) -> None:
    found = offers.of_piece(shelf, "QX4822", 1985)
    assert len(found) > 2
    assert offers.of_piece(shelf, "QX4822", 1985, limit=2) == found[:2]


def test_more_products_than_are_looked_at(shelf: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    found, more = product_lists.pieces(shelf, Filters(), "changed", limit=10)
    assert more
    assert 0 < len(found) <= 10
    monkeypatch.setattr(query_plan, "CANDIDATES", 10)
    found, more = product_lists.pieces(shelf, Filters(query=exactly("frosty")), "price")
    assert more
    assert 0 < len(found) <= 10


@pytest.mark.parametrize("name", ["brand", "series"])
def test_a_brand_or_series_of_more_products_than_a_text_may_find(connection: Connection, name: str) -> None:
    count = query_plan.CANDIDATES + 50
    common = {name: "Radko", "price_minor": 500}
    write(connection, *(product(str(number), number % 7, **common) for number in range(count)))
    write(connection, product("other", **(common | {name: "Radkos"})))
    for sort in ("changed", "price"):
        found = walked(connection, Filters(**{name: "RADKO"}), sort, 200)
        assert sorted(int(row.key) for row in found) == list(range(count))
    assert not product_lists.page(connection, Filters(**{name: "radko"}), "changed", None, 5).more
    text_page = product_lists.page(connection, Filters(query=exactly("radko")), "changed", None, 5)
    assert text_page.more
    assert not product_lists.page(connection, Filters(query=exactly("radkos")), "changed", None, 5).more


def test_a_position_of_any_number_is_after_or_before_all(shelf: Connection) -> None:
    most = 2**63 - 1
    for sort, after in (("price", (most, most)), ("year", (most, "", most)), ("-year", (-most, "", 0))):
        assert product_lists.page(shelf, Filters(), sort, after, 5).rows == []
    assert offers.of_piece(shelf, "QX4822", most) == []
    assert product_lists.year_page(shelf, most, None, 5) == []


@pytest.mark.parametrize("vendors", [None, [VENDORS[3]], VENDORS[:2], []])
def test_years(shelf: Connection, vendors: list[str] | None) -> None:
    seen = {row.release_year for row in everything(shelf) if vendors is None or row.vendor in vendors}
    dated: list[int | None] = sorted((year for year in seen if year is not None), reverse=True)
    assert product_lists.years(shelf, vendors) == dated + [None] * (None in seen)
    assert vendors == [] or dated


@pytest.mark.parametrize("vendors", [None, VENDORS[1:3], []])
@pytest.mark.parametrize("year", [1985, None, 1700])
def test_the_list_of_a_year_is_complete(shelf: Connection, year: int | None, vendors: list[str] | None) -> None:
    expected: dict[str, set[int]] = {}
    for row in everything(shelf):
        if row.release_year == year and (vendors is None or row.vendor in vendors):
            expected.setdefault(row.piece, set()).add(row.key_id)
    found: list[Piece] = []
    after = None
    while some := product_lists.year_page(shelf, year, after, 3, vendors):
        found += some
        after = some[-1].piece
    assert [(one.piece, {row.key_id for row in one.offers}) for one in found] == sorted(expected.items())
    for one in found:
        assert {row.key_id for row in offers.of_piece(shelf, one.piece, year, vendors)} == expected[one.piece]


def test_nothing_is_listed_twice_while_prices_change(engine: Engine) -> None:
    with database.begin(engine) as connection:
        write(connection, *(product(str(number), release_year=1990 + number % 3) for number in range(40)))
    seen: list[str] = []
    after = None
    for hours in range(1, 100):
        with database.read(engine) as connection:
            rows = product_lists.page(connection, Filters(), "year", after, 7).rows
        if not rows:
            break
        seen += [row.key for row in rows]
        after = query_plan.position(rows[-1], "year")
        with database.begin(engine) as connection:
            write(connection, *(product(str(number), hours, price_minor=hours) for number in range(hours, 40, 2)))
    assert sorted(seen) == sorted(str(number) for number in range(40))


def test_what_is_told_of_a_piece(connection: Connection) -> None:
    common = {"sku": "QX4822", "release_year": 1985}
    write(
        connection,
        product("1", name="Frosty", price_minor=1000, availability=Availability.OUT_OF_STOCK, **common),
        product("2", 1, name="Frosty Friends", price_minor=3000, series="Frosty Friends", series_number=6, **common),
        product(
            "3", 2, name="Friends", price_minor=2000, vendor="other_example", image_url="https://i.example", **common
        ),
        product("4", 3, name="Amis", price_minor=100, currency="EUR", vendor="other_example", **common),
        product("5", 4, name="Frosty Friends", sku="QX4822", release_year=1986),
        product("6", 5, name="Bell", price_minor=None),
    )
    (bell, later, one), more = product_lists.pieces(connection, Filters(), "changed")
    assert not more
    assert (later.release_year, later.piece, later.name) == (1986, "QX4822", "Frosty Friends")
    assert (bell.piece, bell.best, bell.sku) == (stored(connection, "6").id.hex, None, None)
    assert (one.name, one.series, one.series_number, one.sku) == ("Frosty", "Frosty Friends", 6, "QX4822")
    assert (bell.normal_sku, one.normal_sku) == (None, "QX4822")
    assert one.image_url == "https://i.example"
    assert one.shops == ["bells_example", "other_example"]
    assert one.best == stored(connection, "3", "other_example")
    assert [row.key for row in one.offers] == ["1", "2", "3", "4"]


def test_what_is_gone_is_no_best_price(connection: Connection) -> None:
    write(connection, product("1", price_minor=1000, sku="QX1"), product("2", price_minor=2000, sku="QX1"))
    connection.execute(text("UPDATE keys SET gone_since = first_seen WHERE key = '1'"))
    ((one,), _) = product_lists.pieces(connection, Filters(gone=True), "price")
    assert [row.key for row in one.offers] == ["1", "2"]
    assert one.best == stored(connection, "2")


def test_a_misspelt_text_leads_to_the_product(shelf: Connection) -> None:
    vocabulary = Vocabulary()
    vocabulary.refresh(shelf)
    filters = Filters(query=vocabulary.understood("frosty freinds 1985"))
    found = product_lists.page(shelf, filters, "changed", None, 1000).rows
    assert found == passing(everything(shelf), filters, "changed")
    assert {row.release_year for row in found} == {1985}
    assert all("Frosty Friends" in f"{row.name} {row.series}" for row in found)
