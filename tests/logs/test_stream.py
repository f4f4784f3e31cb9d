"""The stream over a real Valkey: what arrives, what is kept back, and that nobody waits for it."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from christmas.config import Config
from christmas.logs import reading, stream
from christmas.logs.lines import FIELDS
from christmas.logs.reading import Wanted
from christmas.logs.stream import STREAM, StreamHandler
from tests.farm import ROOT, until
from tests.valkey import Valkey

Handlers = Callable[[Config], StreamHandler]
# Says a line and ends without another word.
PROGRAM = """
import logging, sys, time
from christmas import config, logs
logs.set_up(config.current(), service="tried")
logging.warning("the first")
while sys.argv[1] == "late" and logging.root.handlers[-1].client is None:
    time.sleep(0.01)
logging.warning("the last")
if sys.argv[1] == "closed":
    logs.close()
"""


def say(handler: StreamHandler, *texts: str, level: int = logging.INFO) -> None:
    for text in texts:
        handler.handle(logging.getLogger("tests.stream").makeRecord("tests.stream", level, "x", 1, text, (), None))


def events(valkey: Valkey) -> list[str]:
    return [line["event"] for line in reading.read(valkey.client, Wanted(), limit=100_000)]


def test_every_line_arrives_once_and_in_order(valkey: Valkey, config: Config, handler: Handlers) -> None:
    texts = [str(number) for number in range(900)]
    one = handler(config)
    say(one, *texts[:450])
    until(lambda: len(events(valkey)) == 450, what="the first lines")
    say(one, *texts[450:])
    one.finish()
    assert events(valkey) == texts
    [(_, fields)] = valkey.client.xrange(STREAM, count=1)  # type: ignore[misc, union-attr]
    assert tuple(name.decode() for name in fields) == FIELDS
    assert (fields[b"job"], fields[b"node"]) == (b"job-1", b"node-1")


def test_the_cap_holds_and_with_it_the_memory(valkey: Valkey, config: Config, handler: Handlers) -> None:
    one = handler(config)
    sizes = []
    for _ in range(3):
        say(one, *["x" * 200] * 3000)
        until(lambda: not one.lines, what="the writing")
        until(lambda: valkey.client.xlen(STREAM) >= 1000, what="the last batch")
        sizes.append(int(valkey.client.memory_usage(STREAM) or 0))  # type: ignore[arg-type]
    one.finish()
    assert 1000 <= int(valkey.client.xlen(STREAM)) <= 1000 + 100  # Redis cuts by nodes of 100
    assert max(sizes) < 1100 * 1000
    assert max(sizes) < 1.5 * min(sizes)


def test_lines_that_no_one_needs_centrally_stay_where_they_are(
    valkey: Valkey, config: Config, handler: Handlers
) -> None:
    one = handler(config)
    for name, level in (("twisted", 20), ("twisted", 40), ("scrapy.middleware", 20), ("scrapy.core.engine", 20)):
        one.handle(logging.getLogger(name).makeRecord(name, level, "x", 1, f"{name} {level}", (), None))
    one.finish()
    assert events(valkey) == ["twisted 40", "scrapy.core.engine 20"]


def test_while_redis_is_away_the_newest_are_kept_and_the_rest_is_counted(
    valkey: Valkey, config: Config, handler: Handlers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stream, "KEPT_BACK_MAX", 700)
    monkeypatch.setattr(stream, "AWAY_SECONDS", 0.2)
    one = handler(config)
    logging.root.addHandler(one)
    try:
        say(one, "before")
        until(lambda: events(valkey) == ["before"], what="the first line")
        valkey.stop()
        say(one, *(str(number) for number in range(1000)))
        until(lambda: one.away, what="that it notices")
        valkey.start()
        until(lambda: not one.away and not one.lines, what="the writing")
        one.finish()
    finally:
        logging.root.removeHandler(one)
    said = [record.getMessage() for record in caplog.records if record.name == "christmas.logs.stream"]
    assert [text.partition(":")[0] for text in said] == [
        "Log lines are kept back, 700 at most, until Redis answers",
        "Redis answers again; 301 log lines were dropped",
    ]
    assert "of-valkey-alone" not in caplog.text
    # The complaint itself took a place; nothing else of what the writing logs is in the stream.
    assert events(valkey) == ["before", *(str(number) for number in range(301, 1000)), *said]


@pytest.fixture
def deaf() -> Any:
    """Provide the port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.serial
def test_nobody_waits_for_a_redis_that_does_not_answer(
    deaf: int, tmp_path: Path, handler: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "END_SECONDS", 0.3)
    one = handler(Config(var_path=tmp_path, redis={"url": f"redis://127.0.0.1:{deaf}?socket_timeout=1"}))
    say(one, "x")
    until(lambda: not one.lines, what="the attempt to write")  # the thread has it, and waits
    began = time.monotonic()
    say(one, *["x"] * 1000)
    assert time.monotonic() - began < 0.5  # 1000 lines; the socket's own patience is a second
    began = time.monotonic()
    one.finish()
    assert time.monotonic() - began < 2
    one.thread.join(10)


def run(folder: Path, how: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        env={**os.environ, "CHRISTMAS__VAR_PATH": str(folder), "CHRISTMAS__LOGS__FORMAT": "text", **variables},
        cwd=ROOT, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.rpartition(" ")[2] for line in done.stdout.splitlines()][-1] == "last"
    return done.stdout


@pytest.mark.parametrize("how", ["late", "closed"])
def test_the_last_lines_are_written_when_a_process_ends(valkey: Valkey, how: str, tmp_path: Path) -> None:
    run(tmp_path, how, CHRISTMAS__REDIS__URL=valkey.url)
    assert events(valkey) == ["the first", "the last"]


@pytest.mark.integration
@pytest.mark.parametrize("how", ["late", "closed", "at once"])
def test_an_embedded_server_is_not_left_behind(how: str, tmp_path: Path) -> None:
    run(tmp_path / "var", how)
    left = [one for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(one.info["cmdline"] or [])]
    assert left == []
    assert (tmp_path / "var" / "valkey").exists() == (how != "at once")


def test_a_line_costs_microseconds(valkey: Valkey, config: Config, handler: Handlers) -> None:
    one = handler(config)
    one.ended.set()
    one.thread.join(10)
    made = logging.getLogger("x").makeRecord("x", 20, "x", 1, "Crawled %d pages of %s", (3, "some_shop_com"), None)
    began = time.process_time()
    for _ in range(5000):
        one.handle(made)
    assert (time.process_time() - began) / 5000 < 200e-6  # about 10 us (measured 2026-11)
