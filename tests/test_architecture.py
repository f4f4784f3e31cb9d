"""The rules of the tree: who imports whom, how long a file is, no float money, no path of one machine."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
FOLDERS = ("christmas", "spiders", "pipelines", "tests")
SOURCES = sorted(path for folder in FOLDERS for path in (PROJECT / folder).rglob("*.py"))
LINES_MAX = 400
MONEY = re.compile(r"price|amount|minor|money", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w.~}])/(?:home|root|work|Users|mnt|opt|srv)/\w")
# Packages that only some commands need and that take long to import.
LATE = ("sqlalchemy", "alembic", "redis", "psycopg", "pyarrow", "playwright", "scrapy_playwright", "uvloop")


def _name(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def _names_with_annotations(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name | ast.Attribute):
            yield node.target.id if isinstance(node.target, ast.Name) else node.target.attr, node.annotation
        elif isinstance(node, ast.arg) and node.annotation:
            yield node.arg, node.annotation
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns:
            yield node.name, node.returns


@pytest.mark.integration
def test_import_contracts() -> None:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which("lint-imports")
    assert command, "import-linter is not installed: pip install -e .[test]"
    done = subprocess.run([command, "--no-cache"], cwd=PROJECT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_can_be_read_at_once() -> None:
    lines = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: count for name, count in lines.items() if count > LINES_MAX} == {}


def test_money_is_never_a_float() -> None:
    floats = [
        f"{_name(path)}: {name}"
        for path in SOURCES
        if path.parts[-2] != "tests"
        for name, kind in _names_with_annotations(ast.parse(path.read_text(encoding="utf-8")))
        if MONEY.search(name) and "float" in ast.unparse(kind)
    ]
    assert floats == []


def test_no_path_of_one_machine() -> None:
    found = [
        f"{_name(path)}: {line.strip()}"
        for path in SOURCES
        for line in path.read_text(encoding="utf-8").splitlines()
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_readers_take_no_clock_and_no_files() -> None:
    impure = {"scrapy", "datetime", "time", "os", "pathlib", "socket", "redis", "sqlalchemy", "logging", "random"}
    for path in (PROJECT / "christmas" / "reading").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
        }
        names |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not names & impure, _name(path)


@pytest.mark.integration
def test_heavy_packages_are_imported_late() -> None:
    program = "import sys, christmas.platforms.integration; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.split()) & set(LATE)
