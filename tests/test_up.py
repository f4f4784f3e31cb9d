"""``christmas up``: everything starts together, and nothing of it is left, however it ends."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.farm import Farm, Node, Service, free_port, until

pytestmark = pytest.mark.serial

VENDOR = "ornament_shop_com"
RUNS = "Everything runs: the node is "


def lives(process: psutil.Process) -> bool:
    """Say whether a process runs; one that has ended and that nobody has asked about does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Up:
    """One ``christmas up`` and every process that it has started."""

    def __init__(self, farm: Farm, port: int, cwd: Path) -> None:
        self.farm = farm
        self.port = port
        self.service: Service = farm.start("up", cwd=cwd, CHRISTMAS__NODE__PORT=str(port), CHRISTMAS__NODE__NAME="up")
        until(lambda: RUNS in self.log or self.service.process.poll() is not None, 60, "the start")
        assert RUNS in self.log, self.log
        self.processes = psutil.Process(self.service.process.pid).children(recursive=True)

    @property
    def log(self) -> str:
        return self.service.log

    @property
    def node(self) -> Node:
        return Node(self.service.process, self.service.log_path, self.port, self.farm.key(user="tester"))

    def one(self, word: str) -> psutil.Process:
        """Give the one process whose command has this word, or whose name begins with it."""
        found = [one for one in self.processes if word in one.cmdline() or one.name().startswith(word)]
        assert len(found) == 1, [one.cmdline() for one in self.processes]
        return found[0]

    def starts_a_run(self) -> str:
        """Have the node read a slow shop; gives the job's id."""
        self.farm.server.shops[VENDOR].delay_seconds = 1.0
        job_id = self.node.schedule(VENDOR, stage="links", which="all").json["jobid"]
        until(lambda: self.farm.job(job_id).process, what="the start of the run")
        self.processes = psutil.Process(self.service.process.pid).children(recursive=True)
        return str(job_id)

    def leaves_nothing(self) -> None:
        until(lambda: not any(map(lives, self.processes)), 60, f"the end of {self.processes}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a working directory with a stale pid file, whose number is that of a process that lives."""
    folder = tmp_path / "working"
    folder.mkdir()
    (folder / "twistd.pid").write_text(str(os.getpid()))
    return folder


@pytest.fixture
def up(farm: Farm, folder: Path) -> Iterator[Up]:
    up = Up(farm, free_port(), folder)
    yield up
    for process in up.processes:
        if process.is_running():
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_everything_when_it_is_told_to(up: Up, number: int) -> None:
    assert f"{RUNS}http://127.0.0.1:{up.port}, its keys are in {up.farm.folder / 'keys'}" in up.log
    job_id = up.starts_a_run()
    assert {up.one(word).is_running() for word in ("node", "scheduler", "valkey", "christmas_runner")} == {True}
    assert up.service.stop(number) == 0, up.log
    up.leaves_nothing()
    assert "Traceback" not in up.log
    assert "Fatal" not in up.log
    job = up.farm.job(job_id)
    assert (job.state, job.attempts_max) == ("queued", 4)


@pytest.mark.parametrize("everything", [False, True])
def test_it_starts_again_at_once_after_it_was_killed(up: Up, folder: Path, everything: bool) -> None:
    job_id = up.starts_a_run()
    killed = up.processes if everything else []
    for process in [psutil.Process(up.service.process.pid), *killed]:
        process.kill()
    up.service.process.wait(10)
    up.farm.server.shops[VENDOR].delay_seconds = 0
    again = Up(up.farm, up.port, folder)
    # The folder's Valkey may be the same one: the old services were still there when the new ones came.
    up.processes = [one for one in up.processes if lives(one) and not one.name().startswith("valkey")]
    up.leaves_nothing()
    assert up.farm.wait(job_id).state == "succeeded"
    assert again.service.stop() == 0
    again.leaves_nothing()


@pytest.mark.parametrize("name", ["node", "scheduler"])
def test_where_one_service_ends_it_says_which_and_stops_the_others(up: Up, name: str) -> None:
    up.one(name).kill()
    assert up.service.process.wait(60) == 1
    assert up.log.splitlines()[-1] == f"christmas: The {name} has ended with status -9; its output says why."
    up.leaves_nothing()


def test_a_check_starts_everything_and_stops_it(farm: Farm) -> None:
    # A proxy for the whole machine is none for the node on it; and any port will do.
    done = farm.run("up", "--check", CHRISTMAS__NODE__PORT="0", http_proxy="http://127.0.0.1:9", no_proxy="")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{RUNS}http://127.0.0.1:" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("Everything has stopped")
    assert not [one for one in psutil.process_iter(["environ"]) if str(farm.folder) in str(one.info["environ"])]


def test_what_is_wrong_is_one_line_and_nothing_is_started(farm: Farm) -> None:
    (farm.folder / "file").write_text("no folder")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        for variables, words in (
            ({"CHRISTMAS__NODE__PORT": port}, f"cannot listen on port {port} of 127.0.0.1: Address already in use"),
            ({"CHRISTMAS__NODE__SLOTS": "many"}, "node.slots"),
            ({"CHRISTMAS__NODE__CONSUMERS": '["nobody"]'}, "There is no consumer 'nobody'"),
            ({"CHRISTMAS__JOBS__POST_HOOKS": '{"*": ["no_such_hook"]}'}, "no_such_hook"),
            ({"CHRISTMAS__ACCESS__KEY": "wrong"}, "The key of the service integrator (CHRISTMAS__ACCESS__KEY)"),
            ({"CHRISTMAS__REDIS__URL": "redis://127.0.0.1:9"}, "Redis does not answer"),
            ({"CHRISTMAS__VAR_PATH": str(farm.folder / "file")}, "file"),
        ):
            done = farm.run("up", **variables)
            assert done.returncode == 1, (variables, done)
            assert words in done.stderr
            assert done.stderr.startswith("christmas: ")
            assert len(done.stderr.splitlines()) == 1, done.stderr
            assert "has started" not in done.stdout
            assert RUNS not in done.stdout
