"""The lines of a tree of jobs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from christmas.jobs.records import JobRow
from christmas.server.web.operations.jobs import lines_of

NOW = datetime(2026, 11, 25, tzinfo=UTC)


class Counted(list[JobRow]):
    """A list that counts how often all of it is gone through."""

    rounds = 0

    def __iter__(self) -> Iterator[JobRow]:
        self.rounds += 1
        return super().__iter__()


def row(job_id: str, parent: str | None = None, consumer: str | None = None, **values: Any) -> JobRow:
    common: dict[str, Any] = dict.fromkeys(JobRow.__annotations__)
    common |= {
        "id": job_id,
        "root_id": "root",
        "parent_id": parent,
        "name": "n",
        "consumer": consumer,
        "queued_at": NOW,
    }
    return JobRow(**(common | {"state": "running"} | values))


def test_a_large_tree_is_gone_through_a_few_times_only() -> None:
    rows = Counted([row("root")])
    rows += [row(f"year-{number}", "root", state="succeeded" if number < 3 else "running") for number in range(10)]
    rows += [row(f"{parent.id}-{n}", parent.id, "integrator", state="failed") for parent in rows[1:] for n in range(5)]
    rows.rounds = 0
    lines = lines_of(rows)
    assert rows.rounds <= 2
    assert [(one.depth, one.done, one.planned, one.unit) for one in lines[:2]] == [
        (0, 3, 10, "jobs"), (1, 5, 5, "jobs"),
    ]  # fmt: skip
    assert (lines[-1].depth, lines[-1].unit) == (2, "pages")
