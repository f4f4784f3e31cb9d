"""What a process has measured and not written."""

from __future__ import annotations

import pytest

from christmas.metrics.recorder import MINUTES_MAX, Recorder


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_counts_are_kept_by_the_minute_they_were_made_in() -> None:
    clock = Clock()
    recorder = Recorder(clock)
    for clock.now in (59.9, 60.0, 119.9, 180.0):
        recorder.add("retries")
    recorder.add("bytes", 100)
    assert recorder.take() == {0: {"retries": 1}, 1: {"retries": 2}, 3: {"retries": 1, "bytes": 100}}
    assert recorder.take() == {}
    recorder.add("retries")
    assert recorder.take() == {3: {"retries": 1}}


def test_what_is_put_back_is_added_to_what_came_after() -> None:
    clock = Clock()
    recorder = Recorder(clock)
    recorder.add("retries", 2)
    taken = recorder.take()
    recorder.add("retries", 3)
    recorder.put_back(taken)
    recorder.add("retries", 4)
    assert recorder.take() == {0: {"retries": 9}}


def test_the_oldest_minute_goes_first_and_is_counted() -> None:
    clock = Clock()
    recorder = Recorder(clock)
    for minute in range(MINUTES_MAX + 5):
        clock.now = minute * 60.0
        recorder.add("retries", 2)
    assert recorder.dropped == 5
    assert sorted(recorder.take()) == list(range(5, MINUTES_MAX + 5))


def test_giving_up_counts_the_rest() -> None:
    recorder = Recorder(Clock())
    recorder.add("retries", 3)
    recorder.add("bytes", 10_000)
    recorder.give_up()
    assert (recorder.dropped, recorder.take()) == (2, {})


def test_a_run_knows_its_own_quantiles_after_everything_was_written() -> None:
    recorder = Recorder(Clock())
    for _ in range(9):
        recorder.observe("latency", 0.2)
        recorder.take()
    recorder.observe("latency", 5.0)
    assert recorder.quantile("latency", 0.5) == pytest.approx(0.2, rel=0.02)
    assert recorder.quantile("latency", 1) == pytest.approx(5.0, rel=0.02)
    assert recorder.quantile("ttfb", 0.5) is None
