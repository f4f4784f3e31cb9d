"""The database or Redis is unavailable for a moment: the node goes on. ``tests/long`` has outages of ten seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from christmas.demo.server import DemoServer
from tests.farm import Farm, until
from tests.valkey import Valkey

VENDOR = "ornament_shop_com"
OTHER = "hookedonhallmark_com"


def test_an_outage_of_postgresql(new_postgresql: Callable[[], str], server: DemoServer, tmp_path: Path) -> None:
    url = make_url(new_postgresql())
    farm = Farm(tmp_path / "farm", server, {"CHRISTMAS__DATABASE__URL": url.render_as_string(hide_password=False)})
    shop = server.shops[VENDOR]
    shop.waits = True
    try:
        node = farm.node()
        running = farm.submit("integrator.sync_links", vendor=VENDOR, which="all").id
        waiting = farm.submit("integrator.sync_links", vendor=VENDOR).id
        until(lambda: farm.job(running).process, what="the start")
        farm.engine.dispose()
        admin = url.set(database="postgres").render_as_string(hide_password=False)
        with psycopg.connect(admin, autocommit=True) as connection:
            # As if it were away: nobody is let in, and whoever is in is thrown out.
            connection.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false')
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (url.database,)
            )
            until(lambda: node.ask("health").status == 503, what="that the node notices")
            answer = node.ask("status.json?job=x")
            assert (answer.status, answer.json["status"]) == (503, "error")
            connection.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true')
        until(lambda: node.ask("health").status == 200, what="that the node recovers")
        shop.waits = False
        assert farm.wait(running, 120).state == farm.wait(waiting, 120).state == "succeeded"
        assert farm.wait(node.schedule(OTHER, stage="links").json["jobid"]).state == "succeeded"
        assert node.process.poll() is None
    finally:
        shop.waits = False
        farm.close()


def test_an_outage_of_redis(server: DemoServer, tmp_path: Path) -> None:
    valkey = Valkey(tmp_path / "valkey")
    farm = Farm(tmp_path / "farm", server, {"CHRISTMAS__REDIS__URL": valkey.url})
    try:
        with valkey:
            node = farm.node()
        assert farm.wait(node.schedule(VENDOR, stage="links").json["jobid"]).state == "succeeded"
        ready = node.ask("health/ready", anonymous=True)
        assert (ready.status, ready.json) == (200, {"status": "ok", "missing": ["redis"]})
        with valkey:
            until(lambda: node.ask("health/ready", anonymous=True).json["missing"] == [], what="that it is back")
    finally:
        farm.close()
