"""``christmas metrics``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from christmas import config, valkey
from christmas.commands.metrics import BARS, sparkline
from christmas.db import database
from christmas.jobs import queue
from christmas.jobs.queue import NewJob
from christmas.metrics import gauges, store
from christmas.metrics.histogram import bucket
from tests.commands.conftest import Command
from tests.farm import free_port

pytestmark = pytest.mark.integration

VENDOR, OTHER = "ornament_shop_com", "hookedonhallmark_com"
KEYS = {"vendor", "metric", "count", "p50_ms", "p95_ms", "p99_ms"}


@pytest.fixture
def client(christmas: Command, tmp_path: Path) -> Iterator[Redis]:
    with valkey.connect(config.current()) as client:
        yield client
    valkey.release(tmp_path / "var" / "valkey")


@pytest.fixture
def measured(client: Redis) -> Redis:
    """Return series of two vendors: fast now, slow two hours ago."""
    minute = int(time.time() // 60)
    for vendor, seconds in ((VENDOR, 0.2), (OTHER, 0.4)):
        now = {f"ttfb|{bucket(seconds)}": 99, f"ttfb|{bucket(9.0)}": 1, f"latency|{bucket(seconds * 2)}": 100}
        now |= {"requests|200": 100, "requests_by_page|listing": 20, "requests_by_page|product": 80, "refreshed": 400}
        store.write(client, vendor, {minute: now, minute - 120: {f"ttfb|{bucket(5.0)}": 100}})
    return client


def test_json_is_a_list_of_metrics_with_their_percentiles(christmas: Command, measured: Redis) -> None:
    rows = christmas.json("metrics", "--vendor", VENDOR)
    assert all(set(row) == KEYS for row in rows)
    assert {row["vendor"] for row in rows} == {VENDOR}
    found = {row["metric"]: row for row in rows}
    assert found["ttfb"]["count"] == found["latency"]["count"] == 100
    assert found["ttfb"]["p50_ms"] == pytest.approx(200, rel=0.02)
    assert found["ttfb"]["p99_ms"] == pytest.approx(200, rel=0.02)
    assert found["latency"]["p95_ms"] == pytest.approx(400, rel=0.02)
    assert (found["requests.200"]["count"], found["requests.200"]["p50_ms"]) == (100, None)
    assert found["requests_per_refreshed.listing"]["count"] == 0.05
    assert found["requests_per_refreshed.product"]["count"] == 0.2


@pytest.mark.parametrize(
    ("since", "count", "p95"), [("30m", 100, 200), ("1h", 100, 200), ("3h", 200, 5000), ("7d", 200, 5000)]
)
def test_a_longer_window_has_more(since: str, count: int, p95: int, christmas: Command, measured: Redis) -> None:
    [ttfb] = [row for row in christmas.json("metrics", "--vendor", VENDOR, "--since", since) if row["metric"] == "ttfb"]
    assert ttfb["count"] == count
    assert ttfb["p95_ms"] == pytest.approx(p95, rel=0.02)


def test_the_table_has_every_vendor_and_what_stands_now(christmas: Command, measured: Redis) -> None:
    with database.begin(christmas.engine) as connection:
        job = NewJob("waiting", "integrator.sync_links", VENDOR, "integrator", {})
        queue.submit(connection, job, datetime.now(UTC))
    gauges.announce(measured, "node-1", 1, 4, datetime.now(UTC))
    text = christmas.out("metrics", "--since", "3h")
    for words in (VENDOR, OTHER, "ttfb", "latency", "requests.200", "queued jobs", "oldest queued job", "1 of 4"):
        assert words in text
    assert BARS[-1] in text


def test_without_data_it_says_how_to_get_some(christmas: Command, client: Redis) -> None:
    assert "Nothing was measured within 1h; `christmas up`" in christmas.out("metrics")
    assert f"Nothing of {VENDOR} was measured" in christmas.out("metrics", "--vendor", VENDOR)
    assert christmas.json("metrics") == []


@pytest.mark.parametrize("since", ["1", "h", "0m", "91d", "-1h", "1w", "1.5h"])
def test_another_window_is_refused(since: str, christmas: Command, client: Redis) -> None:
    assert "give 30m, 12h or 7d, at most 90d" in christmas.refused("metrics", f"--since={since}")


def test_without_redis_it_says_so(christmas: Command) -> None:
    christmas.set("CHRISTMAS__REDIS__URL", f"redis://127.0.0.1:{free_port()}/0")
    assert "Redis does not answer" in christmas.refused("metrics")


def test_a_sparkline_begins_at_zero() -> None:
    assert sparkline([None, 1.0, 2.0, 4.0, None]) == f"·{BARS[2]}{BARS[4]}{BARS[7]}·"
    assert sparkline([None, None]) == "··"
    assert sparkline([3.0]) == BARS[-1]
