"""The command inside this process, for the many cases of which a process each would take too long."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from christmas import cli, config, valkey
from christmas.db import database


@dataclass
class Command:
    """Runs ``christmas`` as a shell would, on a catalog of its own."""

    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def engine(self) -> Engine:
        engine = database.open_engine(config.current().database_url)
        database.upgrade(engine)
        return engine

    def set(self, name: str, value: str) -> None:
        self.monkeypatch.setenv(name, value)
        config.current.cache_clear()

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Return exit status, output and errors; an unexpected error is raised."""
        self.monkeypatch.setattr(sys, "argv", ["christmas", *arguments])
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        captured = self.capsys.readouterr()
        return status, captured.out, captured.err

    def out(self, *arguments: str) -> str:
        status, out, err = self(*arguments)
        assert (status, err) == (0, "")
        return out

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.out(*arguments, "--format", "json"))
        return found

    def refused(self, *arguments: str) -> str:
        """Return the one line of a command that did nothing."""
        status, out, err = self(*arguments)
        assert (status, out) == (1, "")
        assert err.startswith("christmas: ")
        assert err.count("\n") == 1
        return err

    def misused(self, *arguments: str) -> str:
        """Return what is said to a command line that cannot be read."""
        status, out, err = self(*arguments)
        assert (status, out) == (2, "")
        assert err.startswith("Usage: ")
        return err


@pytest.fixture
def christmas(
    sqlite_template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    for name in [name for name in os.environ if name.startswith("CHRISTMAS__")]:
        monkeypatch.delenv(name)
    (tmp_path / "var").mkdir()
    shutil.copy(sqlite_template, tmp_path / "var" / "christmas.db")
    command = Command(capsys, monkeypatch)
    command.set("CHRISTMAS__VAR_PATH", str(tmp_path / "var"))
    command.set("CHRISTMAS__CONTACT_URL", "mailto:tester@example.org")
    command.set("CHRISTMAS__SCHEDULES", "{}")
    command.set("COLUMNS", "200")
    yield command
    valkey.release(tmp_path / "var" / "valkey")
    config.current.cache_clear()
