"""A server that is told to stop says so, goes on answering for a while, and ends without leaving anybody unanswered."""

from __future__ import annotations

import http.client
import signal
from pathlib import Path

import pytest

from tests.balancer import balancing
from tests.farm import until
from tests.server.running import Server, serving

pytestmark = pytest.mark.integration

WHOAMI = "/api/v1/whoami"
STOPPING = {"status": "stopping", "missing": []}


def refuses(server: Server) -> bool:
    """Return whether nobody listens any more."""
    try:
        server.ask("/health/live", anonymous=True)
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_goes_on_answering_and_is_not_ready(workers: str, tmp_path: Path) -> None:
    variables = {"CHRISTMAS__SERVER__DRAIN_SECONDS": "1000", "CHRISTMAS__SERVER__WORKERS": workers}
    with serving(tmp_path, **variables) as server:
        until(lambda: server.log.count("The server listens on") == int(workers), 60, "all processes")
        kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
        assert asked(kept, "/health/ready") == (200, b'{"status":"ok","missing":[]}', None)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.log.count("The server answers for 1000 s more") == int(workers), 30, "that all have heard")
        for _ in range(10):
            ready = server.ask("/health/ready", anonymous=True)
            assert (ready.status, ready.json) == (503, STOPPING)
            assert server.ask(WHOAMI).status == 200
        # On a connection from before, which ends with the answer.
        assert asked(kept, "/health/live") == (200, b'{"status":"ok"}', "close")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(90) == 0, server.log
        assert refuses(server)
        assert "Traceback" not in server.log


def asked(connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes, str | None]:
    """Return status, body and what becomes of the connection."""
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers["Connection"]


def test_it_ends_by_itself(tmp_path: Path) -> None:
    with serving(tmp_path, CHRISTMAS__SERVER__DRAIN_SECONDS="1") as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(90) == 0, server.log
        assert "The server answers for 1 s more" in server.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(number: int, tmp_path: Path) -> None:
    with serving(tmp_path, CHRISTMAS__SERVER__DRAIN_SECONDS="1000") as server:
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.ask("/health/ready", anonymous=True).json == STOPPING, 30)
        server.process.send_signal(number)
        assert server.process.wait(90) == 0, server.log


def test_without_a_time_to_drain_it_ends_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(90) == 0, server.log
        assert "s more" not in server.log


def test_one_is_replaced_under_load_and_every_request_is_answered(tmp_path: Path) -> None:
    with (
        serving(tmp_path, CHRISTMAS__SERVER__DRAIN_SECONDS="1000") as old,
        serving(tmp_path) as new,
        balancing() as balancer,
    ):
        statuses: set[int] = set()

        def only(*ports: int) -> bool:
            statuses.update(balancer.send("GET", "/health/live", {}, b"")[0] for _ in range(5))
            return set(balancer.ready()) == set(ports)

        balancer.add(old.port)
        until(balancer.ready, 30, "the old one to be ready")
        balancer.add(new.port)
        until(lambda: only(old.port, new.port), 30, "both to be ready")
        old.process.send_signal(signal.SIGTERM)
        until(lambda: only(new.port), 30, "the balancer to see it leave")
        old.process.send_signal(signal.SIGTERM)
        assert old.process.wait(90) == 0, old.log
        balancer.remove(old.port)
        assert only(new.port)
        assert statuses == {200}
        assert balancer.answered.keys() == {old.port, new.port}
