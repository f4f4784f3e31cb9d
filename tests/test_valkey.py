"""The embedded server, for real: each test has a Valkey of its own in a folder of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import ValidationError

from christmas import valkey
from christmas.config import Config, RedisConfig
from christmas.errors import RedisUnavailable

pytestmark = pytest.mark.integration

DEADLINE_SECONDS = 15.0
# A second process of the folder: connects, says so, and stays until its standard input ends.
USER = """
import sys
from pathlib import Path
from christmas import valkey as embedded
from christmas.config import Config
client = embedded.connect(Config(var_path=Path(sys.argv[1])))
client.incr("users")
print(client.info("server")["process_id"], flush=True)
sys.stdin.read()
"""


class User:
    """Another process that uses the folder's server; ``server`` is the server's process id."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", USER, str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout
        self.server = int(self.process.stdout.readline())

    def leave(self) -> None:
        self.process.communicate(timeout=DEADLINE_SECONDS)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=DEADLINE_SECONDS)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Provide a var_path whose server is gone when the test ends, whatever happened in it."""
    yield tmp_path
    valkey.release(tmp_path / "valkey")
    for server in servers(tmp_path):
        server.kill()


@pytest.fixture
def user(folder: Path) -> Iterator[Callable[[], User]]:
    with ExitStack() as stack:

        def start() -> User:
            started = User(folder)
            stack.callback(started.process.communicate)
            stack.callback(started.process.kill)
            return started

        yield start


def servers(folder: Path) -> list[psutil.Process]:
    """Return the servers of one folder, by their working directory: there must never be two."""
    found = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"].startswith("valkey") and Path(process.cwd()) == folder / "valkey":
                found.append(process)
        except psutil.Error:
            continue
    return found


def connect(folder: Path) -> Any:
    return valkey.connect(Config(var_path=folder))


def server_of(client: Any) -> int:
    return int(client.info("server")["process_id"])


def assert_gone(process_id: int) -> None:
    """Wait for a server's end; one that this very process started stays a zombie until its parent ends."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while psutil.pid_exists(process_id) and psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the server still runs"
        threading.Event().wait(0.01)


def test_it_starts_and_keeps_values(folder: Path) -> None:
    with connect(folder) as client:
        client.set("bell", "1995")
        assert client.get("bell") == b"1995"
        assert [one.pid for one in servers(folder)] == [server_of(client)]


def test_only_its_user_can_reach_it(folder: Path) -> None:
    with connect(folder) as client:
        assert client.config_get("port") == {"port": "0"}
    assert (folder / "valkey").stat().st_mode & 0o077 == 0
    assert valkey.socket_path(folder / "valkey").stat().st_mode & 0o077 == 0


def test_a_second_connection_uses_the_same_server(folder: Path) -> None:
    with connect(folder) as first, connect(folder) as second:
        assert server_of(first) == server_of(second)


def test_threads_that_connect_at_once_start_one_server(folder: Path) -> None:
    found: list[int] = []

    def act() -> None:
        with connect(folder) as client:
            found.append(server_of(client))

    threads = [threading.Thread(target=act) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
    assert len(found) == 8
    assert len(set(found)) == 1


def test_processes_that_start_at_once_share_one_server(folder: Path, user: Callable[[], User]) -> None:
    found: list[User] = []
    threads = [threading.Thread(target=lambda: found.append(user())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
    assert len(found) == 3
    assert {one.server for one in found} == {one.pid for one in servers(folder)}
    with connect(folder) as client:
        assert client.get("users") == b"3"


def test_the_last_one_ends_the_server(folder: Path, user: Callable[[], User]) -> None:
    first, second = user(), user()
    first.leave()
    assert [one.pid for one in servers(folder)] == [second.server]
    second.leave()
    assert_gone(second.server)


def test_the_server_outlives_the_process_that_started_it(folder: Path, user: Callable[[], User]) -> None:
    starter = user()
    with connect(folder) as client:
        starter.leave()
        assert server_of(client) == starter.server


def test_a_process_that_ends_starts_no_server_any_more(folder: Path) -> None:
    """As a thread may try that still runs at the end: nobody would stop that server."""
    program = f"import atexit, filelock, redis, christmas.config; atexit.register(lambda: exec({USER!r}))\n"
    program += "import christmas.valkey"  # so it leaves before
    done = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, timeout=60)
    assert "RedisUnavailable: This process is ending." in done.stderr
    assert servers(folder) == []


def test_a_killed_user_does_not_keep_the_server(folder: Path, user: Callable[[], User]) -> None:
    victim, other = user(), user()
    victim.kill()
    other.leave()
    assert_gone(other.server)


def test_a_server_left_by_a_killed_last_user_is_used_again(folder: Path, user: Callable[[], User]) -> None:
    victim = user()
    victim.kill()
    with connect(folder) as client:
        assert server_of(client) == victim.server
    valkey.release(folder / "valkey")
    assert_gone(victim.server)


def test_beside_a_server_that_hangs_no_second_one_is_started(folder: Path) -> None:
    with connect(folder) as client:
        client.set("bell", "1995")
        server = psutil.Process(server_of(client))
        server.suspend()
        try:
            with pytest.raises(RedisUnavailable):
                valkey.connect(Config(var_path=folder), 0.2)
            assert servers(folder) == [server]
        finally:
            server.resume()
    with connect(folder) as client:
        assert client.get("bell") == b"1995"
        assert server_of(client) == server.pid


def test_values_survive_the_end_of_the_server(folder: Path) -> None:
    with connect(folder) as client:
        client.set("bell", "1995")
        server = server_of(client)
    valkey.release(folder / "valkey")
    assert_gone(server)
    with connect(folder) as client:
        assert client.get("bell") == b"1995"


def test_values_survive_a_killed_server(folder: Path) -> None:
    with connect(folder) as client:
        client.set("bell", "1995")
        server = server_of(client)
    os.kill(server, signal.SIGKILL)
    assert_gone(server)
    with connect(folder) as client:
        assert client.get("bell") == b"1995"
        assert server_of(client) != server


def test_releasing_after_the_server_was_killed(folder: Path) -> None:
    with connect(folder) as client:
        server = server_of(client)
    os.kill(server, signal.SIGKILL)
    assert_gone(server)
    valkey.release(folder / "valkey")
    assert servers(folder) == []


def test_releasing_what_is_not_held(tmp_path: Path) -> None:
    valkey.release(tmp_path / "valkey")


def test_a_long_path_gets_a_short_private_socket(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey, "SHORT_FOLDER", folder / "s")
    (folder / "s").mkdir()
    deep = folder / ("long" * 20)
    path = valkey.socket_path(deep / "valkey")
    assert path.parent.parent == folder / "s"
    assert path.parent.stat().st_mode & 0o077 == 0
    assert valkey.socket_path(deep / "valkey") == path
    assert valkey.socket_path(deep / "other") != path


def test_a_server_in_a_long_path(folder: Path) -> None:
    deep = folder / ("long" * 30)
    socket_folder = valkey.socket_path(deep / "valkey").parent
    try:
        with connect(deep) as client:
            assert client.ping()
            server = server_of(client)
        valkey.release(deep / "valkey")
        assert_gone(server)
    finally:
        valkey.release(deep / "valkey")
        socket_folder.rmdir()


@pytest.mark.parametrize(
    "spoil", [lambda path: path.chmod(0o755), lambda path: (path.rename(f"{path}2"), path.symlink_to(f"{path}2"))]
)
def test_a_short_folder_of_somebody_else_is_refused(
    spoil: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "SHORT_FOLDER", tmp_path)
    deep = tmp_path / ("long" * 30)
    spoil(valkey.socket_path(deep).parent)
    with pytest.raises(RedisUnavailable, match="not a private folder"):
        valkey.socket_path(deep)


def test_a_server_that_cannot_start_names_its_log(folder: Path) -> None:
    (folder / "valkey" / "appendonlydir").mkdir(parents=True)
    (folder / "valkey" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(RedisUnavailable, match=r"did not start; its log is .*valkey\.log"):
        connect(folder)
    assert servers(folder) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RedisUnavailable, match="Redis does not answer"):
        connect(tmp_path / "file")


def test_the_configured_server_is_used(folder: Path, tmp_path: Path) -> None:
    with connect(folder) as client:
        url = f"unix://{valkey.socket_path(folder / 'valkey')}"
        configured = Config(var_path=tmp_path / "unused", redis=RedisConfig(url=url))
        with valkey.connect(configured) as other:
            assert server_of(other) == server_of(client)
    assert not (tmp_path / "unused").exists()


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:hunter2@127.0.0.1:{port}/0", "redis://***@127.0.0.1:{port}/0"),
        ("redis://127.0.0.1:{port}/0?password=hunter2", "redis://127.0.0.1:{port}/0"),
        ("redis://127.0.0.1:{port}/0", "redis://127.0.0.1:{port}/0"),
    ],
)
def test_a_wrong_address_is_named_without_its_password(url: str, shown: str, tmp_path: Path) -> None:
    port = closed_port()
    with pytest.raises(RedisUnavailable) as raised:
        valkey.connect(Config(var_path=tmp_path, redis=RedisConfig(url=url.format(port=port))))
    assert shown.format(port=port) in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["redis://:hunter2@127.0.0.1:port", "redis://:hunter2/9@127.0.0.1:6379", "http://:hunter2@127.0.0.1"]
)
def test_what_is_no_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValidationError, match="expected redis://HOST:PORT/0") as raised:
        RedisConfig(url=url)
    assert "hunter2" not in str(raised.value)


@pytest.mark.serial
def test_a_wrong_address_fails_at_once(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(RedisUnavailable):
        valkey.connect(Config(var_path=tmp_path, redis=RedisConfig(url=f"redis://127.0.0.1:{closed_port()}")))
    assert time.monotonic() - begun < 2
