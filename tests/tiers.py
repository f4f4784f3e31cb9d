"""The tiers of the tests, as a pytest plugin: units start no process and no server, and fail where they do.

``make test-unit`` runs the units, ``make test`` all but the long ones, ``make test-long`` the long ones.
A test is an integration test where it says so (``pytest.mark.integration``, for a module ``pytestmark = ...``) or uses
one of the fixtures below; all in ``tests/long`` is long.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

LONG_FOLDER = Path(__file__).parent / "long"
# Fixtures that start something themselves; those built on them are found by pytest.
STARTING = {
    "browser", "demonstration", "egg", "farm", "new_postgresql", "own", "pair", "postgresql", "running", "server",
    "server_of_its_own", "shared", "shared_farm", "silent", "site", "soaked", "strict", "valkey",
}  # fmt: skip
# What Python reports when a process is started or a port opened; see https://docs.python.org/3/library/audit_events.html
STARTS = {
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn", "socket.bind",
    "subprocess.Popen",
}  # fmt: skip


class Guard:
    """Whether a unit runs now, and what it started."""

    def __init__(self) -> None:
        self.watching = False
        self.started: list[str] = []

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.watching and event in STARTS:
            self.started.append(f"{event}{arguments!r:.300}")
            raise AssertionError(f"a unit starts no process and no server; mark it as integration: {self.started[-1]}")


GUARD = Guard()


def pytest_configure() -> None:
    sys.addaudithook(GUARD.audit)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what starts something, and what is long, before ``-m`` chooses."""
    if item.path.is_relative_to(LONG_FOLDER):
        item.add_marker("long")
    params = item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
    if not STARTING.isdisjoint(getattr(item, "fixturenames", ())) or "postgresql" in params:
        item.add_marker("integration")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    yield from _watched(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    yield from _watched(item)


def _watched(item: pytest.Item) -> Iterator[None]:
    """Watch a unit; what it started is an error also where its code went on without."""
    GUARD.watching = not any(item.get_closest_marker(name) for name in ("integration", "long", "serial"))
    GUARD.started.clear()
    try:
        yield
    finally:
        GUARD.watching = False
    assert not GUARD.started, f"a unit starts no process and no server; mark it as integration: {GUARD.started}"
