"""The platforms there are: every module of this package that declares ``MARKS``."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from christmas import platforms

if TYPE_CHECKING:
    from christmas.reading.marks import Marks


def all_marks() -> tuple[Marks, ...]:
    """Return the marks of every platform, for a page of a shop whose platform is not known."""
    modules = (import_module(f"{platforms.__name__}.{one.name}") for one in iter_modules(platforms.__path__))
    return tuple(module.MARKS for module in modules if hasattr(module, "MARKS"))
