"""Buckets, and the quantiles that come out of them."""

from __future__ import annotations

import random
from collections import Counter
from math import ceil

import pytest

from christmas.metrics import histogram

SHARES = (0.5, 0.95, 0.99)


def exact(values: list[float], share: float) -> float:
    """Return the value that ``share`` of them do not exceed."""
    return sorted(values)[max(ceil(share * len(values)), 1) - 1]


def spread(kind: str, number: int) -> list[float]:
    chance = random.Random(2026)
    kinds = {
        "lognormal": lambda: chance.lognormvariate(-1.5, 1.2),
        "uniform": lambda: chance.uniform(0.01, 10),
        "two peaks": lambda: chance.gauss(0.2, 0.01) if chance.random() < 0.9 else chance.gauss(8, 0.5),
        "all alike": lambda: 0.2,
    }
    return [max(kinds[kind](), 0.0001) for _ in range(number)]


@pytest.mark.parametrize("kind", ["lognormal", "uniform", "two peaks", "all alike"])
@pytest.mark.parametrize("number", [1, 7, 10_000])
def test_quantiles_are_within_two_percent(kind: str, number: int) -> None:
    values = spread(kind, number)
    counts = Counter(map(histogram.bucket, values))
    for share in SHARES:
        assert histogram.quantile(counts, share) == pytest.approx(exact(values, share), rel=histogram.RELATIVE_ERROR)


def test_histograms_of_several_processes_add_up() -> None:
    values = spread("lognormal", 3000)
    parts = [Counter(map(histogram.bucket, values[start::3])) for start in range(3)]
    assert histogram.merged(parts) == Counter(map(histogram.bucket, values))


def test_a_duration_is_in_its_bucket() -> None:
    for seconds in (0.0002, 0.2, 1.0, 3600.0):
        number = histogram.bucket(seconds)
        assert histogram.upper_seconds(number - 1) < seconds <= histogram.upper_seconds(number) * (1 + 1e-9)


def test_there_is_an_end_of_buckets_on_both_sides() -> None:
    longest, shortest = histogram.bucket(10**9), histogram.bucket(0)
    assert histogram.bucket(histogram.MOST_SECONDS) == longest
    assert histogram.bucket(-1.0) == histogram.bucket(histogram.LEAST_SECONDS) == shortest
    assert longest - shortest <= 520


def test_nothing_has_no_quantile() -> None:
    assert histogram.quantile({}, 0.5) is None
