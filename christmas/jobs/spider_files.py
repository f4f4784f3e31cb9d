"""Which vendors there are, read from the spiders' files without importing them: file, name and class agree."""

from __future__ import annotations

import ast
import configparser
import io
import re
import zipfile
import zlib
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from christmas.errors import EggRefused
from christmas.jobs.spider_arguments import VENDOR_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterable

BROWSER_BASE = "BrowserPages"
_NAME = re.compile(VENDOR_PATTERN)
# The checkout's egg has 150 files that unpack to 0.6 MB (measured 2026-11); a thousand vendors add 1 MB.
FILES_MAX = 20_000
UNPACKED_MAX_BYTES = 64 * 2**20
SPIDER_MAX_BYTES = 2**20


@cache
def installed() -> dict[str, bool]:
    """Return the vendors of the installed project, each with whether its spider needs a browser."""
    # Beside this package, not by import: a stale folder of that name may stand in the working directory.
    files = (Path(__file__).parents[2] / "spiders").glob("*.py")
    return _vendors((path.stem, path.read_bytes()) for path in files)


def in_egg(content: bytes) -> dict[str, bool]:
    """Return the vendors of an egg; raise EggRefused where it is no egg of this project, or has no spider."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as egg:
            _check(egg)
            paths = [(name, PurePosixPath(name)) for name in egg.namelist()]
            spiders = [(name, path) for name, path in paths if path.match("spiders/*.py") and len(path.parts) == 2]
            found = _vendors((path.stem, _source(egg, name)) for name, path in spiders)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, NotImplementedError) as error:
        raise EggRefused(f"The egg cannot be read: {error} (with curl it is egg=@FILE, not egg=FILE).") from error
    if not found:
        raise EggRefused("The egg has no spiders: is there a spiders/__init__.py?")
    for name in found:
        if not _NAME.fullmatch(name):
            raise EggRefused(f"spiders/{name}.py is not named as vendors are: the domain in snake case.")
    return found


def _check(egg: zipfile.ZipFile) -> None:
    """Refuse what is not this project, and what would fill memory when it is unpacked."""
    files = egg.infolist()
    size = sum(file.file_size for file in files)
    if len(files) > FILES_MAX or size > UNPACKED_MAX_BYTES:
        raise EggRefused(
            f"The egg is too large: {len(files)} files of {size:,} bytes; at most {FILES_MAX} files of "
            f"{UNPACKED_MAX_BYTES:,} bytes are accepted."
        )
    if any(file.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} for file in files):
        raise EggRefused("The egg is compressed in a way that Python does not import from: use deflate.")
    names = {file.filename for file in files}
    if "EGG-INFO/entry_points.txt" not in names or "christmas/settings.py" not in names:
        raise EggRefused("The egg is no christmas project: it has no christmas/settings.py and entry point.")
    points = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    try:
        points.read_string(_source(egg, "EGG-INFO/entry_points.txt").decode())
    except configparser.Error as error:
        raise EggRefused(f"The egg's entry_points.txt cannot be read: {error}") from error
    if not points.has_option("scrapy", "settings"):
        raise EggRefused("The egg is no Scrapy project: its entry_points.txt has no [scrapy] settings.")


def _source(egg: zipfile.ZipFile, name: str) -> bytes:
    if egg.getinfo(name).file_size > SPIDER_MAX_BYTES:
        raise EggRefused(f"{name} in the egg is larger than {SPIDER_MAX_BYTES:,} bytes.")
    return egg.read(name)


def _vendors(sources: Iterable[tuple[str, bytes]]) -> dict[str, bool]:
    return {name: _needs_browser(name, text) for name, text in sorted(sources) if not name.startswith("_")}


def _needs_browser(name: str, text: bytes) -> bool:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise EggRefused(f"spiders/{name}.py is no Python: {error}") from error
    bases = (base for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases)
    return any(BROWSER_BASE in {getattr(base, "id", None), getattr(base, "attr", None)} for base in bases)
