"""What a run is worth."""

import pytest

from christmas.extensions.run_report import outcome_of


@pytest.mark.parametrize(
    ("stats", "reason", "state", "words"),
    [
        ({}, "finished", "succeeded", ""),  # nothing was due
        ({"pages/read": 10, "pages/unreadable": 90}, "finished", "succeeded", ""),
        ({"pages/unreadable": 4}, "finished", "failed", "None of 4 pages"),
        ({"pages/failed": 1}, "finished", "failed", "None of 1 pages"),
        ({"pages/read": 10, "store/lost": 3}, "finished", "failed", "database"),
        ({"pages/read": 10, "spider_exceptions/count": 1}, "finished", "failed", "unexpected error"),
        ({"pages/read": 10}, "blocked", "failed", "challenges"),
        ({"pages/read": 10}, "unavailable", "failed", "errors"),
        ({"pages/read": 10}, "store_failed", "failed", "database"),
        ({"pages/read": 10}, "shutdown", "failed", "interrupted"),
        ({"pages/read": 10}, "closespider_timeout", "failed", "closespider_timeout"),
    ],
)
def test_outcome(stats: dict[str, int], reason: str, state: str, words: str) -> None:
    found, outcome = outcome_of(stats, reason)
    assert found == state
    assert words in outcome.get("error", "")
    assert outcome["pages_read"] == stats.get("pages/read", 0)


def test_dropped_items_are_told_by_reason() -> None:
    _, outcome = outcome_of({"validate/dropped/name": 2, "validate/dropped/url": 1}, "finished")
    assert outcome["dropped"] == {"name": 2, "url": 1}
