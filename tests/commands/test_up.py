"""``christmas up``: everything starts together, and nothing of it is left, however it ends."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from christmas import valkey
from christmas.commands.up import tell
from christmas.logs import reading
from christmas.logs.lines import Context, JsonFormatter
from christmas.logs.reading import Wanted
from tests.farm import Farm, Node, Service, free_port, until

VENDOR = "ornament_shop_com"
RUNS = "Everything is running: the node is at "


def lives(process: psutil.Process) -> bool:
    """Return whether a process runs; one that has ended and that nobody has asked about does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Unfollowed(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for an answer."""

    def redirect_request(self, *_: object) -> None:
        return None


def asked(url: str, cookie: str = "") -> tuple[int, dict[str, str]]:
    """Return the status and the headers of what a browser is answered."""
    request = urllib.request.Request(url, headers={"Cookie": cookie} if cookie else {})
    try:
        with urllib.request.build_opener(Unfollowed).open(request, timeout=90) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {name.lower(): value for name, value in error.headers.items()}


class Up:
    """One ``christmas up`` and every process that it has started."""

    def __init__(self, farm: Farm, port: int, cwd: Path) -> None:
        self.farm = farm
        self.port = port
        variables = {"CHRISTMAS__NODE__PORT": str(port), "CHRISTMAS__NODE__NAME": "up", "CHRISTMAS__SERVER__PORT": "0"}
        self.service: Service = farm.start("up", cwd=cwd, **variables)
        until(lambda: RUNS in self.log or self.service.process.poll() is not None, 60, "the start")
        assert RUNS in self.log, self.log
        self.processes = psutil.Process(self.service.process.pid).children(recursive=True)

    @property
    def log(self) -> str:
        return self.service.log

    @property
    def pages(self) -> str:
        """Return the address of the server's pages."""
        return re.findall(r"The pages are at (http://127\.0\.0\.1:\d+);", self.log)[0]

    @property
    def node(self) -> Node:
        return Node(self.service.process, self.service.log_path, self.port, self.farm.key(user="tester"))

    def one(self, word: str) -> psutil.Process:
        """Return the one process whose command has this word, or whose name begins with it."""
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
    """Return a working directory with a stale pid file, whose number is that of a process that lives."""
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


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGTERM])
def test_it_stops_everything_when_it_is_told_to(up: Up, number: int) -> None:
    assert f"{RUNS}http://127.0.0.1:{up.port}, the keys are in {up.farm.folder / 'keys'}" in up.log
    job_id = up.starts_a_run()
    assert {up.one(word).is_running() for word in ("node", "scheduler", "server", "valkey", "christmas_runner")} == {
        True
    }
    assert up.service.stop(number) == 0, up.log
    up.leaves_nothing()
    assert "Traceback" not in up.log
    assert "Fatal" not in up.log
    job = up.farm.job(job_id)
    assert (job.state, job.attempts_max) == ("queued", 4)


def test_it_prints_a_link_that_signs_in_once_and_is_in_no_log(up: Up) -> None:
    [link] = re.findall(r"^To sign in once, within 15 minutes: (http\S+)$", up.log, re.MULTILINE)
    assert link.startswith(f"{up.pages}/sign-in?token=")
    another = up.farm.run("sign-in", "--port", up.pages.rpartition(":")[2])
    assert (another.returncode, another.stderr) == (0, "")
    told = another.stdout.strip()
    assert told.startswith(f"{up.pages}/sign-in?token=")
    for one in (link, told):
        answers = [asked(one) for _ in range(2)]
        assert [status for status, _ in answers] == [303, 403]
        cookie = answers[0][1]["set-cookie"].partition(";")[0]
        assert asked(f"{up.pages}/operations", cookie)[0] == 200
    token = link.partition("token=")[2]
    with valkey.connect(up.farm.config) as redis:

        def read() -> list[dict[str, Any]]:
            return list(reading.read(redis, Wanted(), limit=1000))

        until(lambda: {"up", "server"} <= {line["service"] for line in read()}, 30, "the lines of both")
        lines = read()
    assert not [line for line in lines if token in str(line)]
    files = [path for path in up.farm.folder.rglob("*") if path.is_file() and path != up.service.log_path]
    assert files
    assert not [path for path in files if token.encode() in path.read_bytes()]
    assert up.log.count(token) == 1


def test_in_a_log_of_json_lines_the_link_is_one_too(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(Context("up", "here")))
    logging.root.addHandler(handler)
    try:
        tell("a link")
    finally:
        logging.root.removeHandler(handler)
    tell("a link")
    line, plain = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["service"], told["level"], told["event"], plain) == ("up", "INFO", "a link", "a link")


def test_the_pages_are_served_beside_a_reading_and_after_it(farm: Farm) -> None:
    year = str(farm.server.shops[VENDOR].release_years()[0])
    with socket.create_server(("127.0.0.1", 0)) as taken:  # another port is as good
        port = str(taken.getsockname()[1])
        variables = {"CHRISTMAS__SERVER__PORT": port, "CHRISTMAS__CONTACT_URL": "mailto:tester@example.org"}
        live = farm.start("live", "--limit", "2", "--year", year, VENDOR, **variables)
        until(lambda: "Serving the pages" in live.log or live.process.poll() is not None, 100, "the reading")
        assert "Serving the pages; press Ctrl-C to stop." in live.log, live.log
        [address] = re.findall(r"^The pages are at (http://127\.0\.0\.1:\d+)$", live.log, re.MULTILINE)
        assert not address.endswith(f":{port}")
        [link] = re.findall(r"^To sign in once, within 15 minutes: (http\S+)$", live.log, re.MULTILINE)
        status, headers = asked(link)
        assert status == 303
        assert asked(f"{address}/operations/vendors/{VENDOR}", headers["set-cookie"].partition(";")[0])[0] == 200
        [server] = [one for one in psutil.Process(live.process.pid).children() if "server" in one.cmdline()]
        server.terminate()  # in order: it is the last one that holds the folder's Valkey
        assert live.process.wait(30) == 1
        assert "The server has ended with status 0; its log is " in live.log


def test_sign_in_needs_to_know_the_port(farm: Farm) -> None:
    done = farm.run("sign-in", CHRISTMAS__SERVER__PORT="0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "name it with --port" in done.stderr


@pytest.mark.parametrize("everything", [pytest.param(False, marks=pytest.mark.long), True])
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


@pytest.mark.parametrize(
    "name", ["node", *(pytest.param(name, marks=pytest.mark.long) for name in ("scheduler", "server"))]
)
def test_where_one_service_ends_it_says_which_and_stops_the_others(up: Up, name: str) -> None:
    up.one(name).kill()
    assert up.service.process.wait(60) == 1
    assert up.log.splitlines()[-1] == f"christmas: The {name} has ended with status -9; its output says why."
    up.leaves_nothing()


def test_a_check_starts_everything_and_stops_it(farm: Farm) -> None:
    # A proxy for the whole machine is none for the node on it; and any port will do.
    ports = {"CHRISTMAS__NODE__PORT": "0", "CHRISTMAS__SERVER__PORT": "0"}
    done = farm.run("up", "--check", **ports, http_proxy="http://127.0.0.1:9", no_proxy="")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{RUNS}http://127.0.0.1:" in done.stdout
    assert "The pages are at http://127.0.0.1:" in done.stdout
    assert "token=" not in done.stdout
    assert done.stdout.splitlines()[-1].endswith("Everything has stopped")
    assert not [one for one in psutil.process_iter(["environ"]) if str(farm.folder) in str(one.info["environ"])]


def test_what_is_wrong_is_one_line_and_nothing_is_started(farm: Farm) -> None:
    (farm.folder / "file").write_text("no folder")
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(7) as threads:
        port = str(listener.getsockname()[1])
        cases: list[tuple[dict[str, str], str]] = [
            (
                {"CHRISTMAS__NODE__PORT": port},
                f"node cannot listen on port {port} of 127.0.0.1: Address already in use",
            ),
            ({"CHRISTMAS__NODE__SLOTS": "many"}, "node.slots"),
            ({"CHRISTMAS__NODE__CONSUMERS": '["nobody"]'}, "There is no consumer 'nobody'"),
            ({"CHRISTMAS__JOBS__POST_HOOKS": '{"*": ["no_such_hook"]}'}, "no_such_hook"),
            ({"CHRISTMAS__ACCESS__KEY": "wrong"}, "The key of the service integrator (CHRISTMAS__ACCESS__KEY)"),
            ({"CHRISTMAS__REDIS__URL": "redis://127.0.0.1:9"}, "Redis does not answer"),
            ({"CHRISTMAS__VAR_PATH": str(farm.folder / "file")}, "file"),
        ]
        ports = {"CHRISTMAS__NODE__PORT": "0", "CHRISTMAS__SERVER__PORT": "0"}
        results = threads.map(lambda case: farm.run("up", **ports | case[0]), cases)
        for done, (variables, words) in zip(results, cases, strict=True):
            assert done.returncode == 1, (variables, done)
            assert words in done.stderr
            assert done.stderr.startswith("christmas: ")
            assert len(done.stderr.splitlines()) == 1, done.stderr
            assert "has started" not in done.stdout
            assert RUNS not in done.stdout
