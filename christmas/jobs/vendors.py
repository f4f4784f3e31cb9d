"""Which vendors there are, told from the files of the spiders without importing them: file, name and class agree."""

from __future__ import annotations

import ast
import io
import zipfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from christmas.errors import EggRefused

if TYPE_CHECKING:
    from collections.abc import Iterable

BROWSER_BASE = "BrowserPages"


@cache
def installed() -> dict[str, bool]:
    """Give the vendors of the installed project, each with whether its spider needs a browser."""
    package = find_spec("spiders")
    folders = package.submodule_search_locations if package else None
    files = (path for folder in folders or () for path in Path(folder).glob("*.py"))
    return _vendors((path.stem, path.read_bytes()) for path in files)


def in_egg(content: bytes) -> dict[str, bool]:
    """Give the vendors of an egg; raises EggRefused where it is no egg of this project."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as egg:
            names = set(egg.namelist())
            if "EGG-INFO/entry_points.txt" not in names or "christmas/settings.py" not in names:
                raise EggRefused("The egg is no christmas project: it has no christmas/settings.py and entry point.")
            paths = [path for path in map(PurePosixPath, names) if path.match("spiders/*.py") and len(path.parts) == 2]
            return _vendors((path.stem, egg.read(str(path))) for path in paths)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise EggRefused(f"The egg cannot be read: {error} (with curl it is egg=@FILE, not egg=FILE).") from error


def _vendors(sources: Iterable[tuple[str, bytes]]) -> dict[str, bool]:
    return {name: _needs_browser(name, text) for name, text in sorted(sources) if not name.startswith("_")}


def _needs_browser(name: str, text: bytes) -> bool:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise EggRefused(f"spiders/{name}.py is no Python: {error}") from error
    bases = (base for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases)
    return any(BROWSER_BASE in {getattr(base, "id", None), getattr(base, "attr", None)} for base in bases)
