"""Upgrading: from nothing, from older versions with their rows, at once, and from a package."""

from __future__ import annotations

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
from sqlalchemy import Connection, Engine, create_engine, insert, inspect, select, text

import christmas
from christmas.catalog.writing.product_pages import product_id
from christmas.db import database
from christmas.db.tables import changes, jobs, keys, metadata, vocabulary
from christmas.db.tables import products as products_table
from christmas.items import GoneReading
from tests.catalog.making import VENDOR, at, entry, product, rows, write
from tests.catalog.watches import doubt
from tests.catalog.words import check_index, find_by_words

PACKAGE = Path(christmas.__file__).parent
UPGRADE = "import sys; from christmas.db import database; database.upgrade(database.open_engine(sys.argv[1]))"
NEW_IN_0003 = ("held_changes", "kept_pages", "vendor_health")


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


def test_from_the_version_before_the_auditor_with_all_its_rows(
    empty_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _upgrade_to("0002", empty_engine, monkeypatch)
    assert _versions(empty_engine) == ["0002"]
    key = {"vendor": VENDOR, "url": "https://bells.example/7", "first_seen": at(0), "last_seen": at(0), "spread": 0}
    sold = {"id": product_id(VENDOR, "7"), "key_id": 1, "vendor": VENDOR, "name": "Bell", "availability": "in_stock"}
    change = {"product_id": sold["id"], "field": "price_minor", "old": "1000", "new": "900", "currency": "USD"}
    with database.begin(empty_engine) as connection:
        connection.execute(
            insert(keys), [key | {"key": "7", "gone_since": at(1)}, key | {"key": "8", "gone_since": None}]
        )
        connection.execute(
            insert(products_table), sold | {name: at(0) for name in ("first_seen", "last_changed", "read_at")}
        )
        connection.execute(insert(changes), change | {"at": at(0), "job_id": "a", "url": "", "source": "json-ld"})
        connection.execute(insert(jobs), _job("a", vendor=VENDOR, outcome={"products": 1}))
        columns = {table.name: _columns(connection, table.name) for table in (keys, products_table, changes, jobs)}
        before = _plain_rows(connection, columns)
    database.upgrade(empty_engine)
    assert _versions(empty_engine) == [database.HEAD]
    with database.begin(empty_engine) as connection:
        assert differences(connection) == []
        assert _plain_rows(connection, columns) == before
        assert [len(rows(connection)[name]) for name in NEW_IN_0003] == [0, 0, 0]
        write(connection, GoneReading(VENDOR, "7", "missing", at(30)))
        found = connection.execute(select(keys.c.key, keys.c.gone_as, keys.c.gone_checks).order_by(keys.c.key)).all()
        assert found == [("7", "delisted", 1), ("8", None, 0)]
        assert [row.new for row in doubt(connection, product("7", 2))] == ["1995 Bell 7", "1000", "USD"]


def test_from_the_version_before_the_server_everything_can_be_found(
    empty_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 5_002  # more than are written at a time
    _upgrade_to("0003", empty_engine, monkeypatch)
    key = {"vendor": VENDOR, "url": "", "first_seen": at(0), "last_seen": at(0), "spread": 0}
    sold = {"vendor": VENDOR, "availability": "in_stock", "name": "Bell", "sku": None, "brand": None, "series": None}
    sold |= {name: at(0) for name in ("first_seen", "last_changed", "read_at")} | {"release_year": None}
    products = [
        sold | {"id": product_id(VENDOR, str(n)), "key_id": n, "name": f"Bell {n}"} for n in range(1, count + 1)
    ]
    products[1] |= {"name": "No\u00ebl", "sku": "3799QXI7109", "brand": "Maker", "series": "Row", "release_year": 1985}
    with database.begin(empty_engine) as connection:
        connection.execute(insert(keys), [key | {"key": str(n)} for n in range(1, count + 1)])
        connection.execute(insert(products_table), products)
        change = {"product_id": products[1]["id"], "field": "name", "at": at(0), "job_id": "a", "url": "", "source": ""}
        connection.execute(insert(changes), change)
    database.upgrade(empty_engine)
    columns = products_table.c
    with database.begin(empty_engine) as connection:
        assert differences(connection) == []
        query = select(columns.piece, columns.words).order_by(columns.key_id)
        found = [tuple(row) for row in connection.execute(query)]
        assert found[0] == (product_id(VENDOR, "1").hex, "bell 1 vbellsexample")
        assert found[1] == ("QXI7109", "noel row maker 1985 3799qxi7109 qxi7109 vbellsexample")
        assert found[-1] == (product_id(VENDOR, str(count)).hex, f"bell {count} vbellsexample")
        known = list(connection.scalars(select(vocabulary.c.word)))
        assert len(known) == len(set(known))
        assert set(known) == {word for _, words in found for word in words.split()[:-1]}
        assert [find_by_words(connection, word) for word in ("qxi7109", "noel")] == [["2"], ["2"]]
        assert len(find_by_words(connection, "bell", "vbellsexample")) == count - 1
        write(connection, product("2", hours=1, name="Gong"))
        assert (find_by_words(connection, "noel"), find_by_words(connection, "gong")) == ([], ["2"])
        check_index(connection)


def _upgrade_to(version: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import command

    original = command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", lambda config, _: original(config, version))
        database.upgrade(engine)


def _job(id_: str, **values: Any) -> dict[str, Any]:
    common = {
        "id": id_, "root_id": id_, "name": "integrator.sync_links", "arguments": {}, "fingerprint": id_,
        "state": "succeeded", "queued_at": at(0),
    }  # fmt: skip
    return common | values


def _columns(connection: Connection, table: str) -> str:
    return ", ".join(f'"{column["name"]}"' for column in inspect(connection).get_columns(table))


def _plain_rows(connection: Connection, columns: dict[str, str]) -> dict[str, Any]:
    """Return all rows of some tables as the driver gives them."""
    return {
        table: connection.exec_driver_sql(f"SELECT {names} FROM {table} ORDER BY id").all()
        for table, names in columns.items()
    }
