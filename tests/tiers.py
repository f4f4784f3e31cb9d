"""The tiers of the tests, as a pytest plugin: units start no process and no server, and fail where they do.

``make test-unit`` runs the units, ``make test`` all but the long ones, ``make test-long`` the long ones.
A test is an integration test where it says so (``pytest.mark.integration``, for a module ``pytestmark = ...``) or uses
one of the fixtures below; all in ``tests/long`` is long.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

LONG_FOLDER = Path(__file__).parent / "long"
# Fixtures that start something themselves; those built on them are found by pytest.
STARTING = {
    "browser", "demonstration", "egg", "farm", "new_postgresql", "own", "pair", "postgresql", "running", "server",
    "server_of_its_own", "shared", "shared_farm", "silent", "site", "soaked", "strict", "valkey",
}  # fmt: skip
# What starts a process or opens a port. No audit hook: with one, Python 3.11 sometimes fails to trace a new thread.
STARTS: tuple[tuple[Any, str], ...] = (
    (subprocess.Popen, "__init__"), (socket.socket, "bind"), (os, "fork"), (os, "forkpty"), (os, "posix_spawn"),
    (os, "posix_spawnp"), (os, "system"),
)  # fmt: skip


class Guard:
    """Whether a unit runs now, and what it started."""

    def __init__(self) -> None:
        self.watching = False
        self.started: list[str] = []

    def wrap(self, owner: Any, name: str) -> None:
        """Let a function raise while a unit runs."""
        function = getattr(owner, name)

        @wraps(function)
        def guarded(*arguments: Any, **options: Any) -> Any:
            if self.watching:
                self.started.append(f"{owner.__name__}.{name}{arguments[1:]!r:.300}")
                raise AssertionError(
                    f"a unit starts no process and no server; mark it as integration: {self.started[-1]}"
                )
            return function(*arguments, **options)

        setattr(owner, name, guarded)


GUARD = Guard()


def pytest_configure() -> None:
    for owner, name in STARTS:
        if hasattr(owner, name):
            GUARD.wrap(owner, name)


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
