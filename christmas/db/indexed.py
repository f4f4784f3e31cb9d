"""Queries that tell SQLite which index to use: it has no statistics of what is in the tables, PostgreSQL has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select
from sqlalchemy.ext.compiler import compiles

if TYPE_CHECKING:
    from sqlalchemy import FromClause


class _Indexed(Select[Any]):
    """A SELECT whose hints are written on SQLite, too, where SQLAlchemy leaves them out."""

    inherit_cache = True


@compiles(_Indexed, "sqlite")
def _with_hints(element: _Indexed, compiler: Any, **options: Any) -> str:
    compiler.get_from_hint_text = lambda _table, hint: hint
    written: str = compiler.visit_select(element, **options)
    return written


def select(table: FromClause, index: str, *columns: Any) -> Select[Any]:
    """Return the query for columns that reads a table by an index: SQLite refuses it where that is not possible."""
    return _Indexed(*columns).with_hint(table, f"INDEXED BY {index}", "sqlite")
