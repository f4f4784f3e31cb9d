"""Engines, transactions and upgrades; what a database can do wrong becomes DatabaseUnavailable."""

from __future__ import annotations

import logging
import sqlite3
import tempfile
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, inspect, make_url, text

from christmas.db import permissions
from christmas.errors import AccessDenied, DatabaseUnavailable
from christmas.policy import rights

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

    from christmas.config import Config
    from christmas.policy.rights import Rights
    from christmas.policy.rules import Policy

# How long a writer waits for another before it says that the database is locked.
BUSY_SECONDS = 10
CUT_OFF_SECONDS = 15
# The newest migration; a test compares it with the migrations' own head.
HEAD = "first"
_ADVISORY_LOCK = 1_225_061_973
_CAUSES = (
    ("is locked", "another process holds it for too long: end that process, or use PostgreSQL for many writers"),
    ("readonly", "it cannot be written: check the owner and mode of the file and of its folder"),
    ("read-only", "it cannot be written: check the role's rights and default_transaction_read_only"),
    ("unable to open", "the file cannot be opened: check the path, and the owner and mode of its folder"),
    ("disk is full", "there is no space left: free some, nothing stored before is lost"),
    ("no space left", "there is no space left: free some, nothing stored before is lost"),
    ("disk i/o error", "the disk fails or is full"),
    ("malformed", "the file is damaged: restore it from a backup"),
    ("not a database", "the file is no SQLite database: move it away, or name another in CHRISTMAS__DATABASE__URL"),
    ("no such table", "it is no catalog yet: run `christmas db upgrade`"),
    ("does not exist", "it is no catalog yet, or not there: create it and run `christmas db upgrade`"),
    ("is the server running", "the server does not answer: start it, or check CHRISTMAS__DATABASE__URL"),
    ("timeout expired", "the server does not answer: start it, or check CHRISTMAS__DATABASE__URL"),
    ("invalid connection option", "there is no such parameter: check what is behind the ? of CHRISTMAS__DATABASE__URL"),
    ("resolve host", "there is no such host: check CHRISTMAS__DATABASE__URL"),
    ("authentication", "the server refuses the user or the password; check CHRISTMAS__DATABASE__URL"),
)
# What the databases say to a service that is not permitted what it asks for.
_DENIED = ("not authorized", "prohibited", "permission denied", "must be owner")


def get_engine(config: Config) -> Engine:
    """Return the engine of a configuration, bound to the rights of the service that this process is."""
    return open_engine(config.database_url, rights.load(config))


@cache
def open_engine(url: str, rights: Rights | None = None) -> Engine:
    """Return the engine of a URL, one per process; nothing is connected yet. Raise DatabaseUnavailable for a bad URL.

    Without ``rights`` it acts as the database's owner.
    """
    try:
        engine = _unbound(make_url(url))
    except (exc.ArgumentError, ValueError):  # their texts may hold the password
        raise DatabaseUnavailable(
            "CHRISTMAS__DATABASE__URL is no URL: write sqlite:///FILE, or postgresql:// and "
            "USER:PASSWORD@HOST:PORT/DATABASE."
        ) from None
    if rights is not None:
        engine.update_execution_options(rights=rights)

        @event.listens_for(engine, "connect")
        def _bind(connection: Any, record: Any) -> None:
            permissions.enforce(connection, engine.dialect.name, rights)

    return engine


def _unbound(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    if url.get_backend_name() != "postgresql":
        raise DatabaseUnavailable(f"{url.get_backend_name()} is not supported: use sqlite:/// or postgresql://.")
    # connect_timeout: an unreachable host must not hang the start. The others: nor one that is cut off a connection.
    arguments = {
        "connect_timeout": BUSY_SECONDS, "tcp_user_timeout": CUT_OFF_SECONDS * 1000,
        "keepalives_idle": CUT_OFF_SECONDS, "keepalives_interval": 5, "keepalives_count": 3,
    }  # fmt: skip
    return create_engine(url.set(drivername="postgresql+psycopg"), connect_args=arguments, pool_pre_ping=True)


def shown(url: URL) -> str:
    """Return a URL to be read by people: without its passwords."""
    return url.difference_update_query(["password", "sslpassword"]).render_as_string(hide_password=True)


def _sqlite(url: URL) -> Engine:
    database = url.database
    if url.query:
        raise DatabaseUnavailable("A URL of SQLite names a file and nothing else, such as sqlite:///var/christmas.db.")
    if not database or database == ":memory:":
        raise DatabaseUnavailable("A catalog in memory is of no use: name a file, such as sqlite:///var/christmas.db.")
    try:
        Path(database).absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailable(f"The folder of {database} cannot be created: {error.strerror}.") from error
    absolute = url.set(drivername="sqlite", database=str(Path(database).absolute()))
    engine = create_engine(absolute, connect_args={"timeout": BUSY_SECONDS}, pool_use_lifo=True)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "cache_size = -16000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """Provide a connection for reading; raise DatabaseUnavailable where the database does not answer or is damaged."""
    with _explained(engine), engine.connect() as connection:
        yield connection


@contextmanager
def begin(engine: Engine) -> Iterator[Connection]:
    """Provide a connection in a writing transaction, committed at the end; raise DatabaseUnavailable as ``read``."""
    with _explained(engine), engine.connect().execution_options(immediate=True) as connection, connection.begin():
        yield connection


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    try:
        yield
    except (exc.DBAPIError, sqlite3.Error) as error:  # SQLAlchemy does not wrap what fails while it connects
        cause = str(error.orig if isinstance(error, exc.DBAPIError) else error).strip()
        denied = any(mark in cause.lower() for mark in _DENIED)
        if denied:
            rights = engine.get_execution_options().get("rights")
            who = rights.subject if rights else f"the user {engine.url.username}"
            raise AccessDenied(f"The database refuses {who}: {cause.splitlines()[0]}.") from error
        explanation = next((why for mark, why in _CAUSES if mark in cause.lower()), None)
        away = isinstance(error, exc.OperationalError | exc.InterfaceError | exc.InternalError | sqlite3.Error)
        if explanation is None and not away:
            raise  # a mistake of ours, not of the database
        first = next(iter(cause.splitlines()), type(error).__name__)
        raise DatabaseUnavailable(
            f"The database {shown(engine.url)} fails: {first}; {explanation or 'see its log'}."
        ) from error


def upgrade(engine: Engine) -> None:
    """Bring the tables up to date; does nothing where they are. Safe when several processes do it at once."""
    with read(engine) as connection:
        version = _version(engine, connection)
    if version == HEAD:
        return
    behind = f"The catalog is at version {version}, this christmas needs {HEAD}" if version else "There is no catalog"
    if engine.get_execution_options().get("rights") is not None:
        raise DatabaseUnavailable(f"{behind}: run `christmas db upgrade`.")
    try:
        with begin(engine) as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
            version = _version(engine, connection)
            if version != HEAD:
                _migrate(engine, connection, version)
    except AccessDenied as error:
        raise AccessDenied(f"{behind}: run `christmas db upgrade` as the database's owner. {error}") from error


def grant(engine: Engine, policy: Policy) -> None:
    """Make PostgreSQL's roles and GRANTs what the policy says; does nothing on SQLite, or where another did it.

    Raise DatabaseUnavailable where roles are missing and this user may not create them.
    """
    if engine.dialect.name != "postgresql":
        return
    statements = permissions.grants(policy)
    with begin(engine) as connection:
        if not connection.scalar(text("SELECT tableowner = current_user FROM pg_tables WHERE tablename = 'jobs'")):
            return
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        try:
            for statement in statements:
                connection.exec_driver_sql(statement)
        except exc.ProgrammingError as error:
            raise DatabaseUnavailable(
                f"The roles of the services cannot be made ({str(error.orig).splitlines()[0]}): give the database's "
                "user CREATEROLE, or let an administrator run what `christmas db grants` prints."
            ) from error


def _version(engine: Engine, connection: Connection) -> str | None:
    names = inspect(connection).get_table_names()
    if not names:
        return None
    if not {"alembic_version", "listing_keys"} <= set(names):
        raise DatabaseUnavailable(
            f"The database {shown(engine.url)} is no christmas catalog: it holds {', '.join(sorted(names)[:3])}; "
            "name another in CHRISTMAS__DATABASE__URL."
        )
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def _migrate(engine: Engine, connection: Connection, version: str | None) -> None:
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # it names each of its own at import

    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    with tempfile.TemporaryDirectory() as folder:
        config = Config()
        config.set_main_option("script_location", str(_unpacked(files("christmas.db") / "migrations", Path(folder))))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise DatabaseUnavailable(
                f"The database {shown(engine.url)} is at version {version}, which this christmas does not know: "
                "install a newer one, or move the database away if it was made before the first release."
            ) from error


def _unpacked(source: Traversable, folder: Path) -> Path:
    """Return the migrations as a folder of files; an egg stays zipped, and Alembic reads files only."""
    if isinstance(source, Path):
        return source
    target = folder / source.name
    target.mkdir()
    for one in source.iterdir():
        if one.is_dir():
            _unpacked(one, target)
        else:
            (target / one.name).write_bytes(one.read_bytes())
    return target
