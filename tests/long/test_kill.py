"""Nodes and spiders that are killed with SIGKILL: no job is lost, none runs twice at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from christmas.jobs.process_id import is_dead
from tests import eggs, many_vendors
from tests.farm import Farm, until
from tests.long import chaos

pytestmark = pytest.mark.integration

VENDORS = 10
JOBS = 20
RUNNING = 8


@pytest.mark.parametrize("who", ["restarted", "second"])
def test_twenty_jobs_of_which_eight_are_running_outlive_their_node(who: str, tmp_path: Path) -> None:
    with many_vendors.shops(VENDORS, size=24) as server:
        farm = Farm(tmp_path / "farm", server, {"CHRISTMAS__POLITENESS__CONCURRENCY": "1"})
        try:
            eggs.store(farm, many_vendors.egg(VENDORS))
            for shop in server.shops.values():
                shop.delay_seconds = 20.0  # no job ends before all have begun, however long their processes take
            for vendor in server.shops:
                farm.submit("integrator.sync_links", vendor=vendor, which="all")
                farm.submit("integrator.sync_products", vendor=vendor, which="all")
            node = farm.node(CHRISTMAS__NODE__SLOTS=str(RUNNING))
            running = until(
                lambda: len(found := [job for job in farm.jobs("running") if job.process]) == RUNNING and found, 60
            )
            node.kill()
            until(lambda: all(is_dead(job.process) for job in running), 10, "the end of the spiders")
            assert len(farm.jobs("succeeded")) < JOBS - RUNNING
            for shop in server.shops.values():
                shop.delay_seconds = 0.0
            port = str(node.port) if who == "restarted" else "0"
            farm.node(CHRISTMAS__NODE__SLOTS="4", **({"CHRISTMAS__NODE__NAME": f"node-{port}"} if port != "0" else {}))
            until(lambda: not farm.jobs("queued", "running"), 120, "the end of all jobs")
            assert [job.state for job in farm.jobs()] == ["succeeded"] * JOBS
            assert sorted(job.attempt for job in farm.jobs()) == [1] * (JOBS - RUNNING) + [2] * RUNNING
            assert [one for shop in server.shops.values() for one in many_vendors.overlaps(shop)] == []
        finally:
            farm.close()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_random_kills_lose_no_job_record_none_twice_and_never_read_a_vendor_twice_at_once(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = None
    if database == "postgresql":
        new_postgresql: Callable[[], str] = request.getfixturevalue("new_postgresql")
        url = new_postgresql()
    done = chaos.attack(tmp_path / "farm", kills=8, seed=2026, database_url=url)
    assert done.kills["node"]
    assert done.kills["spider"]
