"""What a server process does in the background."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from threading import Event, Thread

import pytest

from christmas.config import Config
from christmas.server.state import State, make


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = make(Config(var_path=tmp_path))
    yield made
    made.close()
    made.engine.dispose()


def test_one_of_a_name_is_under_way_at_most(state: State) -> None:
    begun, may_end, calls = Event(), Event(), []

    def note(what: str) -> None:
        calls.append(what)
        begun.set()
        assert may_end.wait(60)

    state.background.later("a", note, "a")
    assert begun.wait(60)
    for _ in range(3):
        state.background.later("a", note, "a, once more")
        state.background.later("b", note, "b")
    may_end.set()
    state.background.executor.submit(int).result(60)
    assert calls == ["a", "b"]
    state.background.later("a", note, "a, after the first")
    state.background.executor.submit(int).result(60)
    assert calls == ["a", "b", "a, after the first"]


def test_whatever_goes_wrong_is_logged_and_the_next_is_done(state: State, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise LookupError("not a kind that anybody expected")

    for _ in range(2):
        state.background.later("This", fail)
        state.background.executor.submit(int).result(60)
    told = [(record.getMessage(), record.exc_info[0]) for record in caplog.records if record.exc_info]
    assert told == [("This could not be done", LookupError)] * 2


def test_the_end_does_not_wait_for_what_has_not_begun(tmp_path: Path) -> None:
    state = make(Config(var_path=tmp_path))
    begun, may_end, calls = Event(), Event(), []

    def first() -> None:
        begun.set()
        assert may_end.wait(60)

    state.background.later("first", first)
    assert begun.wait(60)
    state.background.later("second", calls.append, "second")
    waiting = state.background.executor.submit(int)
    ending = Thread(target=state.close)
    ending.start()
    try:
        with pytest.raises(CancelledError):
            waiting.result(60)
    finally:
        may_end.set()
        ending.join(60)
        state.engine.dispose()
    assert calls == []
