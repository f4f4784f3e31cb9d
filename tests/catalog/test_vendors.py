"""The vendors' overview: which there are, and how many products each has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection, Engine, text, update

from christmas.catalog import vendor_health, vendors
from christmas.catalog.vendors import KEPT_SECONDS, CountCache, VendorCount
from christmas.db import database
from christmas.db.tables import keys
from christmas.items import Availability
from tests.catalog.making import START, VENDOR, product, write
from tests.catalog.plans import collected, whole_tables

OTHER = "another_example"


def test_each_vendor_is_named_once_in_order_and_within_the_scope(connection: Connection) -> None:
    assert vendors.names(connection) == []
    write(connection, *(product(str(key), vendor=f"{name}_example") for name in ("stars", "bells") for key in range(3)))
    write(connection, product("1", vendor="angels_example"))
    assert vendors.names(connection) == ["angels_example", "bells_example", "stars_example"]
    assert vendors.names(connection, ["stars_example", "trees_example"]) == ["stars_example"]
    assert vendors.names(connection, []) == []


def test_it_is_a_look_up_for_each_vendor(connection: Connection) -> None:
    write(connection, product())
    with collected(connection) as statements:
        vendors.names(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL enable_seqscan = off"))
    assert [whole_tables(connection, *one) for one in statements] == [[]]


def test_in_stock_is_what_can_be_bought_and_delisted_products_are_not_counted(connection: Connection) -> None:
    assert vendors.counts(connection) == {}
    write(connection, *(product(one.value, availability=one) for one in Availability if one.value != "unknown"))
    write(connection, product("7", vendor=OTHER, price_minor=None))
    assert vendors.counts(connection) == {OTHER: VendorCount(1, 1, 1), VENDOR: VendorCount(5, 3, 0)}
    connection.execute(update(keys).where(keys.c.key == "preorder").values(gone_since=START))
    assert vendors.counts(connection)[VENDOR] == VendorCount(4, 2, 0)


def test_the_overview_has_known_vendors_those_with_products_and_those_with_a_health(connection: Connection) -> None:
    write(connection, product())
    vendor_health.record(
        connection, "sick_example", state="broken", kind=None, reason="Nothing is read.", job_id="run", now=START
    )
    found = vendors.overview(connection, ["new_example"])
    assert [(row.name, row.count.products, row.health is not None) for row in found] == [
        (VENDOR, 1, False), ("new_example", 0, False), ("sick_example", 0, True)
    ]  # fmt: skip
    assert [row.name for row in vendors.overview(connection, ["new_example"], [VENDOR, "unknown_example"])] == [VENDOR]
    assert vendors.overview(connection, [], counted={OTHER: VendorCount(9)})[0].count.products == 9


def test_kept_counts_see_a_change_after_a_minute(engine: Engine) -> None:
    cache = CountCache()

    def counted(now: float) -> int:
        with database.read(engine) as connection:
            return cache.get(connection, now)[VENDOR].products

    for key, now, expected in (("1", 1000, 1), ("2", 1000 + KEPT_SECONDS - 1, 1), ("3", 1000 + KEPT_SECONDS, 3)):
        with database.begin(engine) as connection:
            write(connection, product(key))
        assert counted(now) == expected


def test_many_at_once_count_once(engine: Engine) -> None:
    cache = CountCache()
    with database.begin(engine) as connection:
        write(connection, product())

    def ask(_: int) -> int:
        with database.read(engine) as connection, collected(connection) as statements:
            assert cache.get(connection)[VENDOR].products == 1
            return sum("count" in statement for statement, _ in statements)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(40))) == 1
