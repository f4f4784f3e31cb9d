"""What has fired, and whether anything is missing or doubled."""

from __future__ import annotations

from datetime import datetime, timedelta

from christmas.db import database
from christmas.jobs import schedules
from christmas.jobs.schedules import FiringRow
from tests.farm import Farm

SECOND = timedelta(seconds=1)


def fired(farm: Farm, name: str = "often") -> list[FiringRow]:
    """Return the firings of a schedule, the oldest first."""
    with database.read(farm.engine) as connection:
        return schedules.history(connection, name, 10_000)[::-1]


def assert_none_is_missing(found: list[FiringRow], begin: datetime) -> None:
    """See that there is one firing for each second, from soon after the beginning on."""
    times = [one.due_at for one in found]
    assert times == [times[0] + number * SECOND for number in range(len(times))]
    assert begin < times[0] < begin + timedelta(seconds=60)
    assert all(one.error is None and one.job_id for one in found)
