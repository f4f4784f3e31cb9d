"""The databases of the catalog's tests."""

from tests.catalog.conftest import connection, engine, postgresql, sqlite, sqlite_template

__all__ = ["connection", "engine", "postgresql", "sqlite", "sqlite_template"]
