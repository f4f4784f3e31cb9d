"""Function bindings: the same rights asked for by the catalog's functions and enforced by the database itself."""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, exc, select, text

import christmas
from christmas.access import audit_log
from christmas.catalog import product_lists, products
from christmas.catalog.filters import Filters
from christmas.config import Config
from christmas.db import database, permissions, tables
from christmas.errors import AccessDenied, DatabaseUnavailable
from christmas.jobs import queue, records
from christmas.policy import rights
from christmas.policy import rules as policy
from tests.catalog.making import product, write
from tests.catalog.words import check_index, find_by_words

SOURCE = Path(christmas.__file__).parent
NOW = datetime(2026, 11, 24, tzinfo=UTC)
BROWSER = "spider:integrator.browser"
# May read products, and nothing more of them.
READER = "service:scheduler"
SQL = {
    "read": "SELECT * FROM {0}",
    "delete": "DELETE FROM {0}",
    "write": "UPDATE {0} SET {1} = {1}",
}


@pytest.fixture
def bound(engine: Engine) -> Callable[[str], Engine]:
    """Return a function from a subject of the policy to the catalog as its process opens it."""
    database.grant(engine, policy.load(Config()))
    url = engine.url.render_as_string(hide_password=False)
    return lambda subject: database.get_engine(Config(database={"url": url}, service=subject))  # type: ignore[arg-type]


def stored(engine: Engine) -> products.ProductRow:
    with database.begin(engine) as connection:
        write(connection, product("1"))
        [row] = product_lists.find(connection, Filters())
        return row


def test_the_integrator_that_drives_a_browser_cannot_delete_products(
    engine: Engine, bound: Callable[[str], Engine]
) -> None:
    row = stored(engine)
    spider = bound(BROWSER)
    match = r"spider:integrator\.browser.* products\.delete"
    with pytest.raises(AccessDenied, match=match), database.begin(spider) as connection:
        products.remove(connection, row.id)
    for statement in ("DELETE FROM products", "DELETE FROM changes", "DROP TABLE products"):
        with pytest.raises(AccessDenied), database.begin(spider) as connection:
            connection.execute(text(statement))
    with database.read(engine) as connection:
        assert [one.id for one in product_lists.find(connection, Filters())] == [row.id]


def test_the_auditor_may_delete_products(engine: Engine, bound: Callable[[str], Engine]) -> None:
    row = stored(engine)
    with database.begin(bound("spider:auditor")) as connection:
        assert products.remove(connection, row.id)


def test_a_spider_stores_what_it_reads(engine: Engine, bound: Callable[[str], Engine]) -> None:
    with database.begin(bound(BROWSER)) as connection:
        write(connection, product("1"))
        write(connection, product("1", hours=1, price_minor=999))
    with database.read(engine) as connection:
        assert [row.price_minor for row in product_lists.find(connection, Filters())] == [999]


def test_a_spider_keeps_the_words_of_what_it_stores(engine: Engine, bound: Callable[[str], Engine]) -> None:
    """On SQLite the full-text index is written by triggers, under the rights of whoever stores a product."""
    with database.begin(bound("spider:integrator")) as connection:
        write(connection, product("1"), product("2"))
        write(connection, product("1", hours=1, name="Gong"))
        assert (find_by_words(connection, "gong"), find_by_words(connection, "bell")) == (["1"], ["2"])
    with database.begin(engine) as connection:
        check_index(connection)


def test_who_may_only_read_products_searches_them_and_writes_no_words(
    engine: Engine, bound: Callable[[str], Engine]
) -> None:
    stored(engine)
    reader = bound(READER)
    with database.read(reader) as connection:
        assert find_by_words(connection, "bell") == ["1"]
        assert connection.scalars(select(tables.vocabulary.c.word)).all()
    statements = ["INSERT INTO vocabulary (word) VALUES ('x')", "UPDATE products SET words = 'x'"]
    if engine.dialect.name == "sqlite":
        statements += [
            "INSERT INTO product_words (product_words) VALUES ('rebuild')",
            "DELETE FROM product_words_data",
            "DROP TABLE product_words",
            "DROP TRIGGER product_words_insert",
        ]
    for statement in statements:
        with pytest.raises(AccessDenied), database.begin(reader) as connection:
            connection.execute(text(statement))
    with database.begin(engine) as connection:
        check_index(connection)


def test_who_may_not_read_products_does_not_search_them(sqlite: Engine) -> None:
    stored(sqlite)
    nobody = database.open_engine(sqlite.url.render_as_string(), rights.Rights("nobody", policy.load(Config())))
    for name in ("product_words_data", "vocabulary"):
        with pytest.raises(AccessDenied), database.read(nobody) as connection:
            connection.execute(text(f"SELECT count(*) FROM {name}"))
    with pytest.raises(exc.DatabaseError, match="constructor failed"), database.read(nobody) as connection:
        connection.execute(text("SELECT count(*) FROM product_words"))
    nobody.dispose()


@pytest.mark.parametrize("subject", policy.load(Config()).subjects())
def test_every_table_is_bound_as_the_policy_says(subject: str, bound: Callable[[str], Engine]) -> None:
    spoken, allowed = [], []
    asked = rights.Rights(subject, policy.load(Config()))
    for name, table in tables.metadata.tables.items():
        for action, sql in SQL.items():
            column = f'"{next(iter(table.columns)).name}"'
            spoken += [(name, action)] if asked.allows(rights.TABLES[name], action) else []
            try:
                with database.begin(bound(subject)) as connection:
                    connection.execute(text(sql.format(name, column)))
                    connection.rollback()
            except AccessDenied:
                continue
            allowed.append((name, action))
    assert allowed == [one for one in spoken if (one[0], "read") in spoken]


def test_who_checks_keys_may_note_their_use_and_nothing_else(bound: Callable[[str], Engine]) -> None:
    node = bound("service:integrator")
    with database.begin(node) as connection:
        connection.execute(tables.api_keys.update().values(last_used_at=NOW))
    for values in ({"role": "internal"}, {"revoked_at": None}):
        with pytest.raises(AccessDenied), database.begin(node) as connection:
            connection.execute(tables.api_keys.update().values(values))


def test_a_node_writes_the_access_log_and_does_not_read_it(bound: Callable[[str], Engine]) -> None:
    node = bound("service:integrator")
    line = {"at": NOW, "address": "127.0.0.1", "resource": "jobs", "action": "submit", "allowed": False}
    with database.begin(node) as connection:
        audit_log.record(connection, **line)
    with pytest.raises(AccessDenied), database.read(node) as connection:
        audit_log.latest(connection)


def test_a_spider_does_not_see_the_keys(bound: Callable[[str], Engine]) -> None:
    spider = bound("spider:integrator")
    with pytest.raises(AccessDenied, match="spider:integrator"), database.read(spider) as connection:
        connection.execute(select(tables.api_keys.c.hash)).all()


def test_a_bound_process_neither_attaches_nor_changes_settings(sqlite: Engine) -> None:
    url = sqlite.url.render_as_string()
    engine = database.get_engine(Config(database={"url": url}, service=BROWSER))  # type: ignore[arg-type]
    for statement in (
        "ATTACH DATABASE ':memory:' AS other",
        "PRAGMA writable_schema = 1",
        "CREATE TABLE mine (id INTEGER)",
        "SELECT load_extension('x')",
        "CREATE TRIGGER t AFTER INSERT ON jobs BEGIN DELETE FROM products; END",
    ):
        with pytest.raises(AccessDenied), database.read(engine) as connection:
            connection.exec_driver_sql(statement)


def test_a_bound_process_does_not_migrate(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    with pytest.raises(DatabaseUnavailable, match="christmas db upgrade"):
        database.upgrade(database.get_engine(Config(database={"url": url}, service=BROWSER)))  # type: ignore[arg-type]


def test_the_roles_of_postgresql_are_made_once(postgresql: Engine) -> None:
    rules = policy.load(Config())
    for _ in range(2):
        database.grant(postgresql, rules)
    with database.read(postgresql) as connection:
        found = connection.scalars(text("SELECT rolname FROM pg_roles WHERE rolname LIKE 'christmas%'")).all()
    assert sorted(found) == sorted(permissions.role(subject) for subject in rules.subjects())


def writing_functions() -> list[tuple[str, str]]:
    """Return module and name of every public function that builds a writing statement on a connection."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        if path.parent.name in {"db", "migrations", "versions"}:  # statements for others, and the owner's own
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            called = (call.func for call in ast.walk(node) if isinstance(call, ast.Call))
            names = {getattr(function, "id", getattr(function, "attr", "")) for function in called}
            if names & {"insert", "update", "delete"} and node.args.args and node.args.args[0].arg == "connection":
                module = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
                found.append((module, node.name))
    return found


def test_every_function_that_writes_names_its_permission() -> None:
    found = writing_functions()
    bindings = {
        f"{module}.{name}": getattr(getattr(import_module(module), name), "binding", None) for module, name in found
    }
    wrong = {
        name: binding
        for name, binding in bindings.items()
        if binding is None or binding[0] not in rights.TABLES.values() or binding[1] not in {"write", "delete", "use"}
    }
    assert wrong == {}
    assert {module.split(".")[1] for module, _ in found} >= {"access", "catalog", "jobs"}


def test_the_owner_is_not_bound(connection: Connection) -> None:
    queue.submit(connection, queue.NewJob("a", "integrator.sync_links", "shop", "integrator", {}), NOW)
    assert records.get(connection, "a") is not None
