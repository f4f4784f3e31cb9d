"""The series in a real Valkey: merged over processes, read over any window, bounded."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from math import ceil
from pathlib import Path

import pytest
from redis import Redis

from christmas import valkey
from christmas.config import Config
from christmas.metrics import store
from christmas.metrics.histogram import bucket
from christmas.metrics.recorder import Recorder

pytestmark = pytest.mark.integration

VENDOR = "ornament_shop_com"
SHARES = (0.5, 0.95, 0.99)
REQUESTS_A_MINUTE = 40
# What is promised of one vendor in the README and in the store's docstring.
MEMORY_MAX_BYTES = 12 * 2**20


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Redis]:
    with valkey.connect(Config(var_path=tmp_path)) as client:
        yield client
    valkey.release(tmp_path / "valkey")


def counted(values: list[float], metric: str = "latency") -> dict[str, int]:
    return dict(Counter(f"{metric}|{bucket(value)}" for value in values))


def exact(values: list[float], share: float) -> float:
    return sorted(values)[max(ceil(share * len(values)), 1) - 1]


def test_what_several_processes_write_at_once_adds_up(client: Redis) -> None:
    now = int(time.time() // 60)
    chance = random.Random(7)
    values = [chance.lognormvariate(-1, 1) for _ in range(4000)]

    def write(part: int) -> None:
        mine = values[part::8]
        for start in range(0, len(mine), 50):
            store.write(client, VENDOR, {now: counted(mine[start : start + 50]) | {"retries": 1}})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    found = store.read(client, VENDOR, time.time() - 60, time.time())
    assert found.counts == {"retries": 80}
    assert sum(found.histograms["latency"].values()) == len(values)
    for share in SHARES:
        assert found.quantile("latency", share) == pytest.approx(exact(values, share), rel=0.05)
    assert store.totals(client, [VENDOR])[0].histograms == found.histograms
    assert store.vendors(client) == [VENDOR]


@pytest.mark.parametrize(
    ("since", "until"), [(300, 0), (3600, 0), (7200, 3600), (86_400, 0), (7 * 86_400, 0), (12 * 86_400, 5 * 86_400)]
)
def test_quantiles_of_any_window_are_within_five_percent(since: int, until: int, client: Redis) -> None:
    """The window's edges are whole minutes, and whole hours behind two days."""
    now = time.time()
    unit = 60 if since <= store.MINUTES_KEPT_SECONDS else 3600
    first, last = int((now - since) // unit), int((now - until) // unit)
    chance = random.Random(11)
    inside: list[float] = []
    for hour in range(int(now // 3600) - 14 * 24, int(now // 3600) + 1):
        minutes = range(hour * 60, hour * 60 + 60, 5) if now - hour * 3600 < 2 * 86_400 else [hour * 60 + 30]
        written = {}
        for minute in minutes:
            # Slower from hour to hour: what is outside would be seen in the result.
            values = [chance.lognormvariate(-2 + (hour % 500) / 100, 0.5) for _ in range(20)]
            written[minute] = counted(values)
            if first <= minute * 60 // unit <= last:
                inside += values
        store.write(client, VENDOR, written)
    found = store.read(client, VENDOR, now - since, now - until)
    assert sum(found.histograms["latency"].values()) == len(inside)
    for share in SHARES:
        assert found.quantile("latency", share) == pytest.approx(exact(inside, share), rel=0.05)


def test_steps_share_the_window_out(client: Redis) -> None:
    until = (time.time() // 60) * 60
    minute = int(until // 60)
    store.write(client, VENDOR, {minute - 59: counted([0.1]), minute - 31: counted([0.2]), minute: counted([0.4] * 2)})
    found = store.read(client, VENDOR, until - 3600, until, 4)
    assert [sum(step.values()) for step in found.steps["latency"]] == [1, 1, 0, 2]


def test_minutes_go_after_two_days_and_hours_after_ninety(client: Redis) -> None:
    now = time.time()
    for days, minutes_left, hours_left in ((1, True, True), (3, False, True), (89, False, True), (92, False, False)):
        minute = int((now - days * 86_400) // 60)
        store.write(client, VENDOR, {minute: {"retries": 1}})
        for name, left, kept in (
            (store.minute_name(VENDOR, minute), minutes_left, store.MINUTES_KEPT_SECONDS),
            (store.hour_name(VENDOR, minute // 60), hours_left, store.HOURS_KEPT_SECONDS),
        ):
            assert bool(client.exists(name)) is left
            if left:  # a little longer, so that a window of that length is whole
                assert 0 <= client.ttl(name) - (kept - days * 86_400) <= 86_400 + 3600
    assert store.totals(client, [VENDOR])[0].counts == {"retries": 4}


def test_nothing_known_is_an_empty_series(client: Redis) -> None:
    now = time.time()
    for found in (store.read(client, VENDOR, now - 60, now, 3), store.totals(client, [VENDOR])[0]):
        assert (found.counts, found.histograms, found.quantile("latency", 0.5)) == ({}, {}, None)
    store.write(client, VENDOR, {})
    assert store.vendors(client) == []


def a_minute(chance: random.Random) -> dict[str, int]:
    """Return what a busy run counts in a minute: pages of a shop whose answers take from 0.1 to several seconds."""
    recorder = Recorder(lambda: 0.0)
    for _ in range(REQUESTS_A_MINUTE):
        ttfb = chance.lognormvariate(-1, 0.5)
        recorder.observe("ttfb", ttfb)
        recorder.observe("latency", ttfb + chance.lognormvariate(-2, 0.5))
        recorder.add(f"requests|{chance.choice([200] * 9 + [404, 429, 503, 'timeout'])}")
    for name in (
        "retries", "bytes", "requests_by_page|listing", "requests_by_page|product", "pages|read", "pages|unreadable",
        "pages_by_source|json-ld", "pages_by_source|selectors", "products|new", "products|changed",
        "products|unchanged", "refreshed", "changes", "dropped|price",
    ):  # fmt: skip
        recorder.add(name, chance.randrange(1, 1_000_000 if name == "bytes" else 40))
    return recorder.take()[0]


def test_what_a_vendor_takes_is_bounded(client: Redis) -> None:
    """Two days of minutes and 90 days of hours without a pause, reckoned from six hours and 200."""
    chance = random.Random(3)
    samples = [a_minute(chance) for _ in range(500)]
    now = int(time.time() // 60)
    minutes = range(now - 6 * 60, now)
    for hour, part in groupby(minutes, lambda minute: minute // 60):
        store.write(client, VENDOR, {minute: chance.choice(samples) for minute in part})
        client.delete(store.hour_name(VENDOR, hour))
    hours = range(now // 60 - 200, now // 60)
    for hour in hours:
        total = sum(map(Counter, chance.choices(samples, k=60)), Counter[str]())
        client.hset(store.hour_name(VENDOR, hour), mapping=dict(total))  # what is left of 60 writes

    def mean(names: list[str]) -> float:
        return sum(client.memory_usage(name, samples=0) for name in names) / len(names)

    of_minutes = mean([store.minute_name(VENDOR, minute) for minute in minutes])
    of_hours = mean([store.hour_name(VENDOR, hour) for hour in hours])
    used = 2 * 24 * 60 * of_minutes + 90 * 24 * of_hours
    assert MEMORY_MAX_BYTES / 2 < used < MEMORY_MAX_BYTES, "the docstring of the store says what was measured"
