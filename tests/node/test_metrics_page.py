"""``/metrics`` of a real node: what a key may see there, and what is left of it without Redis or the database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from christmas import valkey
from christmas.db import database
from christmas.jobs import queue
from christmas.metrics import gauges, jobs, store
from christmas.metrics.histogram import bucket
from christmas.metrics.prometheus import BOUNDS_SECONDS
from christmas.node.options import Options
from tests.farm import Farm, Key, free_port, until
from tests.node.guarded import MINE, OTHER, Guarded, guarded

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
# None is nearer to one of Prometheus' bounds than a bucket is wide.
LATENCIES = [0.004, 0.02, 0.08, 0.2, 0.2, 0.2, 3.0, 100.0, 20_000.0]


def samples(text: str) -> Samples:
    """Return every sample as Prometheus reads it."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((f"christmas_{name}", frozenset(labels.items())))


def vendors(found: Samples) -> set[str]:
    return {text for _, labels in found for name, text in labels if name == "vendor"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("metrics"), CHRISTMAS__NODE__SLOTS="3") as found:
        with closing(valkey.connect(found.farm.config)) as client:
            for vendor in (MINE, OTHER, "-"):
                counts = {f"latency|{bucket(seconds)}": LATENCIES.count(seconds) for seconds in LATENCIES}
                counts |= {"requests|200": 8, "requests|timeout": 1, "bytes": 12_345}
                store.write(client, vendor, {int(time.time() // 60): counts})
        for vendor in (MINE, OTHER):
            found.job(f"{vendor}-running", vendor, "running")
            found.job(f"{vendor}-x-queued", vendor, "queued")
        yield found


@pytest.fixture(scope="module")
def page(site: Guarded) -> Samples:
    answer = site.node.ask("metrics", key=site.keys["monitor"])
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return samples(answer.text)


def test_counts_have_their_labels(page: Samples) -> None:
    assert value(page, "requests_total", vendor=MINE, outcome="200") == 8
    assert value(page, "requests_total", vendor=MINE, outcome="timeout") == 1
    assert value(page, "bytes_total", vendor=OTHER) == 12_345
    assert vendors(page) == {MINE, OTHER, "-"}


def test_durations_are_cumulative_buckets(page: Samples) -> None:
    for bound in BOUNDS_SECONDS:
        expected = sum(seconds <= bound for seconds in LATENCIES)
        assert value(page, "latency_seconds_bucket", vendor=MINE, le=f"{bound:g}") == expected, bound
    assert value(page, "latency_seconds_bucket", vendor=MINE, le="+Inf") == len(LATENCIES)
    assert value(page, "latency_seconds_count", vendor=MINE) == len(LATENCIES)
    assert value(page, "latency_seconds_sum", vendor=MINE) == pytest.approx(sum(LATENCIES), rel=0.02)


def test_queue_and_slots_are_those_of_the_moment(site: Guarded, page: Samples) -> None:
    assert value(page, "queued_jobs", consumer="integrator") == 2
    assert value(page, "running_jobs", consumer="integrator") == 2
    assert value(page, "node_slots", slots="total") == 3
    assert value(page, "node_slots", slots="used") == 0  # it has claimed them, and no process runs
    assert value(page, "redis_up") == 1
    age = value(page, "oldest_queued_seconds")
    assert age is not None
    assert 0 < age < 300


def test_a_key_of_one_vendor_sees_that_vendor(site: Guarded) -> None:
    key = site.farm.key("monitor", user="scoped", vendors=[MINE])
    found = samples(site.node.ask("metrics", key=key).text)
    assert vendors(found) == {MINE}
    assert value(found, "queued_jobs", consumer="integrator") == 1
    none = samples(site.node.ask("metrics", key=site.farm.key("monitor", user="empty", vendors=[])).text)
    assert vendors(none) == set()
    assert value(none, "queued_jobs", consumer="integrator") is None
    assert value(none, "oldest_queued_seconds") == 0


@pytest.mark.parametrize("role", ["user", None])
def test_others_see_nothing(role: str | None, site: Guarded) -> None:
    key: Key | None = site.keys[role] if role else None
    answer = site.node.ask("metrics", key=key, anonymous=key is None)
    assert answer.status == (403 if role else 401)
    assert "christmas_" not in answer.text


def test_without_redis_the_database_still_tells(farm: Farm) -> None:
    node = farm.node(CHRISTMAS__REDIS__URL=f"redis://127.0.0.1:{free_port()}/0")
    job = node.schedule(MINE, stage="links").json["jobid"]
    found = samples(node.ask("metrics", key=farm.key("monitor")).text)
    assert value(found, "redis_up") == 0
    assert value(found, "node_slots", slots="total") is not None
    assert vendors(found) <= {MINE}  # its health, which the database knows
    farm.wait(job)
    assert node.log.count("Durations of jobs are written later") == 1
    assert "Traceback" not in node.log


def test_durations_of_jobs_come_from_the_node(farm: Farm) -> None:
    ended = datetime.now(UTC) - 2 * jobs.SETTLED  # long enough ago to be counted at once
    new = queue.NewJob("ended", "integrator.sync_links", MINE, "integrator", {}, attempts_max=3)
    with database.begin(farm.engine) as connection:
        queue.submit(connection, new, ended - timedelta(seconds=8))
        assert queue.claim(connection, None, "a-node", ended - timedelta(seconds=7)) is not None
        queue.complete(connection, "ended", 1, state="succeeded", outcome={}, now=ended)
    with closing(valkey.connect(farm.config)) as client:
        client.set(jobs.CURSOR, (ended - timedelta(minutes=1)).isoformat())  # the last look was before it ended
        node, key = farm.node(), farm.key("monitor")

        def page() -> Samples:
            return samples(node.ask("metrics", key=key).text)

        until(lambda: value(page(), "run_duration_seconds_count", vendor=MINE) == 1, 60, "the run's duration")
        assert value(page(), "run_duration_seconds_sum", vendor=MINE) == pytest.approx(7, rel=0.02)
        assert value(page(), "jobs_total", vendor=MINE, state="succeeded") == 1
        assert gauges.slots(client, datetime.now(UTC)) == {f"node-{node.port}": (0, Options(farm.config).slots)}


@pytest.mark.long  # it waits until no transaction can end a job any more that it has not seen
def test_the_duration_of_a_run_comes_from_the_node(farm: Farm) -> None:
    node, key = farm.node(), farm.key("monitor")
    with closing(valkey.connect(farm.config)) as client:
        until(lambda: client.exists(jobs.CURSOR), what="the first look")
    job = farm.wait(node.schedule(MINE, stage="links").json["jobid"])
    assert job.started_at is not None
    assert job.finished_at is not None

    def page() -> Samples:
        return samples(node.ask("metrics", key=key).text)

    until(lambda: value(page(), "run_duration_seconds_count", vendor=MINE) == 1, 60, "the run's duration")
    took = (job.finished_at - job.started_at).total_seconds()
    assert value(page(), "run_duration_seconds_sum", vendor=MINE) == pytest.approx(took, rel=0.02)
