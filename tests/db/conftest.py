"""The databases of these tests."""

from tests.databases import (
    connection,
    empty_engine,
    empty_url,
    engine,
    jumped,
    postgresql,
    sqlite,
    sqlite_template,
)

__all__ = ["connection", "empty_engine", "empty_url", "engine", "jumped", "postgresql", "sqlite", "sqlite_template"]
