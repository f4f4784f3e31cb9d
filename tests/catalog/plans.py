"""Which steps of a statement's plan read a whole table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from christmas.db.tables import metadata

TABLES = "|".join(metadata.tables)


@contextmanager
def collected(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    """Collect what is executed in the block, each with its first parameters."""
    found: list[tuple[str, Any]] = []

    def collect(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        found.append((statement, parameters[0] if many else parameters))

    event.listen(connection, "before_cursor_execute", collect)
    try:
        yield found
    finally:
        event.remove(connection, "before_cursor_execute", collect)


def whole_tables(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """Return the steps of a statement's plan that read a whole table, or all of one vendor."""
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        steps = [row[3] for row in plan]
        whole_vendor = r"SEARCH (keys|products) .*\(vendor=\?\)"
        return [step for step in steps if re.fullmatch(rf"SCAN ({TABLES}|other)( USING .*)?|{whole_vendor}", step)]
    # Tables as small as these are read whole whatever indexes there are, unless that is made expensive.
    steps = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
    return [step for step in steps if re.search(rf"Seq Scan on ({TABLES})", step)]
