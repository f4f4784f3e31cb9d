"""Plain ``scrapyd`` in the folder of scrapy.cfg is the same closed node, whatever else Scrapyd is told."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from christmas.demo.server import DemoServer
from tests.farm import ROOT, Farm, Node, free_port, until

SCRAPYD = str(Path(sys.executable).parent / "scrapyd")
VENDOR = "ornament_shop_com"
OPENED = """
[scrapyd]
application = scrapyd.app.application
bind_address = 0.0.0.0
http_port = {port}
unix_socket_path = {folder}/open.sock
username =
password =
poller = scrapyd.poller.QueuePoller
launcher = scrapyd.launcher.Launcher
runner = scrapyd.runner
webroot = scrapyd.website.Root
eggstorage = scrapyd.eggstorage.FilesystemEggStorage
spiderqueue = scrapyd.spiderqueue.SqliteSpiderQueue
items_dir = {folder}
logs_dir = {folder}
[services]
schedule.json = scrapyd.webservice.Schedule
daemonstatus.json = scrapyd.webservice.DaemonStatus
"""


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with DemoServer(size=60, per_page=12) as server:
        farm = Farm(tmp_path_factory.mktemp("plain") / "farm", server)
        yield farm
        farm.close()


@pytest.fixture(scope="module")
def other_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def node(farm: Farm, other_port: int) -> Node:
    """Start scrapyd beside scrapy.cfg, with everything against it that Scrapyd reads."""
    folder, home = farm.folder / "checkout", farm.folder / "home"
    for path in (folder, home):
        path.mkdir()
    shutil.copy(ROOT / "scrapy.cfg", folder)
    opened = OPENED.format(port=other_port, folder=folder)
    (folder / "scrapyd.conf").write_text(opened)
    (home / ".scrapyd.conf").write_text(opened)
    return farm.node(
        command=[SCRAPYD],
        cwd=folder,
        HOME=str(home),
        SCRAPYD_USERNAME="admin",
        SCRAPYD_PASSWORD="admin",  # noqa: S106  # what must not open the node
        SCRAPYD_BIND_ADDRESS="0.0.0.0",
        SCRAPYD_HTTP_PORT=str(other_port),
        SCRAPYD_UNIX_SOCKET_PATH=str(folder / "open.sock"),
    )


def test_it_answers_nobody_without_a_key(node: Node) -> None:
    for path in (
        "",
        "jobs",
        "logs/",
        "items/",
        "daemonstatus.json",
        "listprojects.json",
        "listspiders.json",
        "nothing",
    ):
        assert node.ask(path, anonymous=True).status == 401, path
        assert node.ask(path, key=("admin", "admin")).status == 401, path
    data = {"project": "christmas", "spider": VENDOR, "stage": "links"}
    assert node.ask("schedule.json", data, anonymous=True).status == 401
    assert node.ask("schedule.json", data, key=("admin", "admin")).status == 401
    assert node.ask("addversion.json", data, anonymous=True).status == 401
    assert node.ask("health", anonymous=True).json == {"status": "ok", "missing": []}


def test_it_listens_where_the_configuration_says_and_nowhere_else(node: Node, farm: Farm) -> None:
    process = psutil.Process(node.process.pid)
    listening = [one.laddr for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", node.port)]
    assert not (farm.folder / "checkout" / "open.sock").exists()


def test_its_queue_is_the_jobs_table(node: Node, farm: Farm) -> None:
    answer = node.schedule(VENDOR, stage="links")
    assert answer.json["node_name"] == f"node-{node.port}"
    job = farm.wait(answer.json["jobid"])
    assert (job.state, job.node, job.submitted_by) == ("succeeded", f"node-{node.port}", "tester"), job.outcome
    assert job.outcome["store_new_keys"] == 60
    assert node.ask(f"logs/christmas/{VENDOR}/{job.id}.log").status == 200
    by_hand = farm.submit("integrator.sync_products", vendor=VENDOR, which="unscraped", limit=1)
    assert farm.wait(by_hand.id).node == f"node-{node.port}"
    # Nothing of Scrapyd's own storage is used.
    kept = {path.name for path in (farm.folder / "checkout").iterdir()}
    assert kept == {"scrapy.cfg", "scrapyd.conf", "twistd.pid"}


def test_what_is_wrong_in_the_configuration_is_one_line(node: Node, farm: Farm) -> None:
    folder = farm.folder / "checkout"
    hooks = '{"*": ["no_such_hook"]}'
    wrong = farm.node(command=[SCRAPYD, "--pidfile="], cwd=folder, wait=False, CHRISTMAS__JOBS__PRE_HOOKS=hooks)
    assert wrong.process.wait(60) == 1
    assert [line for line in wrong.log.splitlines() if line.startswith("christmas: ") and "no_such_hook" in line]
    assert "Traceback" not in wrong.log


def test_a_run_that_is_stopped_while_it_starts_costs_no_attempt(node: Node, farm: Farm) -> None:
    job_id = node.schedule(VENDOR, stage="links", which="all").json["jobid"]
    until(lambda: farm.job(job_id).state == "running", what="the claim")
    assert node.stop() == -signal.SIGTERM, node.log  # Twisted's own commands end so
    job = farm.job(job_id)
    assert (job.state, job.attempt, job.attempts_max) == ("queued", 1, 4)
