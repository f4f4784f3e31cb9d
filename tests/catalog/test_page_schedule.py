"""Whose own pages are to be read: which, how many, and how evenly over the days."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select, update

from christmas.catalog import page_schedule
from christmas.catalog.page_schedule import Wanted
from christmas.catalog.writing.product_pages import product_id
from christmas.db import database
from christmas.db.tables import keys as keys_table
from christmas.db.tables import products
from christmas.items import Availability
from tests.catalog.making import DAY, HOUR, START, VENDOR, at, entry, key_of, product, unread, write


def chosen(connection: Connection, which: str, *, hours: float = 10, **values: Any) -> list[str]:
    """Return the names of the keys selected, having checked that their count is right."""
    wanted = Wanted(which=which, now=at(hours), page_max_age_days=7, **values)
    found = page_schedule.select_pages(connection, VENDOR, wanted, limit=1000)
    assert page_schedule.count_pages(connection, VENDOR, wanted) == len(found)
    assert [row.id for row in found] == sorted(row.id for row in found)
    return [row.key for row in found]


@pytest.fixture
def shop(connection: Connection) -> Connection:
    """Return keys 1 (with a product), 2 (without), 3 (page failed), 4 (gone, without), and one of another vendor."""
    write(connection, *(entry(name, release_year=1990 + int(name)) for name in "1234"))
    write(connection, product("1", hours=1), unread("3", hours=1), entry("1", vendor="other_example"))
    connection.execute(update(keys_table).where(keys_table.c.key == "4").values(gone_since=at(2)))
    return connection


def test_a_row_names_the_page(shop: Connection) -> None:
    wanted = Wanted(which="unscraped", now=at(3), page_max_age_days=7)
    (row,) = page_schedule.select_pages(shop, VENDOR, wanted, limit=9)
    assert (row.id, row.key, row.url) == (key_of(shop, "2").id, "2", "https://bells.example/2.html")
    assert row.release_year == 1992


def test_unscraped(shop: Connection) -> None:
    assert chosen(shop, "unscraped", hours=3) == ["2"]


def test_a_page_that_gave_no_product_rests_for_a_day(shop: Connection) -> None:
    assert chosen(shop, "unscraped", hours=1 + 24) == ["2"]
    assert chosen(shop, "unscraped", hours=1 + 24.1) == ["2", "3"]


def test_scraped_and_all(shop: Connection) -> None:
    assert chosen(shop, "scraped") == ["1"]
    assert chosen(shop, "all") == ["1", "2", "3", "4"]


@pytest.mark.parametrize("which", ["unscraped", "stale"])
def test_a_page_that_is_due_is_read_at_once(shop: Connection, which: str) -> None:
    assert "1" not in chosen(shop, which)
    write(shop, entry("1", hours=5, price_minor=None))
    assert "1" in chosen(shop, which)
    write(shop, unread("1", hours=6))
    assert "1" not in chosen(shop, which)
    assert "1" in chosen(shop, which, hours=31)


def test_of_a_year(shop: Connection) -> None:
    assert chosen(shop, "all", year=1993) == ["3"]
    assert chosen(shop, "unscraped", year=1993, hours=3) == []


def test_by_key_or_alias(shop: Connection) -> None:
    write(shop, entry("5", hours=1, aliases=("/five.html",)))
    assert chosen(shop, "all", keys=["/five.html", "2", "5", "nothing"]) == ["2", "5"]
    assert chosen(shop, "all", keys=["/five.html"], year=1990) == []


def test_in_chunks(connection: Connection) -> None:
    write(connection, *(entry(str(number)) for number in range(25)))
    wanted = Wanted(which="unscraped", now=at(1), page_max_age_days=7)
    found: list[str] = []
    after = 0
    while chunk := page_schedule.select_pages(connection, VENDOR, wanted, limit=10, after=after):
        found += [row.key for row in chunk]
        after = chunk[-1].id
    assert found == [str(number) for number in range(25)]


def test_stale_is_neither_gone_nor_unscraped_nor_fresh(shop: Connection) -> None:
    assert chosen(shop, "stale", hours=12) == []
    assert chosen(shop, "stale", hours=1 + 7 * 24 + 1) == ["1"]
    shop.execute(update(keys_table).values(gone_since=at(2)))
    assert chosen(shop, "stale", hours=1 + 7 * 24 + 1) == []


def _fill(engine: Engine, count: int) -> None:
    with database.begin(engine) as connection:
        for start in range(0, count, 1000):
            write(connection, *(entry(str(number)) for number in range(start, start + 1000)))
        ids = connection.execute(select(keys_table.c.id, keys_table.c.key)).all()
        common = {
            "vendor": VENDOR, "name": "Bell", "availability": Availability.IN_STOCK.value, "first_seen": START,
            "last_changed": START, "read_at": START,
        }  # fmt: skip
        rows = [common | {"id": product_id(VENDOR, row.key), "key_id": row.id} for row in ids]
        connection.execute(insert(products), rows)
        connection.execute(update(keys_table).values(page_read_at=START))


@pytest.mark.parametrize(("days", "most"), [(7, 0.19), (3, 0.43), (14, 0.11), (30, 0.06)])
def test_stale_pages_are_spread_evenly(sqlite: Engine, days: int, most: float) -> None:
    """All pages are read at once; from then on a like share falls due on each day, and none becomes too old."""
    count = 2_000
    _fill(sqlite, count)
    read_at = dict.fromkeys(range(1, count + 1), START)
    shares: list[float] = []
    for day in range(1, 2 * days + 1):
        now = START + day * DAY
        wanted = Wanted(which="stale", now=now, page_max_age_days=days)
        with database.begin(sqlite) as connection:
            due = [row.id for row in page_schedule.select_pages(connection, VENDOR, wanted, limit=count)]
            connection.execute(update(keys_table).where(keys_table.c.id.in_(due)).values(page_read_at=now))
        for id_ in due:
            assert now - read_at[id_] <= days * DAY
            read_at[id_] = now
        assert all(now - before < days * DAY for before in read_at.values())
        shares.append(len(due) / count)
    assert max(shares) < most
    assert sum(shares) == pytest.approx(2, abs=0.01)


def test_stale_pages_are_spread_over_the_hours_too(sqlite: Engine) -> None:
    count = 2000
    _fill(sqlite, count)
    due: Counter[int] = Counter()
    for hour in range(24, 7 * 24 + 1):
        now = START + hour * HOUR
        with database.begin(sqlite) as connection:
            wanted = Wanted(which="stale", now=now, page_max_age_days=7)
            found = [row.id for row in page_schedule.select_pages(connection, VENDOR, wanted, limit=count)]
            connection.execute(update(keys_table).where(keys_table.c.id.in_(found)).values(page_read_at=now))
        due[hour // 6] += len(found)
    assert max(due.values()) < count * 0.2
    assert sum(due.values()) >= count


def test_pages_read_today(connection: Connection) -> None:
    write(connection, product("1"), product("2", hours=11.9), product("3", hours=12), product("4", hours=20))
    write(connection, product("5", hours=20, vendor="other_example"), unread("6", hours=20))
    assert page_schedule.pages_read_today(connection, VENDOR, at(11.9)) == 4
    assert page_schedule.pages_read_today(connection, VENDOR, at(20)) == 2
    assert page_schedule.pages_read_today(connection, VENDOR, at(48)) == 0
