"""What differs between SQLite and PostgreSQL, and SQLAlchemy leaves to us."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Select, Text, bindparam, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, FromClause, Table


def insert(connection: Connection, table: Table) -> Any:
    """Return an INSERT that can say ON CONFLICT."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def any_of(connection: Connection, values: Sequence[Any], column_type: Any) -> Any:
    """Return the right side of ``IN`` for many values in one parameter: json_each on SQLite, unnest on PostgreSQL."""
    kind = Text() if connection.dialect.name == "sqlite" else ARRAY(column_type)
    return each_of(connection, bindparam(None, as_parameter(connection, values), kind))


def each_of(connection: Connection, parameter: Any) -> Any:
    """Return the query for the values of one parameter, see ``as_parameter``."""
    if connection.dialect.name == "sqlite":
        return select(text("value")).select_from(func.json_each(parameter))
    return select(func.unnest(parameter))


def as_parameter(connection: Connection, values: Sequence[Any]) -> Any:
    """Return many values as one parameter: JSON on SQLite, an array on PostgreSQL."""
    if connection.dialect.name != "sqlite":
        return list(values)
    return json.dumps(list(values), default=lambda value: value.hex)  # as SQLite's column of a UUID has it


class _Indexed(Select[Any]):
    """A SELECT whose hints are written on SQLite, too, where SQLAlchemy leaves them out."""

    inherit_cache = True


@compiles(_Indexed, "sqlite")
def _with_hints(element: _Indexed, compiler: Any, **options: Any) -> str:
    compiler.get_from_hint_text = lambda _table, hint: hint
    written: str = compiler.visit_select(element, **options)
    return written


def select_indexed(table: FromClause, index: str, *columns: Any) -> Select[Any]:
    """Return the query for columns that reads a table by an index; SQLite, which has no statistics, refuses another."""
    return _Indexed(*columns).with_hint(table, f"INDEXED BY {index}", "sqlite")
