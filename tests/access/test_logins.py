"""PostgreSQL logins of their own for a node and for a spider, as docs/permissions.md describes them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from christmas.demo.server import DemoServer
from tests.farm import ROOT, Farm

NODE, SPIDER = "christmas_service_integrator", "christmas_spider_integrator"


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory, new_postgresql: Callable[[], str]) -> Iterator[Farm]:
    url = new_postgresql()
    with DemoServer(size=12, per_page=12) as server:
        farm = Farm(tmp_path_factory.mktemp("logins"), server, {"CHRISTMAS__DATABASE__URL": url})
        assert farm.run("db", "upgrade").returncode == 0
        yield farm
        farm.close()


def refused(url: str, statement: str) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        try:
            connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
        return False


def test_a_node_with_a_login_that_owns_nothing_runs_jobs(farm: Farm) -> None:
    url = farm.login("shops", NODE, SPIDER)
    _, key = farm.key("service:integrator", user="service-integrator")
    node = farm.node(CHRISTMAS__DATABASE__URL=url, CHRISTMAS__ACCESS__KEY=key)
    job = farm.wait(node.schedule("ornament_shop_com", stage="links").json["jobid"])
    assert job.state == "succeeded", node.log
    statements = ["DELETE FROM products", "INSERT INTO users VALUES ('x', now())", "DROP TABLE jobs"]
    statements += [f"SET ROLE {role}" for role in ("postgres", "christmas_service_server", "christmas_spider_auditor")]
    for statement in statements:
        assert refused(url, statement), statement
    assert not refused(url, "UPDATE products SET name = name")


def test_such_a_node_makes_no_key_for_itself(farm: Farm, tmp_path: Path) -> None:
    url = farm.login("keyless", NODE, SPIDER)
    done = farm.run("node", CHRISTMAS__DATABASE__URL=url, CHRISTMAS__VAR_PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("christmas: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "christmas keys create --user service-integrator" in done.stderr
    assert not list(tmp_path.glob("keys/*.key"))


def test_a_spider_with_a_login_of_its_own_reads_a_shop_and_no_key(farm: Farm) -> None:
    url = farm.login("reader", SPIDER)
    command = [Path(sys.executable).parent / "scrapy", "crawl", "hookedonhallmark_com", "-a", "stage=links"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=farm.environment(CHRISTMAS__DATABASE__URL=url),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert [job.state for job in farm.jobs() if job.vendor == "hookedonhallmark_com"] == ["succeeded"], done.stderr
    for statement in ("SELECT hash FROM api_keys", "SELECT 1 FROM access_log", "DELETE FROM listings"):
        assert refused(url, statement)
