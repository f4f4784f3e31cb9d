"""The vendors that have products, found without reading their products."""

from __future__ import annotations

from sqlalchemy import Connection, text

from christmas.catalog import shops
from tests.catalog.making import product, write
from tests.catalog.plans import collected, whole_tables


def test_each_vendor_is_named_once_in_order_and_within_the_scope(connection: Connection) -> None:
    assert shops.names(connection) == []
    write(connection, *(product(str(key), vendor=f"{name}_example") for name in ("stars", "bells") for key in range(3)))
    write(connection, product("1", vendor="angels_example"))
    assert shops.names(connection) == ["angels_example", "bells_example", "stars_example"]
    assert shops.names(connection, ["stars_example", "trees_example"]) == ["stars_example"]
    assert shops.names(connection, []) == []


def test_it_is_a_look_up_for_each_vendor(connection: Connection) -> None:
    write(connection, product())
    with collected(connection) as statements:
        shops.names(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL enable_seqscan = off"))
    assert [whole_tables(connection, *one) for one in statements] == [[]]
