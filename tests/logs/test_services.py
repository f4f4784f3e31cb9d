"""What every service makes of its log: JSON lines in a pipe, text on a terminal, and the same in the stream."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from christmas import valkey
from christmas.logs import reading
from christmas.logs.reading import Line, Wanted
from tests.farm import ROOT, Farm, Service, until

pytestmark = pytest.mark.integration

VENDOR = "ornament_shop_com"
SCRAPYD = str(Path(sys.executable).parent / "scrapyd")
PROGRAM = """
import logging
from christmas import config, logs
logs.set_up(config.current(), service="tried", node="here")
logging.getLogger("a.b").warning("said")
"""


@pytest.fixture
def farm(farm: Farm) -> Farm:
    """Return a farm whose services choose the format by themselves."""
    farm.variables["CHRISTMAS__LOGS__FORMAT"] = "auto"
    return farm


def lines(service: Service) -> list[Line]:
    """Return what a service has printed; fails where something is not a JSON object on a line of its own."""
    return [json.loads(line) for line in service.log.splitlines()]


def central(farm: Farm, **wanted: Any) -> list[Line]:
    with closing(valkey.connect(farm.config)) as client:
        return reading.read(client, Wanted(**wanted), limit=10_000)


def test_node_and_scheduler_print_json_and_send_it(farm: Farm) -> None:
    node, scheduler = farm.node(), farm.start("scheduler")
    until(lambda: "The scheduler has started" in scheduler.log, what="the start")
    node.ask("jobs", key=("ann", "wrong"))
    assert (node.stop(), scheduler.stop()) == (0, 0)
    printed = {"node": lines(node), "scheduler": lines(scheduler)}
    assert [line["event"] for line in printed["scheduler"]] == [
        "The scheduler has started", "The scheduler has stopped",
    ]  # fmt: skip
    assert {line["node"] for line in printed["node"]} == {f"node-{node.port}"}
    assert "127.0.0.1 was refused jobs.read" in printed["node"][-1]["event"]
    assert printed["node"][-1]["level"] == "WARNING"
    for name, told in printed.items():
        sent = [line for line in central(farm) if line["service"] == name]
        assert [{key: text for key, text in line.items() if text} for line in sent] == told


def test_a_node_says_which_job_it_speaks_of(farm: Farm) -> None:
    farm.variables["CHRISTMAS__JOBS__POST_HOOKS"] = '{"*": ["log_run"]}'
    node = farm.node()
    job = farm.submit("integrator.sync_links", vendor=VENDOR)
    farm.wait(job.id)
    until(lambda: f"Job {job.id}" in node.log, what="the hook")
    node.stop()
    [line] = [line for line in lines(node) if "succeeded" in line["event"]]
    assert (line["job"], line["vendor"], line["logger"]) == (job.id, VENDOR, "christmas.jobs.hooks")
    assert line["event"] in [line["event"] for line in central(farm, jobs={job.id}, vendor=VENDOR)]


def test_up_and_its_services_print_json_into_one_pipe(farm: Farm) -> None:
    up = farm.start("up", "--check", CHRISTMAS__NODE__PORT="0")
    assert up.process.wait(60) == 0
    assert {line["service"] for line in lines(up)} == {"up", "node", "scheduler", "server"}
    assert lines(up)[-1]["event"] == "Everything has stopped"


def test_plain_scrapyd_prints_json_and_sends_it(farm: Farm) -> None:
    folder = farm.folder / "checkout"
    folder.mkdir()
    shutil.copy(ROOT / "scrapy.cfg", folder)
    node = farm.node(command=[SCRAPYD, "--pidfile="], cwd=folder)
    node.ask("jobs?token=not-to-be-seen", key=("ann", "wrong"))
    node.stop()
    told = [line["event"] for line in lines(node)]
    assert any("Scrapyd web console available" in text for text in told)
    assert any("GET /jobs?token=*** HTTP/1.1" in text for text in told)
    assert "Server Shut Down." in told
    # Of Twisted's own lines only warnings are sent.
    sent = [line["event"] for line in central(farm) if line["service"] == "node"]
    assert ["was refused" in text for text in sent] == [True]


def on_a_terminal(environment: dict[str, str]) -> str:
    ours, its = pty.openpty()
    try:
        subprocess.run([sys.executable, "-c", PROGRAM], stdout=its, env=environment, cwd=ROOT, check=True, timeout=90)
        return os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(its)


def in_a_pipe(environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(
        command, env=environment, cwd=ROOT, check=True, timeout=90, capture_output=True, text=True
    ).stdout


@pytest.mark.parametrize(
    ("chosen", "terminal", "is_json"),
    [
        ("auto", False, True), ("auto", True, False), ("json", True, True),
        ("json", False, True), ("text", False, False), ("text", True, False),
    ],
)  # fmt: skip
def test_the_format_is_chosen(chosen: str, terminal: bool, is_json: bool, tmp_path: Path) -> None:
    environment = {**os.environ, "CHRISTMAS__VAR_PATH": str(tmp_path), "CHRISTMAS__LOGS__FORMAT": chosen}
    text = on_a_terminal(environment) if terminal else in_a_pipe(environment)
    if is_json:
        assert json.loads(text) | {"time": ""} == {
            "time": "", "level": "WARNING", "service": "tried", "node": "here", "logger": "a.b", "event": "said",
        }  # fmt: skip
    else:
        assert text.rstrip().endswith("a.b WARNING said")


@pytest.fixture
def full() -> Iterator[int]:
    """Provide a file descriptor that takes nothing."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


def test_an_output_that_takes_nothing_is_told_and_ends_nothing(full: int, tmp_path: Path) -> None:
    environment = {**os.environ, "CHRISTMAS__VAR_PATH": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, cwd=ROOT, timeout=90, stdout=full, stderr=subprocess.PIPE
    )
    assert b"a log line could not be written: [Errno 28] No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr
