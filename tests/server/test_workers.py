"""Several processes on one socket: all of them answer, one that is killed is replaced, and all end together."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.farm import until
from tests.server.running import Server, serving

WHOAMI = "/api/v1/whoami"
WRONG = ("ann", "wrong")
START_SECONDS = 60


def helpers(server: Server) -> list[psutil.Process]:
    """Return the processes that help the first one."""
    found = []
    for process in psutil.Process(server.process.pid).children():
        try:
            found += [process] if "--descriptor" in process.cmdline() else []
        except psutil.NoSuchProcess:
            continue  # it has ended just now
    return found


def listening(server: Server) -> int:
    """Return how many processes have ever come to listening."""
    return server.log.count("The server listens on")


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    """Let a process do nothing for a while: another one answers."""
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Server]:
    """Run a server of two processes, both of which listen."""
    variables = {"CHRISTMAS__SERVER__WORKERS": "2", "CHRISTMAS__ACCESS__FAILED_LOGINS_PER_MINUTE": "4"}
    with serving(tmp_path, **variables) as server:
        until(lambda: listening(server) == 2, START_SECONDS, "the second process")
        yield server


def test_both_answer_and_count_wrong_keys_together(pair: Server) -> None:
    first, [second] = psutil.Process(pair.process.pid), helpers(pair)
    for other in (first, second):
        with stopped(other):
            assert pair.ask(WHOAMI).status == 200
            assert [pair.ask(WHOAMI, key=WRONG).status for _ in range(2)] == [401, 401]
    for other in (first, second):
        with stopped(other):
            assert pair.ask(WHOAMI).status == 429


def test_one_that_is_killed_is_replaced_and_all_end_together(pair: Server) -> None:
    [helper] = helpers(pair)
    helper.kill()
    helper.wait(60)
    for _ in range(20):
        assert pair.ask(WHOAMI).status == 200
    until(lambda: listening(pair) == 3, START_SECONDS, "another process")
    assert "A process of the server has ended with status -9; another one is started" in pair.log
    first, [another] = psutil.Process(pair.process.pid), helpers(pair)
    assert another.pid != helper.pid
    with stopped(first):
        assert pair.ask(WHOAMI).status == 200
    pair.process.send_signal(signal.SIGTERM)
    assert pair.process.wait(60) == 0, pair.log
    assert not another.is_running()
    assert "The server has stopped" in pair.log


def test_the_others_end_with_the_first_however_that_ends(pair: Server) -> None:
    [helper] = helpers(pair)
    pair.process.kill()
    helper.wait(60)


def test_too_many_that_end_are_the_end_of_the_server(pair: Server) -> None:
    seen: set[int] = set()

    def another() -> psutil.Process | None:
        return next((one for one in helpers(pair) if one.pid not in seen), None)

    for _ in range(6):
        helper = until(another, START_SECONDS, "another process")
        seen.add(helper.pid)
        helper.kill()
    assert pair.process.wait(60) == 1, pair.log
    assert "christmas: 6 processes of the server have ended within 60 s, the last one with status -9" in pair.log
