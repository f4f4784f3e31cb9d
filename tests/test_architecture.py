"""The rules of the tree: who imports whom, how long a file is, no float money, no path of one machine."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import grimp
import pytest

from tests.rooms import layers

PROJECT = Path(__file__).parents[1]
FOLDERS = ("christmas", "spiders", "pipelines", "tests")
SOURCES = sorted(path for folder in FOLDERS for path in (PROJECT / folder).rglob("*.py"))
ROOTS = ("christmas", "spiders", "pipelines")
OURS = [path for path in SOURCES if path.relative_to(PROJECT).parts[0] in ROOTS]
LINES_MAX = 400
FUNCTION_LINES_MAX = 40
LONG_FUNCTIONS_MAX = 8
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
FIGURE = re.compile(r"\d ?(ms|s)\b")
MONEY = re.compile(r"price|amount|minor|money", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w.~}])/(?:home|root|work|Users|mnt|opt|srv)/\w")
# Packages that only some commands need and that take long to import.
LATE = ("sqlalchemy", "alembic", "redis", "psycopg", "pyarrow", "playwright", "scrapy_playwright", "uvloop")


def _name(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _in_functions(path: Path, kinds: Any) -> list[Any]:
    functions = [node for node in ast.walk(_tree(path)) if isinstance(node, FUNCTIONS)]
    return list(dict.fromkeys(node for one in functions for node in ast.walk(one) if isinstance(node, kinds)))


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


def test_every_room_has_its_row_in_the_contract() -> None:
    rooms = {path.stem for path in (PROJECT / "christmas").glob("[a-z]*") if path.suffix == ".py" or path.is_dir()}
    assert {name for row in layers() for name in row} == rooms | {"spiders", "pipelines"}


def test_there_are_no_circles_between_rooms() -> None:
    graph = grimp.build_graph("christmas", cache_dir=None)
    rooms = graph.find_children("christmas")
    outward = {
        room: {
            other
            for other in rooms - {room}
            if graph.direct_import_exists(importer=room, imported=other, as_packages=True)
        }
        for room in rooms
    }
    TopologicalSorter(outward).prepare()  # raises CycleError, which names the circle


def test_own_modules_are_imported_at_the_top() -> None:
    """Only a start-up cost, measured and said beside it, is a reason to import within a function."""
    found = []
    for path in OURS:
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in _in_functions(path, ast.Import | ast.ImportFrom):
            module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            above = node.lineno - 2
            while lines[above].lstrip().startswith(("from ", "import ")):  # one reason for a block of imports
                above -= 1
            if (module or "").partition(".")[0] in ROOTS and not FIGURE.search(lines[above].partition("#")[2]):
                found.append(f"{_name(path)}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def test_docstrings_begin_as_every_reader_expects() -> None:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = [
        f"{_name(path)}:{getattr(node, 'lineno', 1)}"
        for path in SOURCES
        for node in ast.walk(_tree(path))
        if isinstance(node, kinds) and (ast.get_docstring(node) or "").startswith("Give")
    ]
    assert found == []


def test_every_file_can_be_read_at_once() -> None:
    long = [_name(path) for path in SOURCES if len(path.read_text(encoding="utf-8").splitlines()) > LINES_MAX]
    assert long == []


def test_nearly_every_function_can_be_read_at_once() -> None:
    functions = [(path, node) for path in OURS for node in ast.walk(_tree(path)) if isinstance(node, FUNCTIONS)]
    long = [
        f"{_name(path)}: {node.name}"
        for path, node in functions
        if (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX
    ]
    assert len(long) <= LONG_FUNCTIONS_MAX, long


def test_modules_are_called_by_their_own_names() -> None:
    """Where two modules of one name would meet at an import, one of them is renamed."""
    modules = {".".join(path.relative_to(PROJECT).with_suffix("").parts) for path in OURS}
    modules |= {module.removesuffix(".__init__") for module in modules}
    found = [
        f"{_name(path)}:{node.lineno}: {ast.unparse(node)}"
        for path in OURS
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname not in {None, alias.name} and f"{node.module}.{alias.name}" in modules
    ]
    assert found == []


def test_money_is_never_a_float() -> None:
    found = [
        f"{_name(path)}: {name}"
        for path in SOURCES
        if path.parts[-2] != "tests"
        for name, kind in _names_with_annotations(_tree(path))
        if MONEY.search(name) and "float" in ast.unparse(kind)
    ]
    assert found == []


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
