"""What one process has measured and not written yet: counts by minute, and the run's own histograms."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from christmas.metrics import histogram

if TYPE_CHECKING:
    from collections.abc import Callable

# While Redis is unavailable, this number of minutes is kept; then the oldest is dropped and counted.
MINUTES_MAX = 60


class Recorder:
    """Counts in memory; ``take`` hands them over to be written. Not thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.minutes: dict[int, dict[str, int]] = {}
        self.run: dict[str, dict[int, int]] = {}
        self.dropped = 0  # values that were given up: one for each name and minute
        self._now: dict[str, int] = {}
        self._until = 0.0

    def observe(self, metric: str, seconds: float) -> None:
        """Note one duration."""
        number = histogram.bucket(seconds)
        counts = self.run.setdefault(metric, {})
        counts[number] = counts.get(number, 0) + 1
        self.add(f"{metric}|{number}")

    def add(self, name: str, count: int = 1) -> None:
        """Add to a count; see ``names``."""
        now = self.clock()
        if now >= self._until:
            self._minute(now)
        self._now[name] = self._now.get(name, 0) + count

    def _minute(self, now: float) -> None:
        minute = int(now // 60)
        self._now = self.minutes.setdefault(minute, {})
        self._until = (minute + 1) * 60.0
        self._bound()

    def _bound(self) -> None:
        while len(self.minutes) > MINUTES_MAX:
            self.dropped += len(self.minutes.pop(min(self.minutes)))

    def take(self) -> dict[int, dict[str, int]]:
        """Return what was counted, by minutes since 1970, and begin anew."""
        taken, self.minutes, self._until = self.minutes, {}, 0.0
        return {minute: counts for minute, counts in taken.items() if counts}

    def put_back(self, taken: dict[int, dict[str, int]]) -> None:
        """Keep what could not be written."""
        for minute, counts in taken.items():
            kept = self.minutes.setdefault(minute, {})
            for name, count in counts.items():
                kept[name] = kept.get(name, 0) + count
        self._bound()

    def give_up(self) -> None:
        """Drop what could not be written, and count it."""
        self.dropped += sum(len(counts) for counts in self.take().values())

    def quantile(self, metric: str, share: float) -> float | None:
        """Return a quantile of the whole run in seconds; None where nothing was measured."""
        return histogram.quantile(self.run.get(metric, {}), share)
