"""Reading the stream: filters over many chunks, and following."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from christmas.config import Config
from christmas.errors import RedisUnavailable
from christmas.logs import reading
from christmas.logs.reading import BEGINNING, Wanted
from christmas.logs.stream import STREAM
from tests.valkey import Valkey

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def add(valkey: Valkey, number: int, *, at: str = "*") -> None:
    """Add a line: every third is of vendor b, every fifth of job j, and the levels take turns."""
    fields = {
        "event": str(number), "level": LEVELS[number % 4],
        "vendor": "b" if number % 3 == 0 else "a", "job": "j" if number % 5 == 0 else str(number),
    }  # fmt: skip
    valkey.client.xadd(STREAM, fields, id=at)  # type: ignore[arg-type]


@pytest.fixture
def hundred(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Valkey:
    """Return a stream of a hundred lines, read seven at a time."""
    monkeypatch.setattr(reading, "CHUNK", 7)
    for number in range(100):
        add(valkey, number)
    return valkey


CHOICES: list[tuple[Wanted, Callable[[int], bool]]] = [
    (Wanted(), lambda n: True),
    (Wanted(jobs={"j", "99"}), lambda n: n % 5 == 0 or n == 99),
    (Wanted(vendor="b"), lambda n: n % 3 == 0),
    (Wanted(level="WARNING"), lambda n: n % 4 >= 2),
    (Wanted(jobs={"j"}, vendor="b", level="ERROR"), lambda n: n % 60 == 15),
    (Wanted(jobs=set()), lambda n: False),
]


def test_the_newest_that_are_wanted_come_last(hundred: Valkey) -> None:
    for (wanted, is_wanted), limit in product(CHOICES, (1, 7, 20, 1000)):
        expected = [str(number) for number in range(100) if is_wanted(number)][-limit:]
        found = [line["event"] for line in reading.read(hundred.client, wanted, limit=limit)]
        assert found == expected, (wanted, limit)


def test_each_part_reads_a_few_chunks_and_all_parts_have_every_line_once(
    hundred: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNKS", 2)
    for (wanted, is_wanted), limit in product(CHOICES, (1, 7, 1000)):
        found: list[str] = []
        position: str | None = ""
        while position is not None:
            asked = _commands(hundred, "xrevrange")
            until = f"({position}" if position else "+"
            lines, position = reading.before(hundred.client, wanted, limit=limit, until=until)
            assert _commands(hundred, "xrevrange") - asked <= 2, (wanted, limit)
            assert len(lines) <= limit
            found = [line["event"] for line in lines] + found
        assert found == [str(number) for number in range(100) if is_wanted(number)], (wanted, limit)


@pytest.mark.parametrize("position", ["0-0", "00-000"])
def test_nothing_is_before_the_beginning(hundred: Valkey, position: str) -> None:
    assert reading.before(hundred.client, Wanted(), limit=9, until=f"({position}") == ([], None)


def _commands(valkey: Valkey, name: str) -> int:
    """Return how often the server has answered a command."""
    told: dict[str, Any] = valkey.client.info("commandstats")  # type: ignore[assignment]
    return int(told.get(f"cmdstat_{name}", {"calls": 0})["calls"])


def test_since_and_until_are_bounds(valkey: Valkey) -> None:
    start = datetime(2026, 12, 1, tzinfo=UTC)
    ids = [f"{int((start + timedelta(hours=hour)).timestamp() * 1000)}-0" for hour in range(10)]
    for number, line_id in enumerate(ids):
        add(valkey, number, at=line_id)
    wanted = Wanted(since=start + timedelta(hours=4))
    found = reading.read(valkey.client, wanted, limit=100, until=ids[7])
    assert [line["event"] for line in found] == ["4", "5", "6", "7"]


def test_following_goes_on_where_reading_ended(valkey: Valkey) -> None:
    assert reading.newest_id(valkey.client) == BEGINNING
    for number in range(3):
        add(valkey, number)
    newest = reading.newest_id(valkey.client)
    add(valkey, 3)
    assert [line["event"] for line in reading.read(valkey.client, Wanted(), limit=9, until=newest)] == ["0", "1", "2"]
    following = reading.follow(valkey.client, newest)
    assert [line["event"] for line in next(following)] == ["3"]
    assert next(following) == []
    add(valkey, 4)
    add(valkey, 5)
    assert [line["event"] for line in next(following)] == ["4", "5"]


def test_a_redis_that_goes_away_is_an_error_with_a_reason(valkey: Valkey, config: Config) -> None:
    following = reading.follow(valkey.client, BEGINNING)
    add(valkey, 1)
    assert next(following)
    valkey.stop()
    for look in (
        lambda: next(following),
        lambda: reading.newest_id(valkey.client),
        lambda: reading.read(valkey.client, Wanted(), limit=1),
    ):
        with pytest.raises(RedisUnavailable, match="Redis has stopped answering"):
            look()
