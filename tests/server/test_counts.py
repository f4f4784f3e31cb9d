"""The counts that are kept for a minute."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine

from christmas.db import database
from christmas.server.counts import KEPT_SECONDS, Counts
from tests.catalog.making import product, write
from tests.catalog.plans import collected
from tests.server import filled

FIRST, SECOND, _ = filled.VENDORS
SIZE = 6  # of each vendor


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = database.open_engine(filled.file(tmp_path, SIZE - 1))
    yield engine
    engine.dispose()


def test_a_change_is_seen_after_a_minute(engine: Engine) -> None:
    counts = Counts()

    def counted(now: float) -> int:
        with database.read(engine) as connection:
            return counts.of(connection, None, now)[FIRST].products

    assert counted(1000) == SIZE
    with database.begin(engine) as connection:
        write(connection, product("new", vendor=FIRST))
    assert counted(1000 + KEPT_SECONDS - 1) == SIZE
    assert counted(1000 + KEPT_SECONDS) == SIZE + 1


def test_others_see_only_their_vendors(engine: Engine) -> None:
    with database.read(engine) as connection:
        assert set(Counts().of(connection, [SECOND, "unknown_com"])) == {SECOND}


def test_many_at_once_count_once(engine: Engine) -> None:
    counts = Counts()

    def ask(_: int) -> int:
        with database.read(engine) as connection, collected(connection) as statements:
            assert counts.of(connection, None)[FIRST].products == SIZE
            return sum("count" in statement for statement, _ in statements)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(40))) == 1
