"""``python -m christmas.health.check``: 0 where what runs here is well, else 1 and one line that says what is not."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from christmas.config import Config
from christmas.health import check
from tests.farm import ROOT, Farm, free_port, until


class Container:
    """The ports that services of one container would have; all listen on every address, as they do there."""

    def __init__(self, farm: Farm) -> None:
        self.farm = farm
        self.ports = {name: free_port() for name in ("node", "server", "scheduler")}
        farm.variables |= {f"CHRISTMAS__{name.upper()}__PORT": str(port) for name, port in self.ports.items()}
        farm.variables |= {f"CHRISTMAS__{name.upper()}__BIND_ADDRESS": "0.0.0.0" for name in self.ports}

    def start(self, name: str, **variables: str) -> None:
        service = self.farm.start(name, **variables)

        def answers() -> bool:
            assert service.process.poll() is None, service.log
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}/health/live", timeout=10) as answer:
                    return bool(answer.status == 200)
            except urllib.error.URLError:
                return False

        until(answers, 60, f"the start of the {name}")

    def look(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "christmas.health.check"], env=self.farm.environment(**variables), cwd=ROOT,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def says(self, text: str, **variables: str) -> bool:
        done = self.look(**variables)
        assert done.returncode == 1
        assert done.stderr.startswith("christmas.health.check: ")
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""
        return text in done.stderr


@pytest.fixture
def container(farm: Farm) -> Container:
    return Container(farm)


@pytest.mark.parametrize("name", ["node", "server", "scheduler"])
def test_one_service_that_is_well(container: Container, name: str) -> None:
    assert container.says("no service answers at http://127.0.0.1:")
    container.start(name)
    # A proxy is for the shops: what it would answer says nothing of this container.
    done = container.look(http_proxy="http://127.0.0.1:9", no_proxy="")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_one_that_is_not_well_among_others_is_named(
    container: Container, new_postgresql: Callable[[], str], tmp_path: Path
) -> None:
    container.start("scheduler")
    container.start("server", CHRISTMAS__DATABASE__URL=new_postgresql())
    assert container.look().returncode == 0
    scheduler = container.farm.services[0]
    scheduler.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(check, "TIMEOUT_SECONDS", 1.0)
            [wrong] = check.look(container.farm.config)
    finally:
        scheduler.process.send_signal(signal.SIGCONT)
    assert wrong.startswith(f"the scheduler is not well: http://127.0.0.1:{container.ports['scheduler']}")
    assert "timed out" in wrong


def test_a_service_without_its_database_says_so(container: Container, tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.db"
    container.start("node", CHRISTMAS__DATABASE__URL=f"sqlite:///{catalog}")
    with closing(sqlite3.connect(catalog, timeout=60)) as connection:
        connection.execute("DROP TABLE alembic_version")
    until(lambda: container.look().returncode == 1, 30, "the loss of the catalog")
    assert container.says('the node is not well: 503 {"status": "unavailable", "missing": ["database"')


@pytest.mark.integration
def test_what_answers_nothing_that_is_http_is_not_well() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        config = Config(node={"port": listener.getsockname()[1]}, server={"port": 0})  # type: ignore[arg-type]

        def nonsense() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-something\r\n\r\n")

        thread = Thread(target=nonsense)
        thread.start()
        [wrong] = check.look(config)
        thread.join(60)
    assert wrong.startswith("the node is not well: ")


def test_only_services_with_a_port_are_asked() -> None:
    config = Config(node={"port": 0}, server={"bind_address": "::", "port": 8000})  # type: ignore[arg-type]
    assert check.addresses(config) == {"server": "http://[::1]:8000/health/ready"}
    nothing = Config(node={"port": 0}, server={"port": 0})  # type: ignore[arg-type]
    assert check.look(nothing) == ["no service answers at any configured port"]


def test_a_wrong_configuration_is_one_line(container: Container) -> None:
    assert container.says("node.port", CHRISTMAS__NODE__PORT="x")


@pytest.mark.integration
def test_it_starts_fast() -> None:
    """Docker runs it twice a minute: it imports neither a web framework nor a database's driver."""
    program = "import sys, christmas.health.check; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.split()) & {"sqlalchemy", "redis", "scrapy", "twisted", "fastapi", "typer", "alembic"}
