"""What all server processes count together, and what they do while Redis is unavailable or hangs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from christmas import valkey
from christmas.access import counters, rate_limit
from christmas.access.counters import Shared
from christmas.access.rate_limit import RequestLimit, SharedFailedLogins
from christmas.config import Config
from tests.farm import free_port, until

pytestmark = pytest.mark.integration


class Silent:
    """A server that accepts every connection and answers none, until it is closed."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.guests: list[socket.socket] = []

    def visits(self) -> int:
        """Return how many have come by now."""
        while True:
            try:
                self.guests.append(self.listener.accept()[0])
            except BlockingIOError:
                return len(self.guests)

    def turn_out(self) -> None:
        for guest in self.guests:
            guest.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    found = Silent()
    yield found
    found.turn_out()
    found.listener.close()


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Config]:
    """Provide a configuration whose Valkey is stopped when the test ends."""
    yield Config(var_path=tmp_path)
    valkey.release(tmp_path / "valkey")


def test_while_redis_hangs_one_waits_and_the_others_count_alone(
    silent: Silent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "TIMEOUT_SECONDS", 120.0)  # only the test ends the waiting
    monkeypatch.setattr(counters, "RETRY_AFTER_SECONDS", 0.0)
    port = silent.listener.getsockname()[1]
    connection = Shared(Config(var_path=tmp_path, redis={"url": f"redis://127.0.0.1:{port}"}))  # type: ignore[arg-type]
    limits = RequestLimit(connection)
    with ThreadPoolExecutor(8) as threads:
        for tried in (1, 2):  # once more after the time that Redis is left alone
            one = threads.submit(limits.count, "ann", 1000, 0.0)
            until(lambda tried=tried: silent.visits() == tried, what="a visit")  # type: ignore[misc]
            others = [threads.submit(limits.count, "ann", 1000, 0.0) for _ in range(50)]
            before = 51 * (tried - 1)
            assert {other.result(60).used for other in others} == set(range(before + 1, before + 51))
            assert not one.done()
            assert silent.visits() == tried
            silent.turn_out()
            assert one.result(60).used == before + 51
    connection.close()


def test_nobody_follows_one_who_waits_for_long(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Shared(config)
    assert connection.ask(lambda redis: bool(redis.ping()))
    monkeypatch.setattr(counters, "SLOW_SECONDS", 0.0)

    def meanwhile(_: Any) -> bool | None:
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(connection.ask, lambda redis: bool(redis.ping())).result(60)

    assert connection.ask(lambda redis: meanwhile(redis) is None)
    assert connection.ask(lambda redis: bool(redis.ping()))
    connection.close()


def test_wrong_keys_are_counted_by_all_processes_together(config: Config) -> None:
    both = [Shared(config), Shared(config)]
    one, other = (SharedFailedLogins(3, shared) for shared in both)
    for process in (one, other):
        process.failed("a")
        assert not one.is_closed("a")
    other.failed("a")
    assert other.is_closed("a")
    until(lambda: one.is_closed("a"), 2, "the other process to notice")  # it saw it open a moment ago
    assert not other.is_closed("b")
    assert [process.refused("a") for process in (one, other, one, other)] == [True, False, False, False]
    assert other.refused("b")

    def lifetimes(redis: Any) -> list[int]:
        return [redis.ttl(name) for name in redis.keys(f"{rate_limit.FAILURES_PREFIX}:*")]

    found = both[0].ask(lifetimes)
    assert found
    assert len(found) == 3
    assert all(0 < seconds <= 60 for seconds in found)
    for shared_ in both:
        shared_.close()


def test_wrong_keys_are_counted_without_redis_too(tmp_path: Path) -> None:
    port = free_port()
    connection = Shared(Config(var_path=tmp_path, redis={"url": f"redis://127.0.0.1:{port}"}))  # type: ignore[arg-type]
    found = SharedFailedLogins(2, connection)
    assert connection.ask(lambda redis: bool(redis.ping())) is None
    found.failed("a")
    assert not found.is_closed("a")
    found.failed("a")
    assert found.is_closed("a")
    assert [found.refused("a"), found.refused("a")] == [True, False]
