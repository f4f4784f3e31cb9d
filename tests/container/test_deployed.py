"""What docs/deployment.md says to do with the database is done, word for word: logins, keys, backup, restore."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, func, select

from christmas.catalog import product_lists
from christmas.catalog.filters import Filters
from christmas.db import database
from christmas.db.tables import metadata
from christmas.demo.server import DemoServer
from tests.catalog.making import product, write
from tests.catalog.words import check_index, find_by_words
from tests.conftest import started_postgresql
from tests.container import page
from tests.container.image import variables as image_variables
from tests.farm import Farm, Node, free_port, until

BIN = Path(sys.executable).parent
VENDOR = "ornament_shop_com"


class Server:
    """A PostgreSQL of its own, with its programs: logins belong to a whole server."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.programs: Path = running.bin_path

    def url(self, user: str, name: str = "christmas") -> str:
        return str(self.running.get_uri(name)).replace("postgres:@", f"{user}:x@", 1)

    def run(self, user: str, sql: str, name: str = "christmas") -> None:
        with psycopg.connect(self.url(user, name), autocommit=True) as connection:
            for statement in filter(str.strip, sql.split(";")):
                connection.execute(statement)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Server]:
    with started_postgresql() as running:
        yield Server(running)


# The page's own `christmas` has the services' variables, whatever stands before it. The user is not there.
FUNCTIONS = """
christmas() { echo "with the variables of the services" >&2; exit 1; }
runuser() { shift 3; "$@"; }
"""


def shell(block: str, folder: Path, replaced: dict[str, str], **variables: str) -> str:
    """Run a block of the page, with places of this test's own for those it names; gives what it prints."""
    script = page.blocks("sh")[block]
    venv_bin, var = image_variables()["PATH"].partition(":")[0], image_variables()["CHRISTMAS__VAR_PATH"]
    # The user `christmas` is not there.
    places = {venv_bin: str(BIN), var: str(folder), " --owner=christmas --group=christmas": "", **replaced}
    for text, place in places.items():
        script = script.replace(text, place)
    done = subprocess.run(
        ["sh", "-euc", f"{FUNCTIONS}\n{script}"], cwd=folder, env={**os.environ, **variables},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def var(postgresql: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Follow "The database and its logins" to its end, and give the folder with the keys."""
    folder = tmp_path_factory.mktemp("var")
    postgresql.run("postgres", page.blocks("sql")["administrator"], "postgres")
    shell("keys", folder, {})
    owners = {
        "postgresql://christmas_owner:OWNER_PASSWORD@127.0.0.1/christmas": f"'{postgresql.url('christmas_owner')}'"
    }
    told = shell("migrate", folder, owners)
    assert "integrator, server" in told.replace("scheduler, ", ""), told
    assert shell("migrate", folder, owners) == told  # once more changes nothing
    postgresql.run("christmas_owner", page.blocks("sql")["owner"])
    return folder


@pytest.fixture
def farm(server: DemoServer, postgresql: Server, var: Path) -> Iterator[Farm]:
    """Provide services with the variables of the page, on ports of this test's own."""
    given = page.variables("services") | {
        "CHRISTMAS__DATABASE__URL": postgresql.url("christmas"), "CHRISTMAS__REDIS__URL": "",
        "CHRISTMAS__VAR_PATH": str(var), "CHRISTMAS__SERVER__PORT": str(free_port()),
        "CHRISTMAS__SCHEDULER__PORT": str(free_port()),
    }  # fmt: skip
    farm = Farm(var, server, given)
    yield farm
    farm.close()


def test_services_run_with_a_login_that_owns_nothing(farm: Farm, postgresql: Server) -> None:
    kept = {path.name: path.read_text() for path in (farm.folder / "keys").glob("*.key")}
    assert set(kept) == {"integrator.key", "scheduler.key", "server.key"}
    port = free_port()
    services = [farm.start(name, CHRISTMAS__NODE__PORT=str(port)) for name in ("node", "scheduler", "server")]
    job = farm.submit("integrator.sync_links", vendor=VENDOR)
    assert farm.wait(job.id).state == "succeeded", services[0].log
    for name, one in zip(("NODE", "SCHEDULER", "SERVER"), services, strict=True):
        at = port if name == "NODE" else int(farm.variables[f"CHRISTMAS__{name}__PORT"])
        asked = Node(one.process, one.log_path, at)
        until(lambda asked=asked: _ready(asked), 30, f"the {name.lower()} being ready ({one.log_path})")
    done = farm.run("keys", "create", "--user", "ann", "--role", "user")
    assert done.returncode == 0, done.stderr
    for service in services:
        assert service.stop() == 0, service.log
    assert {path.name: path.read_text() for path in (farm.folder / "keys").glob("*.key")} == kept
    for statement in ("DROP TABLE jobs", "CREATE TABLE mine (id INTEGER)", "SET ROLE christmas_owner"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            postgresql.run("christmas", statement)


def _ready(service: Node) -> bool:
    assert service.process.poll() is None, service.log
    try:
        return service.ask("health/ready").status == 200
    except OSError:
        return False


def test_a_login_that_is_not_granted_connects_to_nothing(var: Path, postgresql: Server) -> None:
    postgresql.run("postgres", "CREATE ROLE stranger LOGIN", "postgres")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        postgresql.run("stranger", "SELECT 1")


def counts(engine: Engine) -> dict[str, int]:
    with database.read(engine) as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in metadata.tables.items()
        }


def fill(engine: Engine) -> None:
    with database.begin(engine) as connection:
        write(connection, product("1"), product("2", name="Gong"))
        write(connection, product("1", hours=1, price_minor=999))


def test_a_backup_of_postgresql_is_restored(farm: Farm, postgresql: Server, tmp_path: Path) -> None:
    engine = database.open_engine(postgresql.url("christmas_owner"))
    fill(engine)
    before = counts(engine)
    assert min(before[name] for name in ("products", "changes", "api_keys", "role_bindings", "keys")) > 0
    path = f"{postgresql.programs}:{BIN}:{os.environ['PATH']}"
    shell("backup", tmp_path, {}, PATH=path, OWNER_URL=postgresql.url("christmas_owner"))
    engine.dispose()

    postgresql.run("postgres", "CREATE DATABASE restored OWNER christmas_owner", "postgres")
    restored = postgresql.url("christmas_owner", "restored")
    shell("restore", tmp_path, {}, PATH=path, OWNER_URL=restored)
    engine = database.open_engine(restored)
    assert counts(engine) == before
    with database.read(engine) as connection:
        assert find_by_words(connection, "gong") == ["2"]
    engine.dispose()
    # A service starts on it as before: with its key and with the services' login.
    farm.variables["CHRISTMAS__DATABASE__URL"] = postgresql.url("christmas", "restored")
    server = farm.start("server")
    asked = Node(server.process, server.log_path, int(farm.variables["CHRISTMAS__SERVER__PORT"]))
    until(lambda: _ready(asked), 60, f"the start of the server ({server.log_path})")
    assert server.stop() == 0, server.log


@pytest.mark.integration
def test_a_backup_of_sqlite_is_made_beside_a_writer_and_restored(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'christmas.db'}"
    engine = database.open_engine(url)
    database.upgrade(engine)
    fill(engine)
    before = counts(engine)
    with database.begin(engine) as connection:  # what is not committed is not in it
        write(connection, product("3"))
        told = shell("backup-sqlite", tmp_path, {'"christmas.db"': f'"{tmp_path / "backup.db"}"'})
    assert told == ""
    assert counts(engine)["products"] == before["products"] + 1
    engine.dispose()
    for suffix in ("-wal", "-shm"):  # as a system leaves them that was not stopped in order
        (tmp_path / f"christmas.db{suffix}").write_bytes(b"of another catalog")
    shell("restore-sqlite", tmp_path, {" christmas.db ": f" {tmp_path / 'backup.db'} "})
    database.upgrade(engine)
    assert counts(engine) == before
    with database.read(engine) as connection:
        assert min(row.price_minor or 0 for row in product_lists.find(connection, Filters(gone=True))) == 999
        assert find_by_words(connection, "gong") == ["2"]
    with database.begin(engine) as connection:
        check_index(connection)
        write(connection, product("3"))
    engine.dispose()


def test_a_service_that_starts_on_another_catalog_ends_with_one_line(farm: Farm, postgresql: Server) -> None:
    said = "is at version 9999, which this christmas does not know: install a newer one"
    assert said.replace("9999", "...") in page.text()
    postgresql.run("christmas_owner", "UPDATE alembic_version SET version_num = '9999'")
    try:
        done = farm.run("scheduler")
    finally:
        postgresql.run("christmas_owner", f"UPDATE alembic_version SET version_num = '{database.HEAD}'")
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
