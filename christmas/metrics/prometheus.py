"""The metrics page in Prometheus' format: every vendor's totals from Redis, and what stands now from the database."""

from __future__ import annotations

import logging
from bisect import bisect_left
from datetime import UTC, datetime
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from christmas import valkey
from christmas.auditor.verdict import STATES
from christmas.errors import RedisUnavailable
from christmas.metrics import gauges, store
from christmas.metrics.histogram import middle_seconds, upper_seconds
from christmas.metrics.names import COUNTERS, HISTOGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client import Metric
    from sqlalchemy import Engine

    from christmas.catalog.vendor_health import HealthRow
    from christmas.config import Config
    from christmas.metrics.gauges import Gauges
    from christmas.metrics.store import Series

__all__ = ["CONTENT_TYPE_LATEST", "text"]

logger = logging.getLogger(__name__)

BOUNDS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)


def text(
    engine: Engine, config: Config, vendors: Sequence[str] | None = None, slots: Mapping[str, int] | None = None
) -> bytes:
    """Return the page; blocking. ``slots`` are a node's ``used`` and ``total``.

    Raise DatabaseUnavailable; without Redis it has what the database knows.
    """
    registry = CollectorRegistry()
    found = gauges.read(engine, datetime.now(UTC), vendors)
    series = _totals(config, vendors)
    registry.register(_Collected([*_of_series(series or []), *_of_gauges(found, slots, up=series is not None)]))
    return bytes(generate_latest(registry))


def _totals(config: Config, vendors: Sequence[str] | None) -> list[Series] | None:
    """Return the totals of each vendor; None where Redis is unavailable."""
    from redis import RedisError

    try:
        client = valkey.connect(config)
        try:
            names = [name for name in store.vendors(client) if vendors is None or name in vendors]
            return store.totals(client, names)
        finally:
            client.close()
    except (RedisError, RedisUnavailable) as error:
        logger.warning("The metrics are without what is kept in Redis: %s", error)
        return None


class _Collected:
    def __init__(self, metrics: list[Metric]) -> None:
        self.metrics = metrics

    def collect(self) -> list[Metric]:
        return self.metrics


def _of_series(series: list[Series]) -> Iterator[Metric]:
    for metric, what in HISTOGRAMS.items():
        family = HistogramMetricFamily(f"christmas_{metric}_seconds", what, labels=["vendor"])
        for one in series:
            if counts := one.histograms.get(metric):
                buckets, total = _buckets(counts)
                family.add_metric([one.vendor], buckets, total)
        yield family
    for metric, (label, what) in COUNTERS.items():
        labels = ["vendor", label] if label else ["vendor"]
        counter = CounterMetricFamily(f"christmas_{metric}", what, labels=labels)
        for one in series:
            for name, count in sorted(one.counts.items()):
                if name.partition("|")[0] == metric:
                    values = [one.vendor, name.partition("|")[2]] if label else [one.vendor]
                    counter.add_metric(values, count)
        yield counter


def _buckets(counts: Mapping[int, int]) -> tuple[list[tuple[str, float]], float]:
    """Return Prometheus' cumulative buckets, and the sum, from ours; a bound falls into one of ours, of 4 % width."""
    within = [0] * (len(BOUNDS_SECONDS) + 1)
    total = 0.0
    for number, count in counts.items():
        within[_bound_of(number)] += count
        total += middle_seconds(number) * count
    reached = [float(count) for count in accumulate(within)]
    names = [*(f"{bound:g}" for bound in BOUNDS_SECONDS), "+Inf"]
    return list(zip(names, reached, strict=True)), total


@cache
def _bound_of(number: int) -> int:
    """Return the place of the first bound that one of our buckets lies within, a bucket's half width aside."""
    return bisect_left(BOUNDS_SECONDS, upper_seconds(number) / 1.02)


def _of_gauges(found: Gauges, slots: Mapping[str, int] | None, *, up: bool) -> Iterator[Metric]:
    for name, what, by in (
        ("queued_jobs", "Jobs that wait.", found.queued),
        ("running_jobs", "Jobs that run.", found.running),
    ):
        yield _gauge(name, what, "consumer", by)
    yield _gauge(
        "oldest_queued_seconds", "How long the first job in the queue has waited.", "", {"": found.oldest_seconds}
    )
    if slots is not None:
        yield _gauge("node_slots", "Runs that this node has, and may have, at the same time.", "slots", slots)
    yield _gauge("held_changes", "Changes that are held.", "vendor", found.held)
    yield _health(found.health)
    yield _gauge("redis_up", "Whether Redis answers; without it everything else is older.", "", {"": int(up)})


def _gauge(name: str, what: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"christmas_{name}", what, labels=[label] if label else [])
    for value, number in sorted(values.items()):
        family.add_metric([value] if label else [], number)
    return family


def _health(rows: list[HealthRow]) -> Metric:
    family = GaugeMetricFamily(
        "christmas_vendor_health", "1 for the state that a vendor is in.", labels=["vendor", "state", "kind"]
    )
    for row in rows:
        for state in STATES:
            family.add_metric(
                [row.vendor, state, (row.kind or "") if state == row.state else ""], int(state == row.state)
            )
    return family
