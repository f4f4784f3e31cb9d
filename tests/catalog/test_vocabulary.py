"""Piece, words, full-text index and vocabulary follow what the writers store."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, select, text, update

from christmas.catalog import held_changes, products, vocabulary
from christmas.db import database
from christmas.db.tables import products as table
from christmas.db.tables import vocabulary as words_table
from tests.catalog.making import at, entry, product, stored, write
from tests.catalog.watches import doubt
from tests.catalog.words import check_index, find_by_words

MARK = "marked vbellsexample"


def known(connection: Connection) -> list[str]:
    return list(connection.scalars(select(words_table.c.word).order_by(words_table.c.id)))


def written(connection: Connection, key: str = "7") -> tuple[str, str]:
    row = connection.execute(select(table.c.piece, table.c.words).where(table.c.id == stored(connection, key).id)).one()
    return row.piece, row.words


def mark(connection: Connection) -> None:
    """Write words by hand, to see whether somebody else does."""
    connection.execute(update(table).values(piece="MARK1", words=MARK))


def test_a_new_product_can_be_found(connection: Connection) -> None:
    write(connection, product("7", sku="3799QXI7109", brand="Hallmark", release_year=1995), product("8"))
    assert written(connection) == ("QXI7109", "1995 bell 7 hallmark 3799qxi7109 qxi7109 vbellsexample")
    assert written(connection, "8") == (stored(connection, "8").id.hex, "1995 bell 8 vbellsexample")
    assert find_by_words(connection, "bell") == ["7", "8"]
    assert find_by_words(connection, "qxi7109", "1995", "vbellsexample") == ["7"]
    assert find_by_words(connection, "qxi7109", "8") == []
    assert known(connection) == sorted(["1995", "bell", "7", "8", "hallmark", "3799qxi7109", "qxi7109"])
    check_index(connection)


def test_a_new_price_writes_no_words(connection: Connection) -> None:
    write(connection, product())
    mark(connection)
    write(connection, product(hours=1, price_minor=900))
    write(connection, entry(hours=2), entry(hours=3, price_minor=800))
    assert stored(connection).price_minor == 800
    assert written(connection) == ("MARK1", MARK)
    assert (find_by_words(connection, "bell"), find_by_words(connection, "marked")) == ([], ["7"])
    check_index(connection)


@pytest.mark.parametrize(
    ("field", "value", "piece", "words"),
    [
        ("name", "Gong", None, "gong vbellsexample"),
        ("sku", "QX7 NB", "QX7", "1995 bell 7 qx7nb qx7 vbellsexample"),
        ("brand", "Carlton", None, "1995 bell 7 carlton vbellsexample"),
        ("series", "Chimes", None, "1995 bell 7 chimes vbellsexample"),
        ("release_year", 1996, None, "1995 bell 7 1996 vbellsexample"),
    ],
)
def test_what_a_product_is_called_anew(
    connection: Connection, field: str, value: str | int, piece: str | None, words: str
) -> None:
    write(connection, product("7"), product("9"))
    mark(connection)
    write(connection, product("7", hours=1, price_minor=900, **{field: value}), product("9", hours=1, price_minor=900))
    row = stored(connection)
    assert (getattr(row, field), row.price_minor, row.last_changed) == (value, 900, at(1))
    assert (stored(connection, "9").price_minor, written(connection, "9")) == (900, ("MARK1", MARK))
    assert written(connection) == (piece or row.id.hex, words)
    assert (find_by_words(connection, "marked"), find_by_words(connection, *words.split(" "))) == (["9"], ["7"])
    assert set(words.split(" ")[:-1]) <= set(known(connection))
    check_index(connection)


def test_a_held_name_is_found_once_it_is_released(connection: Connection) -> None:
    write(connection, product())
    rows = doubt(connection, product(hours=1, name="Silver Gong", sku="QX1"))
    assert {row.field for row in rows} >= {"name", "sku"}
    assert find_by_words(connection, "gong") == []
    held_changes.release(connection, [row.id for row in rows], by="anna", now=at(2))
    assert written(connection) == ("QX1", "silver gong qx1 vbellsexample")
    assert (find_by_words(connection, "silver"), find_by_words(connection, "bell")) == (["7"], [])
    assert {"silver", "gong", "qx1"} <= set(known(connection))
    check_index(connection)


def test_a_held_price_writes_no_words(connection: Connection) -> None:
    write(connection, product())
    mark(connection)
    rows = doubt(connection, product(hours=1, price_minor=5000, list_price_minor=None))
    held_changes.release(connection, [row.id for row in rows if row.field == "price_minor"], by="anna", now=at(2))
    assert stored(connection).price_minor == 5000
    assert written(connection) == ("MARK1", MARK)


def test_a_product_that_is_removed_is_not_found(connection: Connection) -> None:
    write(connection, product("7"), product("8"))
    assert products.remove(connection, stored(connection, "7").id)
    assert find_by_words(connection, "bell") == ["8"]
    assert "7" in known(connection)
    check_index(connection)


def test_words_are_known_once(connection: Connection) -> None:
    vocabulary.write(connection, ["b a vshop", "a c vshop"])
    vocabulary.write(connection, ["c vshop", "d b vother"])
    vocabulary.write(connection, ["vshop"])
    vocabulary.write(connection, [])
    assert known(connection) == ["a", "b", "c", "d"]


def test_words_of_a_write_that_failed_are_written_by_the_next(engine: Engine) -> None:
    with database.begin(engine) as connection:
        write(connection, product())
        connection.rollback()
    with database.begin(engine) as connection:
        assert known(connection) == []
        write(connection, product())
        assert known(connection) == ["1995", "7", "bell"]
        check_index(connection)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_second_writer_of_new_words_waits_for_the_first(engine: Engine) -> None:
    """Neither locks the other out, and ids rise in the order of commits; SQLite has one writer at a time anyway."""

    def second() -> None:
        with database.begin(engine) as connection:
            vocabulary.write(connection, ["b vshop"])
            vocabulary.write(connection, ["a c vshop"])

    with ThreadPoolExecutor(1) as thread:
        with database.begin(engine) as connection:
            vocabulary.write(connection, ["a vshop"])
            other = thread.submit(second)
            waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            deadline = time.monotonic() + 30
            while not connection.scalar(waiting) and time.monotonic() < deadline:
                assert not other.done()
            assert not other.done()
            vocabulary.write(connection, ["b d vshop"])
        other.result(timeout=90)
    with database.read(engine) as connection:
        assert known(connection) == ["a", "b", "d", "c"]
