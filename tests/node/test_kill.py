"""A node that is killed with SIGKILL: its runs die with it, and another node takes its jobs over, each once.

The whole series, with random kills of nodes and spiders, is in ``tests/long/test_kill.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from christmas.jobs.process_id import is_dead
from tests import eggs, many_vendors
from tests.farm import Farm, until

RUNNING = 2


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    with many_vendors.shops(RUNNING, size=12) as server:
        farm = Farm(tmp_path / "farm", server, {"CHRISTMAS__POLITENESS__CONCURRENCY": "1"})
        eggs.store(farm, many_vendors.egg(RUNNING))
        yield farm
        farm.close()


def test_the_jobs_of_a_node_that_is_killed_run_once_more_elsewhere(farm: Farm) -> None:
    shops = farm.server.shops
    for shop in shops.values():
        shop.waits = True
    for name in ("integrator.sync_links", "integrator.sync_products"):
        for vendor in shops:
            farm.submit(name, vendor=vendor, which="all")
    node = farm.node(CHRISTMAS__NODE__SLOTS=str(RUNNING))
    running = until(lambda: len(found := [job for job in farm.jobs("running") if job.process]) == RUNNING and found, 60)
    node.kill()
    until(lambda: all(is_dead(job.process) for job in running), 10, "the end of the spiders")
    for shop in shops.values():
        shop.waits = False
    farm.node()
    until(lambda: not farm.jobs("queued", "running"), 120, "the end of all jobs")
    assert [job.state for job in farm.jobs()] == ["succeeded"] * 2 * RUNNING
    assert {job.id for job in farm.jobs() if job.attempt == 2} == {job.id for job in running}
    assert [one for shop in shops.values() for one in many_vendors.overlaps(shop)] == []
