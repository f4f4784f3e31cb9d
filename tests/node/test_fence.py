"""A run that was given up must not fetch beside the next one: requests are counted at the shop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from christmas.db import database
from christmas.demo.server import DemoServer
from christmas.jobs import queue
from christmas.jobs.process_id import is_dead
from christmas.node.options import Options
from christmas.node.prepare import prepare
from tests.farm import ROOT, Farm, until

VENDOR = "ornament_shop_com"
LEASE_SECONDS = 3.0
# Starts a run as a node does, but without Linux's help: it is not killed when its parent dies.
PARENT = """
import subprocess, sys, os
os.environ["CHRISTMAS_NODE_PID"] = str(os.getpid())
program = "import christmas_runner; christmas_runner.die_with_parent = lambda: None; christmas_runner.main()"
subprocess.run([sys.executable, "-c", program, *sys.argv[1:]])
"""


@pytest.fixture
def farm(server: DemoServer, tmp_path: Path) -> Iterator[Farm]:
    """Provide a farm with a short lease and a slow shop of thirty listing pages, asked for one at a time."""
    variables = {
        "CHRISTMAS__JOBS__LEASE_SECONDS": str(LEASE_SECONDS),
        "CHRISTMAS__POLITENESS__CONCURRENCY": "1",
    }
    farm = Farm(tmp_path / "farm", server, variables)
    server.shops[VENDOR].delay_seconds = 0.2
    server.shops[VENDOR].per_page = 2
    yield farm
    farm.close()


def pid_of(process: str | None) -> int:
    return int(str(process).split(" ")[-2])


def started(farm: Farm, job_id: str) -> str:
    """Wait until a run reads the shop, and give its process."""
    process = until(lambda: farm.job(job_id).process, what="the start")
    until(lambda: len(farm.server.shops[VENDOR].requests) > 3, what="the first pages")
    return str(process)


def running(farm: Farm) -> str:
    """Start a node and a job on it that reads every listing; gives the job's id when it reads the shop."""
    farm.node()
    job_id = farm.submit("integrator.sync_links", vendor=VENDOR, which="all").id
    started(farm, job_id)
    return job_id


@pytest.mark.long
@pytest.mark.serial
def test_a_spider_outlives_its_node_for_less_than_its_lease(farm: Farm) -> None:
    shop = farm.server.shops[VENDOR]
    job = farm.submit("integrator.sync_links", vendor=VENDOR, which="all")
    with database.begin(farm.engine) as connection:
        claimed = queue.claim(connection, None, "gone", datetime.now(UTC))
    assert claimed is not None
    start = prepare(Options(farm.config), claimed)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *start.arguments], env={**start.environment, **farm.variables}, cwd=ROOT
    )
    spider = pid_of(started(farm, job.id))
    parent.kill()
    parent.wait(10)
    killed_at = time.monotonic()
    other = farm.node()
    done = farm.wait(job.id)
    assert (done.state, done.attempt, done.node) == ("succeeded", 2, f"node-{other.port}")
    until(lambda: is_dead(f"{str(done.process).rsplit(' ', 2)[0]} {spider} -"), what="the end of the first spider")
    first, second = sorted({hit.connection for hit in shop.requests})[:2]
    last = max(hit.at for hit in shop.requests if hit.connection == first)
    assert last - killed_at < LEASE_SECONDS
    assert last < min(hit.at for hit in shop.requests if hit.connection == second)
    assert shop.in_flight_max == 1


def test_a_spider_that_slept_through_its_lease_fetches_nothing_more(farm: Farm) -> None:
    shop = farm.server.shops[VENDOR]
    farm.node()
    watcher = farm.node("--consumers", "auditor")
    job_id = farm.submit("integrator.sync_links", vendor=VENDOR, which="all").id
    process = started(farm, job_id)
    for service in farm.services[:1]:
        service.process.send_signal(signal.SIGSTOP)  # its node, which would run the next attempt
    os.kill(pid_of(process), signal.SIGSTOP)
    until(lambda: farm.job(job_id).state == "queued", 30, "that the run is given up")
    assert "died without a report" in (farm.job(job_id).outcome or {})["error"]
    asked = shop.asked
    shop.delay_seconds = 0.0
    os.kill(pid_of(process), signal.SIGCONT)
    until(lambda: is_dead(process), 30, "the end of the run that was given up")
    assert shop.asked == asked
    assert watcher.ask("daemonstatus.json").json["pending"] == 1
    farm.services[0].process.send_signal(signal.SIGCONT)
    done = farm.wait(job_id)
    assert (done.state, done.attempt) == ("succeeded", 2)
    assert shop.in_flight_max == 1


@pytest.mark.long
@pytest.mark.serial
def test_a_run_whose_database_is_locked_stops_fetching_before_its_lease_ends(farm: Farm) -> None:
    shop = farm.server.shops[VENDOR]
    job_id = running(farm)
    with locked(farm.engine) as locked_at:
        until(lambda: time.monotonic() - locked_at > LEASE_SECONDS, 30)
        asked = shop.asked
        until(lambda: time.monotonic() - locked_at > 2 * LEASE_SECONDS, 30)
        assert shop.asked == asked
    done = farm.wait(job_id)
    assert (done.state, done.attempt > 1) == ("succeeded", True)
    assert shop.in_flight_max == 1


def test_a_request_in_flight_is_given_up_with_the_lease(farm: Farm) -> None:
    shop = farm.server.shops[VENDOR]
    lease_seconds = 3 * LEASE_SECONDS  # a third of it is left when the run gives up: on a busy machine, too
    farm.variables["CHRISTMAS__JOBS__LEASE_SECONDS"] = str(lease_seconds)
    job_id = running(farm)
    shop.delay_seconds = 25.0  # less than DOWNLOAD_TIMEOUT, more than the lease
    asked = shop.asked
    until(lambda: shop.asked > asked and shop.in_flight == 1, what="a slow request")
    with locked(farm.engine) as locked_at:
        until(lambda: shop.in_flight == 0, 20, "that the slow request is given up")
        assert time.monotonic() - locked_at < lease_seconds
        shop.delay_seconds = 0.0
    assert farm.wait(job_id).state == "succeeded"
    assert shop.in_flight_max == 1


class locked:  # noqa: N801  # used like a function
    """Keep every writer out of a SQLite database."""

    def __init__(self, engine: Engine) -> None:
        self.connection = engine.raw_connection()

    def __enter__(self) -> float:
        self.connection.cursor().execute("BEGIN EXCLUSIVE")
        return time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.connection.cursor().execute("ROLLBACK")
        self.connection.close()
