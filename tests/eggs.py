"""Eggs for tests: the checkout's own, built as scrapyd-deploy builds it, and changed copies of it."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import requests

from christmas.db import database
from christmas.jobs import eggs, spider_files
from christmas.jobs.submission import PROJECT
from tests.farm import ROOT, Answer, Farm, Key, Node

_LEFT_OUT = (".venv", ".git", "var", "__pycache__", "*.egg-info", ".*_cache", "build", "dist", ".coverage*", "htmlcov")


def checkout(folder: Path) -> Path:
    """Copy the sources into a new folder, and give it."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    return folder


@cache
def built() -> bytes:
    """Build the checkout's egg; once for all tests of a session."""
    with tempfile.TemporaryDirectory() as name:
        copy = checkout(Path(name) / "christmas")
        command = [sys.executable, "setup.py", "-q", "bdist_egg", "-d", "out"]
        subprocess.run(command, cwd=copy, check=True, capture_output=True)
        return next((copy / "out").glob("*.egg")).read_bytes()


def changed(files: Mapping[str, str | bytes | None], egg: bytes | None = None) -> bytes:
    """Return the checkout's egg with some files added, replaced or (None) removed."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(egg or built())) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in files:
                new.writestr(name, old.read(name))
        for name, text in files.items():
            if text is not None:
                new.writestr(name, text)
    return written.getvalue()


def store(farm: Farm, egg: bytes, version: str = "1") -> None:
    """Put a version into the farm's database, as an upload does."""
    with database.begin(farm.engine) as connection:
        eggs.put(
            connection,
            PROJECT,
            version,
            egg,
            spiders=spider_files.in_egg(egg),
            uploaded_by="tester",
            now=datetime.now(UTC),
        )


def upload(node: Node, egg: bytes, version: str = "1", *, key: Key | None = None, project: str = PROJECT) -> Answer:
    """Send a version to a node, as Scrapyd's clients do."""
    parts = {"project": project, "version": version}
    sent = requests.Request("POST", node.url, data=parts, files={"egg": ("project.egg", egg)}).prepare()
    return node.ask("addversion.json", sent.body, key=key, headers={"Content-Type": sent.headers["Content-Type"]})
