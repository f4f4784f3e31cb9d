"""Histograms with buckets of equal relative width: any quantile is within 2 % of the exact value, and they add up."""

from __future__ import annotations

from math import ceil, log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RELATIVE_ERROR = 0.02
_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_PER_BUCKET = 1 / log(_GAMMA)
# What is shorter than a tenth of a millisecond, or longer than a day, is put into the last bucket: at most 520 of them.
LEAST_SECONDS, MOST_SECONDS = 0.0001, 86_400.0
_LEAST, _MOST = ceil(log(LEAST_SECONDS) * _PER_BUCKET), ceil(log(MOST_SECONDS) * _PER_BUCKET)


def bucket(seconds: float) -> int:
    """Return the bucket of a duration."""
    if seconds <= LEAST_SECONDS:
        return _LEAST
    return min(ceil(log(seconds) * _PER_BUCKET), _MOST)


def upper_seconds(number: int) -> float:
    """Return the longest duration in a bucket."""
    return float(_GAMMA**number)


def middle_seconds(number: int) -> float:
    """Return the duration that is within 2 % of all in a bucket."""
    return float(2 * _GAMMA**number / (_GAMMA + 1))


def quantile(counts: Mapping[int, int], share: float) -> float | None:
    """Return the duration in seconds that ``share`` of the values do not exceed; None where there are none."""
    total = sum(counts.values())
    if not total:
        return None
    rank = max(ceil(share * total), 1)
    for number in sorted(counts):
        rank -= counts[number]
        if rank <= 0:
            return middle_seconds(number)
    raise AssertionError("the ranks add up to the total")


def merged(parts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Add histograms up."""
    found: dict[int, int] = {}
    for part in parts:
        for number, count in part.items():
            found[number] = found.get(number, 0) + count
    return found
