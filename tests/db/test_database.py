"""Opening, and what is said when a database cannot do what it should."""

from __future__ import annotations

import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import ProgrammingError

from christmas.catalog import product_lists
from christmas.catalog.filters import Filters
from christmas.db import database
from christmas.errors import DatabaseUnavailable
from tests.catalog.making import entry, product, rows, stored, write

PASSWORD = "correct-horse"  # noqa: S105


def _versions(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT version_num FROM alembic_version")))


def _opened(url: str, request: pytest.FixtureRequest) -> Engine:
    engine = database.open_engine(url)
    request.addfinalizer(engine.dispose)
    return engine


def _complaint(engine: Engine, do: Callable[[Engine], object]) -> str:
    with pytest.raises(DatabaseUnavailable) as caught:
        do(engine)
    message = str(caught.value)
    assert PASSWORD not in message
    return message


def _write(engine: Engine) -> None:
    with database.begin(engine) as connection:
        write(connection, entry("new", hours=9))


def _read(engine: Engine) -> None:
    with database.read(engine) as connection:
        list(product_lists.find(connection, Filters(gone=True)))


def test_a_newer_version_is_not_touched(empty_engine: Engine) -> None:
    database.upgrade(empty_engine)
    with database.begin(empty_engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    message = _complaint(empty_engine, database.upgrade)
    assert "is at version 9999, which this christmas does not know: install a newer one" in message
    assert _versions(empty_engine) == ["9999"]


@pytest.mark.parametrize("table", ["orders (id INTEGER)", "alembic_version (version_num TEXT)"])
def test_a_foreign_database_is_not_touched(empty_engine: Engine, table: str) -> None:
    with database.begin(empty_engine) as connection:
        connection.execute(text(f"CREATE TABLE {table}"))
    assert f"is no christmas catalog: it holds {table.split()[0]}" in _complaint(empty_engine, database.upgrade)
    with empty_engine.connect() as connection:
        assert not empty_engine.dialect.has_table(connection, "keys")


def test_no_catalog_yet(empty_engine: Engine) -> None:
    assert "christmas db upgrade" in _complaint(empty_engine, _read)


def test_a_mistake_in_a_statement_is_no_fault_of_the_database(postgresql: Engine) -> None:
    with pytest.raises(ProgrammingError), database.read(postgresql) as connection:
        connection.execute(text("SELEKT 1"))


def test_an_upgrade_that_cannot_write_says_so(
    request: pytest.FixtureRequest, new_postgresql: Callable[[], str]
) -> None:
    url = new_postgresql()
    separator = "&" if "?" in url else "?"
    engine = _opened(f"{url}{separator}options=-cdefault_transaction_read_only%3Don", request)
    assert "read-only transaction; it cannot be written" in _complaint(engine, database.upgrade)


def test_a_catalog_that_cannot_be_written_is_still_read(sqlite: Engine, postgresql: Engine) -> None:
    switches = {sqlite: "PRAGMA query_only = ON", postgresql: "SET default_transaction_read_only = on"}
    for engine, switch in switches.items():
        one = create_engine(engine.url, pool_size=1, max_overflow=0)
        with one.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(switch))
        _read(one)
        assert "it cannot be written" in _complaint(one, _write)
        one.dispose()


def test_a_file_system_that_cannot_be_written(sqlite: Engine, request: pytest.FixtureRequest) -> None:
    """SQLite opens a file without the right to write as mode=ro does; root has every right."""
    uri = f"file:{sqlite.url.database}?mode=ro"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True))
    request.addfinalizer(engine.dispose)
    _read(engine)
    assert "it cannot be written: check the owner and mode of the file" in _complaint(engine, _write)


@contextmanager
def _held(engine: Engine) -> Iterator[Callable[[], None]]:
    """Let another process hold the write lock; gives a function that makes it let go."""
    program = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE')\n"
        "print('held', flush=True); sys.stdin.read(); c.execute('COMMIT')"
    )
    command = [sys.executable, "-c", program, str(engine.url.database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            yield lambda: _ended(holder)
        finally:
            holder.kill()


def _ended(holder: subprocess.Popen[str]) -> None:
    holder.communicate(timeout=90)
    assert holder.returncode == 0


@pytest.mark.integration
def test_locked_for_too_long(sqlite: Engine, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    # Another spelling is another engine; the cache is not cleared, which would drop engines that are not closed.
    impatient = _opened(f"sqlite+pysqlite:///{sqlite.url.database}", request)
    with _held(sqlite) as let_go:
        assert "database is locked; another process holds it for too long" in _complaint(impatient, _write)
        _read(impatient)
        let_go()
    _write(impatient)


@pytest.mark.integration
def test_a_writer_waits_for_another(sqlite: Engine) -> None:
    with _held(sqlite) as let_go, ThreadPoolExecutor(1) as executor:
        writing = executor.submit(_write, sqlite)
        assert not wait([writing], timeout=0.3).done
        let_go()
        writing.result(timeout=90)
    with database.read(sqlite) as connection:
        assert len(rows(connection)["keys"]) == 1


def test_a_disk_that_is_full_loses_nothing(sqlite: Engine) -> None:
    _write(sqlite)
    with sqlite.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 5}")  # kept by the one pooled connection

    def fill(engine: Engine) -> None:
        with database.begin(engine) as connection:
            write(connection, *(product(str(number)) for number in range(5000)))

    assert "full; there is no space left" in _complaint(sqlite, fill)
    with database.read(sqlite) as connection:
        assert [row[2] for row in rows(connection)["keys"]] == ["new"]


@pytest.mark.parametrize("do", [database.upgrade, _read, _write])
def test_a_file_that_is_no_database(
    tmp_path: Path, request: pytest.FixtureRequest, do: Callable[[Engine], None]
) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(b"This is a letter to Santa Claus. " * 200)
    message = _complaint(_opened(f"sqlite:///{path}", request), do)
    assert "file is not a database; the file is no SQLite database: move it away" in message
    assert path.read_bytes().startswith(b"This is a letter")


def test_a_file_that_is_damaged(sqlite: Engine) -> None:
    with database.begin(sqlite) as connection:
        write(connection, *(product(str(number)) for number in range(2000)))
    with sqlite.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    sqlite.dispose()
    path = Path(str(sqlite.url.database))
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * len(content[8192:])
    path.write_bytes(content)
    assert "malformed; the file is damaged: restore it from a backup" in _complaint(sqlite, _read)


def test_a_folder_is_no_file(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    (tmp_path / "catalog.db").mkdir()
    engine = _opened(f"sqlite:///{tmp_path / 'catalog.db'}", request)
    assert "unable to open database file; the file cannot be opened" in _complaint(engine, database.upgrade)


def test_the_folder_of_the_file_is_made(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = tmp_path / "a 100% new" / "folder?" / "catalog.db"
    database.upgrade(_opened(f"sqlite:///{str(path).replace('?', '%3F')}", request))
    assert len(list(tmp_path.rglob("catalog.db"))) == 1


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnavailable, match=r"The folder of .* cannot be created: (Not a directory|File exists)"):
        database.open_engine(f"sqlite:///{tmp_path / 'file' / 'catalog.db'}")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "is no URL: write sqlite:///FILE, or postgresql://"),
        (f"{PASSWORD}", "is no URL"),
        (f"postgresql://me:{PASSWORD}@localhost:port/catalog", "is no URL"),
        (f"mysql://me:{PASSWORD}@localhost/catalog", "mysql is not supported: use sqlite:/// or postgresql://"),
        ("sqlite://", "in memory is of no use"),
        ("sqlite:///:memory:", "in memory is of no use"),
        ("sqlite:///file:catalog.db?mode=ro&uri=true", "names a file and nothing else"),
    ],
)
def test_a_wrong_url(url: str, message: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=re.escape(message)) as caught:
        database.open_engine(url)
    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


@pytest.mark.integration
@pytest.mark.parametrize("do", [database.upgrade, _read, _write])
def test_a_server_that_is_away(request: pytest.FixtureRequest, do: Callable[[Engine], None]) -> None:
    port = _free_port()
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/catalog"
    message = _complaint(_opened(url, request), do)
    assert f"postgresql+psycopg://me:***@127.0.0.1:{port}/catalog" in message
    assert "the server does not answer: start it, or check CHRISTMAS__DATABASE__URL" in message


def test_a_socket_that_is_away(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"postgresql:///catalog?host={tmp_path}&user=me&password={PASSWORD}"
    assert "the server does not answer: start it" in _complaint(_opened(url, request), database.upgrade)


@pytest.mark.integration
def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 2)  # the shortest that libpq knows
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        engine = _opened(f"postgresql://me:{PASSWORD}@127.0.0.1:{silent.getsockname()[1]}/catalog", request)
        assert "timeout expired; the server does not answer" in _complaint(engine, database.upgrade)


def test_a_host_that_is_not_there(request: pytest.FixtureRequest) -> None:
    unspeakable = 200 * "x." + "invalid"  # a name has 253 letters at most, so that no name server is asked
    engine = _opened(f"postgresql://me:{PASSWORD}@{unspeakable}/catalog", request)
    assert "there is no such host: check CHRISTMAS__DATABASE__URL" in _complaint(engine, database.upgrade)


def test_a_server_without_that_database_or_user(
    request: pytest.FixtureRequest, new_postgresql: Callable[[], str], postgresql: Engine
) -> None:
    missing = postgresql.url.set(database="nothing", password=PASSWORD).render_as_string(hide_password=False)
    message = _complaint(_opened(missing, request), database.upgrade)
    assert 'database "nothing" does not exist; it is no catalog yet, or not there' in message


def test_a_password_is_never_shown() -> None:
    for url in (f"postgresql://me:{PASSWORD}@host/catalog", f"postgresql:///catalog?password={PASSWORD}&host=h"):
        engine = database.open_engine(url)
        assert PASSWORD not in database.shown(engine.url)
    assert database.shown(engine.url) == "postgresql+psycopg:///catalog?host=h"


def test_an_engine_is_opened_once(sqlite: Engine) -> None:
    assert database.open_engine(f"sqlite:///{sqlite.url.database}") is sqlite


def test_sqlite_is_set_up_for_many_readers(sqlite: Engine) -> None:
    with database.read(sqlite) as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "foreign_keys")]
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
        waits = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    assert (found, synchronous, waits) == (["wal", 1], 1, database.BUSY_SECONDS * 1000)


def test_a_reader_sees_what_was_committed_while_another_writes(engine: Engine) -> None:
    with database.begin(engine) as connection:
        write(connection, product())
    with database.begin(engine) as writer:
        write(writer, product(hours=1, price_minor=5))
        with database.read(engine) as reader:
            assert stored(reader).price_minor == 1000
    with database.read(engine) as reader:
        assert stored(reader).price_minor == 5
