"""What a run has counted and measured reaches Redis, or is kept, or is counted as given up."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from scrapy.settings import Settings
from scrapy.statscollectors import MemoryStatsCollector

from christmas import valkey as embedded
from christmas.config import Config, RedisConfig
from christmas.extensions.metrics import Metrics
from christmas.metrics import recorder, store
from christmas.metrics.store import Series
from tests import warm
from tests.farm import Farm, free_port

VENDOR = "ornament_shop_com"


def crawl(farm: Farm, *options: str, **variables: str) -> tuple[dict[str, int], str]:
    """Crawl once without a node; gives Scrapy's statistics that are whole numbers, and what was printed."""
    command = ["scrapy", "crawl", VENDOR, "-a", f"_job={uuid4().hex}", *options]
    done = warm.run(*command, environment=farm.environment(**variables))
    found = {name: int(value) for name, value in re.findall(r"'([\w/-]+)': (\d+)[,}]", done.stderr)}
    return found, done.stderr


def totals(farm: Farm) -> Series:
    with closing(embedded.connect(farm.config)) as client:
        return store.totals(client, [VENDOR])[0]


def test_what_a_run_has_counted_is_kept_by_vendor(farm: Farm) -> None:
    stats, printed = crawl(farm, "-a", "limit=5")
    found = totals(farm)
    answers = stats["downloader/response_status_count/200"]
    # Its robots.txt is asked for past the spider, and is an attempt at a request as well.
    assert found.counts["requests|200"] == answers, printed
    assert sum(found.histograms["latency"].values()) == sum(found.histograms["ttfb"].values()) == answers
    assert found.counts["bytes"] == stats["downloader/response_bytes"]
    assert found.counts["requests_by_page|listing"] == stats["pages/listings"]
    assert found.counts["requests_by_page|product"] == found.counts["products|new"] == 5
    assert found.counts["pages_by_source|json-ld"] == 5
    assert found.counts["pages|read"] == stats["pages/read"]
    assert "metrics/dropped" not in stats
    with closing(embedded.connect(farm.config)) as client:
        assert store.vendors(client) == [VENDOR]
        now = time.time()
        assert store.read(client, VENDOR, now - 600, now).counts == found.counts


def test_a_second_process_adds_to_the_first(farm: Farm) -> None:
    first, _ = crawl(farm, "-a", "stage=links", "-a", "which=all")
    second, _ = crawl(farm, "-a", "stage=links", "-a", "which=all")
    name = "downloader/response_status_count/200"
    assert totals(farm).counts["requests|200"] == first[name] + second[name]


def test_without_redis_the_crawl_goes_on_and_says_so_once(farm: Farm) -> None:
    stats, printed = crawl(farm, "-a", "stage=links", CHRISTMAS__REDIS__URL=f"redis://127.0.0.1:{free_port()}/0")
    assert farm.jobs()[0].state == "succeeded"
    assert printed.count("until Redis answers") == 2  # the log's line and this one's
    assert printed.count("measurements were dropped: Redis was unavailable") == 1
    assert stats["metrics/dropped"] > 0
    assert "Traceback" not in printed


def test_a_spider_that_is_no_integration_is_left_alone(farm: Farm, tmp_path: Path) -> None:
    spider = tmp_path / "other.py"
    spider.write_text("import scrapy\n\nclass Other(scrapy.Spider):\n    name = 'other'\n", encoding="utf-8")
    done = warm.run("scrapy", "runspider", str(spider), environment=farm.environment())
    assert "Spider closed (finished)" in done.stderr
    with closing(embedded.connect(farm.config)) as client:
        assert store.vendors(client) == []


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Config]:
    """Provide a configuration with a Valkey of its own."""
    config = Config(var_path=tmp_path)
    yield config
    embedded.release(tmp_path / "valkey")


def extension(config: Config) -> tuple[Metrics, Any]:
    crawler: Any = SimpleNamespace(
        stats=MemoryStatsCollector(SimpleNamespace(settings=Settings())),  # type: ignore[arg-type]
        spidercls=SimpleNamespace(name=VENDOR),
    )
    return Metrics(crawler, config), crawler.stats


@pytest.fixture
def away(valkey: Config) -> Config:
    """Return the same with an address where nothing answers."""
    return valkey.model_copy(update={"redis": RedisConfig(url=f"redis://127.0.0.1:{free_port()}/0")})


def test_what_redis_missed_is_written_when_it_is_back(valkey: Config, away: Config) -> None:
    metrics, stats = extension(away)

    async def run() -> None:
        metrics.spider_opened(SimpleNamespace(name=VENDOR, job_id="1"))
        for retries in (2, 1):
            stats.inc_value("retry/count", retries)
            await metrics._flush(VENDOR)
        assert metrics.away
        metrics.config = valkey
        await metrics.spider_closed()
        stats.inc_value("store/held", 4)  # counted by another extension in the same moment
        await metrics.engine_stopped()

    asyncio.run(run())
    with closing(embedded.connect(valkey)) as client:
        assert store.totals(client, [VENDOR])[0].counts == {"retries": 3, "held": 4}
    assert stats.get_value("metrics/dropped") is None


def test_what_is_kept_is_bounded_and_the_rest_counted(away: Config) -> None:
    metrics, stats = extension(away)
    minutes = count()
    metrics.recorder = recorder.Recorder(lambda: next(minutes) * 60.0)

    async def run() -> None:
        metrics.spider_opened(SimpleNamespace(name=VENDOR, job_id="1"))
        for _ in range(recorder.MINUTES_MAX + 10):
            metrics.recorder.observe("ttfb", 0.2)
            await metrics._flush(VENDOR)
        assert len(metrics.recorder.minutes) == recorder.MINUTES_MAX
        assert stats.get_value("metrics/dropped") == 10
        await metrics.spider_closed()

    asyncio.run(run())
    assert stats.get_value("metrics/dropped") == recorder.MINUTES_MAX + 10
    assert metrics.recorder.take() == {}
