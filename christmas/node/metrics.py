"""``/metrics``: everything that is measured, in the format of Prometheus."""

from __future__ import annotations

import logging
from bisect import bisect_left
from datetime import UTC, datetime
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from twisted.internet import threads
from twisted.web import resource, server

from christmas import embedded
from christmas.auditor.health import STATES
from christmas.errors import ChristmasError, DatabaseUnavailable, RedisUnavailable
from christmas.metrics import gauges, store
from christmas.metrics.histogram import middle_seconds, upper_seconds
from christmas.metrics.names import COUNTERS, HISTOGRAMS
from christmas.node.reply import TEXT, reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client import Metric
    from twisted.web.http import Request

    from christmas.catalog.health import HealthRow
    from christmas.metrics.gauges import Gauges
    from christmas.metrics.store import Series
    from christmas.node.options import Options

logger = logging.getLogger(__name__)

BOUNDS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)


class Metrics(resource.Resource):
    """The page that Prometheus reads."""

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self, options: Options, used_slots: Any) -> None:
        super().__init__()
        self.options = options
        self.used_slots = used_slots

    def render_GET(self, request: Request) -> int:  # noqa: N802  # Twisted's name
        """Begin to answer."""
        used = self.used_slots()
        deferred = threads.deferToThread(text, self.options, request.identity.vendors, used)
        deferred.addCallback(lambda body: reply(request, 200, CONTENT_TYPE_LATEST, body))
        deferred.addErrback(lambda failure: _refuse(request, failure.value))
        return int(server.NOT_DONE_YET)


def _refuse(request: Request, error: Exception) -> None:
    away = isinstance(error, DatabaseUnavailable)
    logger.error(
        "The metrics could not be given: %s", error, exc_info=None if isinstance(error, ChristmasError) else error
    )
    if away:
        request.setHeader("Retry-After", "5")
    reply(request, 503 if away else 500, TEXT, b"not available; the node's log says why\n")


def text(options: Options, vendors: Sequence[str] | None, used_slots: int) -> bytes:
    """Give the page; blocking. Raises DatabaseUnavailable; without Redis it has what the database knows."""
    registry = CollectorRegistry()
    found = gauges.read(options.engine, datetime.now(UTC), vendors)
    series = _totals(options, vendors)
    slots = {"used": used_slots, "total": options.slots}
    registry.register(_Collected([*_of_series(series or []), *_of_gauges(found, slots, up=series is not None)]))
    return bytes(generate_latest(registry))


class _Collected:
    def __init__(self, metrics: list[Metric]) -> None:
        self.metrics = metrics

    def collect(self) -> list[Metric]:
        return self.metrics


def _totals(options: Options, vendors: Sequence[str] | None) -> list[Series] | None:
    """Give the totals of each vendor; None where Redis is away."""
    from redis import RedisError

    try:
        client = embedded.connect(options.config)
        try:
            names = [name for name in store.vendors(client) if vendors is None or name in vendors]
            return store.totals(client, names)
        finally:
            client.close()
    except (RedisError, RedisUnavailable) as error:
        logger.warning("The metrics are without what is kept in Redis: %s", error)
        return None


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
    """Give Prometheus' cumulative buckets, and the sum, from ours; a bound falls into one of ours, of 4 % width."""
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
    """Give the place of the first bound that one of our buckets lies within, a bucket's half width aside."""
    return bisect_left(BOUNDS_SECONDS, upper_seconds(number) / 1.02)


def _of_gauges(found: Gauges, slots: Mapping[str, int], *, up: bool) -> Iterator[Metric]:
    for name, what, by in (
        ("queued_jobs", "Jobs that wait.", found.queued),
        ("running_jobs", "Jobs that run.", found.running),
    ):
        yield _gauge(name, what, "consumer", by)
    yield _gauge(
        "oldest_queued_seconds", "How long the first job in the queue has waited.", "", {"": found.oldest_seconds}
    )
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
