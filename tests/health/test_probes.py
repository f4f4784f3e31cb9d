"""A database that does not answer at all keeps nobody waiting who asks whether a service is ready."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from christmas import valkey
from christmas.config import Config
from christmas.db import database
from christmas.health import probes
from christmas.health.probes import Probes, Result
from tests.farm import until

pytestmark = pytest.mark.integration
LATE = Result(503, {"status": "unavailable", "missing": ["database"]})
OK = Result(200, {"status": "ok", "missing": []})


class Hanging(Probes):
    """Its database answers when ``opened`` is set."""

    opened: Event

    def _database_answers(self) -> bool:
        self.opened.wait(60)
        return super()._database_answers()


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Hanging]:
    config = Config(var_path=tmp_path)
    engine = database.get_engine(config)
    database.upgrade(engine)
    found = Hanging(config, engine)
    found.opened = Event()
    yield found
    valkey.release(tmp_path / "valkey")


@pytest.mark.parametrize("was_known", [False, True])
def test_one_waits_and_the_others_are_told(was_known: bool, asked: Hanging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "LATE_SECONDS", 0.3)
    monkeypatch.setattr(probes, "KEPT_SECONDS", 0.0)
    if was_known:
        asked.opened.set()
        assert asked.ready() == OK
        asked.opened.clear()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(asked.ready)
        until(asked._lock.locked)
        until(
            lambda: asked.ready() == LATE,
            20,
            "what nobody answers",
        )
        assert not first.done()
        asked.opened.set()
        assert first.result(60) == OK
    assert asked.ready() == OK
