"""Tests of the catalog, on SQLite and on a real PostgreSQL."""
