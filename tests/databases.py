"""Both databases: SQLite in a file, and a PostgreSQL that is started once and stopped at the end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from christmas.catalog.held_changes import HeldRow
from christmas.db import database
from christmas.db.tables import metadata
from tests.catalog.making import product, write
from tests.catalog.watches import doubt

SERVERS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgresql(new_postgresql: Callable[[], str]) -> Iterator[Engine]:
    """Provide one catalog in PostgreSQL; ``engine`` empties it before each test."""
    engine = database.open_engine(new_postgresql())
    database.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of an empty catalog."""
    path = tmp_path_factory.mktemp("template") / "catalog.db"
    engine = database.open_engine(f"sqlite:///{path}")
    database.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(params=SERVERS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database in which there is nothing at all."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.db'}"
    url: str = request.getfixturevalue("new_postgresql")()
    return url


@pytest.fixture
def empty_engine(empty_url: str) -> Iterator[Engine]:
    engine = database.open_engine(empty_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Engine]:
    """Provide an empty catalog in SQLite."""
    path = tmp_path / "catalog.db"
    shutil.copy(sqlite_template, path)
    engine = database.open_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture(params=SERVERS)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Return an empty catalog."""
    found: Engine = request.getfixturevalue(request.param)
    if request.param == "postgresql":
        names = ", ".join(table.name for table in metadata.sorted_tables)
        with database.begin(found) as connection:
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    return found


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """Provide a writing transaction on an empty catalog."""
    with database.begin(engine) as connection:
        yield connection


@pytest.fixture
def jumped(connection: Connection) -> list[HeldRow]:
    """Return the one price that is held."""
    write(connection, product())
    return doubt(connection, product(hours=1, price_minor=5000, list_price_minor=None))
