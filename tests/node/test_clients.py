"""The clients that people already have, run as they run them: scrapyd-client's commands and python-scrapyd-api."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import scrapyd_api
from scrapyd_api.exceptions import ScrapydResponseError

from christmas.demo.server import DemoServer
from tests import eggs, many_vendors
from tests.farm import ROOT, Farm, Node, until

BIN = Path(sys.executable).parent
VENDOR = "ornament_shop_com"
INSTALLED = ["hallmark_ornaments_com", "hookedonhallmark_com", VENDOR]


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with DemoServer(size=60, per_page=12) as server:
        farm = Farm(tmp_path_factory.mktemp("clients") / "farm", server)
        yield farm
        farm.close()


@pytest.fixture(scope="module")
def node(farm: Farm) -> Node:
    return farm.node(CHRISTMAS__NODE__EGG_UPLOAD="true")


@pytest.fixture
def api(node: Node) -> Iterator[scrapyd_api.ScrapydAPI]:
    api = scrapyd_api.ScrapydAPI(node.url, auth=node.key, timeout=180)
    yield api
    api.client.close()


def scrapyd_client(
    farm: Farm, node: Node, command: str, *arguments: str, key: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run scrapyd-client in the checkout, with the node as a target of the user's own."""
    home = farm.folder / "home"
    home.mkdir(exist_ok=True)
    (home / ".scrapy.cfg").write_text(f"[deploy:here]\nurl = {node.url}\n")
    assert node.key
    variables = {"HOME": str(home), "CHRISTMAS_DEPLOY_USER": node.key[0], "CHRISTMAS_DEPLOY_KEY": key or node.key[1]}
    target = [] if command == "targets" else ["-t", "here"]
    return subprocess.run(
        [BIN / "scrapyd-client", command, *target, *arguments],
        env={**os.environ, **variables}, cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_scrapyd_client_lists_what_there_is(farm: Farm, node: Node) -> None:
    done = scrapyd_client(farm, node, "projects")
    assert (done.returncode, done.stdout) == (0, "christmas\n"), done.stderr
    done = scrapyd_client(farm, node, "spiders", "-p", "christmas")
    assert done.stdout.split() == ["christmas:", *INSTALLED]
    done = scrapyd_client(farm, node, "targets")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["default", "http://localhost:6800"],
        ["here", node.url],
    ]


def test_scrapyd_client_schedules(farm: Farm, node: Node) -> None:
    done = scrapyd_client(farm, node, "schedule", "-p", "christmas", "--arg", "stage=links", "h*_com")
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = [farm.wait(line.rpartition("=> ")[2]) for line in done.stdout.splitlines()]
    assert [job.vendor for job in jobs] == INSTALLED[:2]
    found = {(job.name, job.state, job.submitted_by) for job in jobs}
    assert found == {("integrator.sync_links", "succeeded", "tester")}


def test_scrapyd_client_shows_why_it_was_refused(farm: Farm, node: Node) -> None:
    done = scrapyd_client(farm, node, "schedule", "-p", "christmas", "--arg", "limit=-1", VENDOR)
    assert done.returncode == 1
    assert "limit" in done.stdout
    done = scrapyd_client(farm, node, "projects", key="wrong")
    assert done.returncode == 1
    assert "401" in done.stdout + done.stderr or "key" in done.stdout


def test_python_scrapyd_api_runs_and_cancels_jobs(farm: Farm, api: scrapyd_api.ScrapydAPI) -> None:
    assert api.list_projects() == ["christmas"]
    assert api.list_spiders("christmas") == INSTALLED
    shop = farm.server.shops[VENDOR]
    shop.delay_seconds = 1.0
    job_id = api.schedule("christmas", VENDOR, stage="links", which="all")
    until(lambda: api.job_status("christmas", job_id) == "running", what="the start")
    waiting = api.schedule("christmas", VENDOR, stage="products", limit="1")
    assert api.job_status("christmas", waiting) == "pending"
    assert api.cancel("christmas", waiting) == "pending"
    assert api.cancel("christmas", job_id) == "running"
    until(lambda: api.job_status("christmas", job_id) == "finished", what="the end")
    shop.delay_seconds = 0
    listed = api.list_jobs("christmas")
    finished = {job["id"]: job for job in listed["finished"]}
    assert finished[job_id]["spider"] == VENDOR
    assert listed["running"] == listed["pending"] == []
    assert farm.job(job_id).state == "cancelled"
    assert api.job_status("christmas", "unknown") == ""


def test_python_scrapyd_api_deploys(node: Node, api: scrapyd_api.ScrapydAPI) -> None:
    assert api.list_versions("christmas") == []
    assert api.add_version("christmas", "1", io.BytesIO(eggs.built())) == 3
    assert api.add_version("christmas", "2", io.BytesIO(many_vendors.egg(2))) == 5
    assert api.list_versions("christmas") == ["1", "2"]
    assert "shop_01_com" in api.list_spiders("christmas")
    assert api.delete_version("christmas", "2") is True
    assert api.list_spiders("christmas") == INSTALLED
    assert api.delete_project("christmas") is True
    assert api.list_versions("christmas") == []


def test_python_scrapyd_api_raises_what_is_wrong(node: Node, api: scrapyd_api.ScrapydAPI) -> None:
    with pytest.raises(ScrapydResponseError, match="There is no vendor 'no_such_shop'"):
        api.schedule("christmas", "no_such_shop", stage="links")
    with pytest.raises(ScrapydResponseError, match="setting 'USER_AGENT' is not allowed"):
        api.schedule("christmas", VENDOR, settings={"USER_AGENT": "x"}, stage="links")
    with pytest.raises(ScrapydResponseError, match="cannot be read"):
        api.add_version("christmas", "1", io.BytesIO(b"no egg"))
    stranger = scrapyd_api.ScrapydAPI(node.url, auth=("tester", "wrong"), timeout=180)
    with pytest.raises(ScrapydResponseError, match="401"):
        stranger.list_projects()
    stranger.client.close()
