"""Ten seconds without the database or without Redis: the node goes on, and no job is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from christmas.demo.server import DemoServer
from tests.conftest import started_postgresql
from tests.farm import Farm, Node, until
from tests.valkey import Valkey

VENDOR = "ornament_shop_com"
OTHER = "hookedonhallmark_com"
OUTAGE_SECONDS = 10


@pytest.fixture
def server_of_its_own() -> Iterator[Any]:
    """Provide a PostgreSQL that a test may stop and start."""
    with started_postgresql() as server:
        yield server


def lasting(seconds: float) -> None:
    began = time.monotonic()
    until(lambda: time.monotonic() - began > seconds, seconds + 5)


def status(node: Node) -> int:
    return node.ask("health").status


def test_ten_seconds_without_postgresql(server_of_its_own: Any, server: DemoServer, tmp_path: Path) -> None:
    postgresql = server_of_its_own
    server.shops[VENDOR].delay_seconds = 0.3
    server.shops[VENDOR].per_page = 2
    variables = {"CHRISTMAS__DATABASE__URL": postgresql.get_uri(), "CHRISTMAS__POLITENESS__CONCURRENCY": "1"}
    farm = Farm(tmp_path / "farm", server, variables)
    try:
        node = farm.node()
        running = farm.submit("integrator.sync_links", vendor=VENDOR, which="all").id
        waiting = farm.submit("integrator.sync_links", vendor=VENDOR).id
        until(lambda: farm.job(running).process, what="the start")
        farm.engine.dispose()
        postgresql._stop()
        assert until(lambda: status(node) == 503, what="that the node notices")
        answer = node.ask("status.json?job=x")
        assert (answer.status, answer.json["status"]) == (503, "error")
        lasting(OUTAGE_SECONDS)
        postgresql.ensure_postgres_running()
        until(lambda: status(node) == 200, what="that the node recovers")
        assert farm.wait(running, 120).state == "succeeded"
        assert farm.wait(waiting, 120).state == "succeeded"
        afterwards = node.schedule(OTHER, stage="links")
        assert afterwards.status == 200, afterwards.text + node.log[-3000:]
        assert farm.wait(afterwards.json["jobid"]).state == "succeeded"
        assert node.process.poll() is None
        assert server.shops[VENDOR].in_flight_max == 1
    finally:
        farm.close()


def test_ten_seconds_without_redis(server: DemoServer, tmp_path: Path) -> None:
    valkey = Valkey(tmp_path / "valkey")
    farm = Farm(tmp_path / "farm", server, {"CHRISTMAS__REDIS__URL": valkey.url})
    try:
        with valkey:
            node = farm.node(CHRISTMAS__NODE__POLL_SECONDS="3")
            assert farm.wait(node.schedule(VENDOR, stage="links").json["jobid"]).state == "succeeded"
        during = node.schedule(VENDOR, stage="links", which="all")
        assert during.status == 200
        assert farm.wait(during.json["jobid"]).state == "succeeded"
        lasting(OUTAGE_SECONDS)
        ready = node.ask("health/ready", anonymous=True)
        assert (ready.status, ready.json) == (200, {"status": "ok", "missing": ["redis"]})
        with valkey:
            until(lambda: "Redis is unavailable" in node.log, what="that the node has noticed")
            assert woken(farm, node), node.log
    finally:
        farm.close()


def woken(farm: Farm, node: Node) -> bool:
    """Return whether jobs start at once again, that is without a look of the node's own, within some tries."""
    for _ in range(10):
        job = farm.wait(node.schedule(VENDOR, stage="links", which="all").json["jobid"])
        assert job.started_at is not None
        if (job.started_at - job.queued_at).total_seconds() < 0.3:
            return True
    return False
