"""A Valkey of a test's own, and a clean slate for what is set for the whole process."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from christmas.config import Config
from christmas.logs import redaction
from christmas.logs.lines import Context
from christmas.logs.stream import StreamHandler
from tests.valkey import Valkey

CONTEXT = Context("spider", "node-1", "job-1", "some_shop_com")


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """Provide a Valkey that runs."""
    with Valkey(tmp_path / "valkey", "of-valkey-alone") as valkey:
        yield valkey


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
    """Provide a function that makes a handler; it is ended afterwards."""
    made: list[StreamHandler] = []

    def make(config: Config, context: Context = CONTEXT) -> StreamHandler:
        made.append(StreamHandler(config, context))
        return made[-1]

    yield make
    for one in made:
        one.finish()
        one.thread.join(10)
