"""Keys and their aliases: another template generation, which names products otherwise, makes no new key."""

from __future__ import annotations

from sqlalchemy import Connection

from christmas.catalog import products
from tests.catalog.making import DAY, VENDOR, entry, key_names, key_of, product, rows, stored, unread, write

PATH = "/1995-bell.html"


def test_from_path_to_number(connection: Connection) -> None:
    write(connection, entry(PATH), product(PATH, hours=1))
    written = write(
        connection, entry("7", hours=2, aliases=(PATH,), price_minor=5), product("7", hours=3, aliases=(PATH,))
    )
    assert (written.new_keys, written.new_products) == (0, 0)
    assert key_names(connection) == [PATH]
    assert stored(connection, "7").id == stored(connection, PATH).id
    assert write(connection, entry("7", hours=4, price_minor=5), product("7", hours=5)).new_keys == 0


def test_from_number_to_path(connection: Connection) -> None:
    write(connection, entry("7", aliases=(PATH,)), product("7", hours=1, aliases=(PATH,)))
    written = write(connection, entry(PATH, hours=2), product(PATH, hours=3))
    assert (written.new_keys, written.new_products) == (0, 0)
    assert key_names(connection) == ["7"]


def test_from_number_to_another_number_by_way_of_the_path(connection: Connection) -> None:
    write(connection, entry("7", aliases=(PATH,)))
    write(connection, entry("entity-9", hours=1, aliases=(PATH,)))
    write(connection, entry("entity-9", hours=2, aliases=("/moved.html",)))
    assert write(connection, unread("/moved.html", hours=3)).new_keys == 0
    assert key_names(connection) == ["7"]


def test_a_page_brings_aliases_too(connection: Connection) -> None:
    write(connection, entry(PATH), product(PATH, hours=1, aliases=("7",)))
    assert write(connection, entry("7", hours=2)).new_keys == 0
    assert key_names(connection) == [PATH]


def test_a_page_that_gave_no_product_is_known_by_its_alias(connection: Connection) -> None:
    write(connection, entry("7", aliases=(PATH,)))
    write(connection, unread(PATH, hours=1))
    assert key_of(connection).page_failed_at is not None


def test_two_generations_in_one_batch(connection: Connection) -> None:
    write(connection, entry("7", aliases=(PATH,)), entry(PATH, hours=1), entry("entity-9", hours=2, aliases=(PATH,)))
    assert key_names(connection) == ["7"]
    write(connection, entry("7", hours=3, aliases=("/new.html",)), entry("/new.html", hours=4), entry(PATH, hours=5))
    assert key_names(connection) == ["7"]
    assert write(connection, entry("/new.html", hours=6), entry("entity-9", hours=6)).new_keys == 0


def test_two_generations_of_one_page_in_one_batch(connection: Connection) -> None:
    written = write(
        connection, product(PATH, name="Bell"), product("7", hours=1, aliases=(PATH,), name="Bell", price_minor=5)
    )
    assert (written.new_keys, written.new_products, written.changes) == (1, 1, 1)


def test_an_alias_that_is_another_key_stays_that_key(connection: Connection) -> None:
    write(connection, entry("7"), entry("8"), product("7", hours=1), product("8", hours=1))
    write(connection, entry("7", hours=2, aliases=("8",)))
    assert rows(connection)["key_aliases"] == []
    found = products.get(connection, f"{VENDOR}:8")
    assert found is not None
    assert found.key == "8"


def test_an_alias_that_is_another_keys_alias_stays_there(connection: Connection) -> None:
    write(connection, entry("7", aliases=(PATH,)), entry("8"))
    write(connection, entry("8", hours=1, aliases=(PATH,)))
    write(connection, entry(PATH, hours=2, price_minor=5))
    assert key_names(connection) == ["7", "8"]
    assert key_of(connection, "7").last_seen > key_of(connection, "8").last_seen


def test_aliases_are_a_vendors_own(connection: Connection) -> None:
    write(connection, entry("7", aliases=(PATH,)))
    assert write(connection, entry(PATH, vendor="other_example")).new_keys == 1


def test_a_key_follows_its_page_to_another_address(connection: Connection) -> None:
    write(connection, entry("7", aliases=(PATH,)))
    write(connection, entry("7", hours=1, aliases=("/moved.html",), url="https://bells.example/moved.html"))
    assert key_of(connection).url == "https://bells.example/moved.html"


def test_the_release_year_may_be_unread(connection: Connection) -> None:
    write(connection, product("7"), product("8", release_year=1995), unread("9"))
    assert [key_of(connection, name).release_year for name in "789"] == [None, 1995, None]


def test_a_thousand_new_keys_are_made_at_once(connection: Connection) -> None:
    many = [entry(str(number), aliases=(f"/{number}.html",)) for number in range(1000)]
    assert write(connection, *many).new_keys == 1000
    renamed = [entry(f"/{number}.html", hours=DAY.total_seconds() / 3600) for number in range(1000)]
    assert write(connection, *renamed).new_keys == 0
