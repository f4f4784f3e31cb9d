"""Users that two make at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine, text

from christmas.access import api_keys
from christmas.db import database
from tests.catalog.making import at
from tests.farm import until


def made(engine: Engine) -> api_keys.NewKey:
    with database.begin(engine) as connection:
        return api_keys.create_key(connection, user="anna", role="user", now=at(1))


def waits(engine: Engine) -> bool:
    """Return whether a transaction waits for another."""
    with database.read(engine) as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_two_who_make_the_same_user_both_get_a_key(engine: Engine) -> None:
    with ThreadPoolExecutor(1) as threads:
        with database.begin(engine) as connection:
            first = api_keys.create_key(connection, user="anna", role="user", now=at(0))
            second = threads.submit(made, engine)
            if engine.dialect.name == "postgresql":  # on SQLite, one transaction writes at a time
                until(lambda: waits(engine), what="the second transaction")
        assert second.result(timeout=60).id != first.id
    with database.read(engine) as connection:
        assert {row.id for row in api_keys.list_keys(connection)} == {first.id, second.result().id}
        assert api_keys.list_users(connection) == [("anna", ["user"])]
