"""Upgrading: from nothing, by several processes at once, and from a package."""

from __future__ import annotations

import ast
import re
import sqlite3
import subprocess
import sys
import warnings
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text

import christmas
from christmas.db import database
from christmas.db.tables import metadata
from christmas.errors import DatabaseUnavailable
from tests.catalog.making import entry, product, rows, write
from tests.catalog.words import check_index, find_by_words

PACKAGE = Path(christmas.__file__).parent
UPGRADE = "import sys; from christmas.db import database; database.upgrade(database.open_engine(sys.argv[1]))"


def _versions(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT version_num FROM alembic_version")))


def differences(connection: Connection) -> list[Any]:
    """Return in what the tables are not as the code says; SQLite's indexes of words and lower case are skipped."""
    with warnings.catch_warnings():
        for skipped in ("autogenerate skipping ", "Skipped unsupported reflection of "):
            warnings.filterwarnings("ignore", f"{skipped}.*expression-based index")
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    return [one for one in found if not (one[0] == "remove_table" and one[1].name.startswith("product_words"))]


def test_from_nothing(empty_engine: Engine) -> None:
    database.upgrade(empty_engine)
    assert _versions(empty_engine) == [database.HEAD]
    with empty_engine.connect() as connection:
        assert differences(connection) == []
        assert set(rows(connection)) == set(metadata.tables)


SQLITE_SCHEMA = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('table', 'index')"
POSTGRESQL_SCHEMA = """
    SELECT table_name, column_name, concat_ws(' ', data_type, is_nullable, column_default)
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
    UNION SELECT relname, 'options', reloptions::text FROM pg_class WHERE reloptions IS NOT NULL AND relkind = 'r'
    AND relnamespace = 'public'::regnamespace
"""
NOT_IN_METADATA = ("alembic_version", "product_words")


def schema(connection: Connection) -> set[tuple[str, ...]]:
    """Return what the database itself says of tables, columns, indexes and constraints."""
    query = SQLITE_SCHEMA if connection.dialect.name == "sqlite" else POSTGRESQL_SCHEMA
    found = [tuple(row) for row in connection.execute(text(query))]
    return {
        (kind, name, *(_parts(definition) if kind == "table" else [definition]))
        for kind, name, definition in found
        if not name.startswith(NOT_IN_METADATA) and kind != NOT_IN_METADATA[0]
    }


def _parts(definition: str) -> list[str]:
    """Split SQLite's text of a table at its commas; a column that was added later stands behind the constraints."""
    head, _, rest = " ".join(definition.split()).partition("(")
    body, _, tail = rest.rpartition(")")
    return [head.strip(), *sorted(part.strip() for part in re.split(r",(?![^()]*\))", body)), tail.strip()]


def test_the_migration_makes_what_the_code_declares(empty_engine: Engine) -> None:
    database.upgrade(empty_engine)
    with empty_engine.begin() as connection:
        migrated = schema(connection)
        metadata.drop_all(connection)
        metadata.create_all(connection)
        declared = schema(connection)
    assert (sorted(migrated - declared), sorted(declared - migrated)) == ([], [])


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(PACKAGE / "db" / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == database.HEAD


@pytest.mark.integration
def test_up_to_date_is_left_alone_without_alembic(engine: Engine) -> None:
    with database.begin(engine) as connection:
        write(connection, entry(), product(hours=1))
        before = rows(connection)
    program = UPGRADE + "; assert 'alembic' not in sys.modules"
    url = engine.url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", program, url], check=True, timeout=180)
    with database.read(engine) as connection:
        assert rows(connection) == before


@pytest.mark.integration
def test_several_processes_at_once(empty_url: str) -> None:
    programs = [subprocess.Popen([sys.executable, "-c", UPGRADE, empty_url], stderr=subprocess.PIPE) for _ in range(3)]
    try:
        errors = [program.communicate(timeout=180)[1] for program in programs]
    finally:
        for program in programs:
            program.kill()
    assert [program.returncode for program in programs] == [0, 0, 0], errors
    engine = create_engine(database.open_engine(empty_url).url)
    assert _versions(engine) == [database.HEAD]
    engine.dispose()


@pytest.mark.integration
def test_from_a_zipped_package(tmp_path: Path) -> None:
    archive = tmp_path / "christmas.egg"
    with zipfile.ZipFile(archive, "w") as egg:
        for path in sorted(PACKAGE.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                egg.write(path, Path("christmas") / path.relative_to(PACKAGE))
    program = f"import sys; sys.path.insert(0, {str(archive)!r}); {UPGRADE}; assert '.egg' in database.__file__"
    url = f"sqlite:///{tmp_path / 'catalog.db'}"
    subprocess.run([sys.executable, "-c", program, url], check=True, timeout=180, cwd=tmp_path)
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (database.HEAD,)
    migrations = zipfile.Path(archive, "christmas/db/migrations/")
    unpacked = database._unpacked(migrations, tmp_path)
    assert (unpacked / "env.py").read_bytes() == (PACKAGE / "db" / "migrations" / "env.py").read_bytes()
    migrations.root.close()


def test_an_interrupted_upgrade_leaves_nothing(empty_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import command

    def interrupted(config: Any, revision: str) -> None:
        original(config, revision)
        raise KeyboardInterrupt

    original = command.upgrade
    monkeypatch.setattr(command, "upgrade", interrupted)
    with pytest.raises(KeyboardInterrupt):
        database.upgrade(empty_engine)
    monkeypatch.undo()
    with empty_engine.connect() as connection:
        assert not empty_engine.dialect.has_table(connection, "keys")
    database.upgrade(empty_engine)


def test_a_migration_is_frozen_it_imports_nothing_of_ours() -> None:
    imported = {
        f"{path.name}: {ast.unparse(node)}"
        for path in (PACKAGE / "db" / "migrations").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("christmas")))
        or (isinstance(node, ast.Import) and any(alias.name.startswith("christmas") for alias in node.names))
    }
    assert imported == set()


def test_the_triggers_keep_the_full_text_index(sqlite: Engine) -> None:
    with database.begin(sqlite) as connection:
        write(connection, entry(), product(hours=1))
        write(connection, product(hours=2, name="Gong"))
        assert find_by_words(connection, "gong") != []
        check_index(connection)


@pytest.mark.parametrize("version", ["0001", "0004"])
def test_a_catalog_made_before_the_first_release_is_refused_with_what_to_do(sqlite: Engine, version: str) -> None:
    with database.begin(sqlite) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
    with pytest.raises(DatabaseUnavailable, match=f"at version {version}.*move the database away"):
        database.upgrade(sqlite)
