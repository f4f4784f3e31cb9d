"""Waking nodes over a real Valkey: at once where it answers, and nobody waits where it does not."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from christmas import valkey as embedded
from christmas.config import Config
from christmas.jobs import notify
from tests.farm import until


class Valkey:
    """A Valkey that can be started and stopped, and the configuration of those who reach it by its address."""

    def __init__(self, folder: Path) -> None:
        self.own = Config(var_path=folder)
        self.folder = folder / "valkey"
        self.folder.mkdir(parents=True)
        self.config = Config(var_path=folder, redis={"url": f"unix://{embedded.socket_path(self.folder)}"})

    def start(self) -> None:
        embedded.connect(self.own).close()

    def stop(self) -> None:
        embedded.release(self.folder)


@pytest.fixture
def valkey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Valkey]:
    monkeypatch.setattr(notify, "PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(notify, "_away_until", float("-inf"))
    valkey = Valkey(tmp_path)
    yield valkey
    for client in notify._clients.values():
        client.close()
    notify._clients.clear()
    valkey.stop()


@contextmanager
def listening(config: Config, woken: threading.Event) -> Iterator[notify.Listener]:
    listener = notify.Listener(config, woken.set)
    listener.start()
    yield listener
    listener.stop()
    listener.join(10)
    assert not listener.is_alive()


def test_every_listener_hears_a_call(valkey: Valkey) -> None:
    valkey.start()
    heard = [threading.Event(), threading.Event()]
    with listening(valkey.config, heard[0]), listening(valkey.config, heard[1]):
        for _ in range(3):
            for event in heard:
                assert event.wait(10)  # at first for the subscription
                event.clear()
            notify.nodes(valkey.config)
        assert all(event.wait(10) for event in heard)


def test_calls_reach_those_of_the_same_folder_only(tmp_path: Path, valkey: Valkey) -> None:
    valkey.start()
    elsewhere = Valkey(tmp_path / "elsewhere")
    elsewhere.start()
    here, there = threading.Event(), threading.Event()
    try:
        with listening(valkey.own, here), listening(elsewhere.own, there):
            assert here.wait(10)
            assert there.wait(10)
            here.clear()
            there.clear()
            notify.nodes(valkey.own)
            assert here.wait(10)
            assert not there.is_set()
    finally:
        elsewhere.stop()


def test_a_listener_is_called_when_redis_comes_and_when_it_comes_back(valkey: Valkey) -> None:
    heard = threading.Event()
    with listening(valkey.config, heard) as listener:
        assert not heard.wait(0.5)
        for _ in range(2):
            valkey.start()
            assert heard.wait(10)
            heard.clear()
            valkey.stop()
            assert listener.is_alive()


def test_a_submission_does_not_wait_for_a_redis_that_is_away(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notify, "PAUSE_SECONDS", 60.0)
    with caplog.at_level(logging.WARNING, "christmas.jobs.notify"):
        begin = time.monotonic()
        for _ in range(1000):
            notify.nodes(valkey.config)
        assert time.monotonic() - begin < 10
    assert len(caplog.messages) == 1
    assert "they look by themselves" in caplog.messages[0]


def test_calls_are_heard_again_after_redis_was_away(valkey: Valkey) -> None:
    valkey.start()
    notify.nodes(valkey.config)
    valkey.stop()
    notify.nodes(valkey.config)
    assert not notify._clients
    valkey.start()
    heard = threading.Event()
    with listening(valkey.config, heard):
        assert heard.wait(10)
        heard.clear()
        until(lambda: notify.nodes(valkey.config) or heard.is_set(), 10)
