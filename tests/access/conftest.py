"""The databases of the catalog's tests."""

from tests.databases import connection, engine, postgresql, sqlite, sqlite_template

__all__ = ["connection", "engine", "postgresql", "sqlite", "sqlite_template"]
