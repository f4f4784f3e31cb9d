"""Both databases for the jobs' tests, a configuration for each, and hooks that are forgotten after the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from christmas.config import Config
from christmas.demo.server import DemoServer
from christmas.jobs import hooks
from tests.farm import Farm


@pytest.fixture
def config(engine: Engine, tmp_path: Path) -> Config:
    """Return a configuration that names the test's database, and somebody whom shops can reach."""
    url = engine.url.render_as_string(hide_password=False)
    return Config(var_path=tmp_path, database={"url": url}, contact_url="mailto:tester@example.org")


@pytest.fixture(scope="module")
def shared_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """Provide sample shops and a folder whose services serve all tests of a module."""
    with DemoServer(size=60, per_page=12) as server:
        farm = Farm(tmp_path_factory.mktemp("farm"), server)
        yield farm
        farm.close()


@pytest.fixture
def _own_hooks() -> Iterator[None]:
    """Let a test register hooks without leaving them to the others."""
    pre, post = dict(hooks._pre), dict(hooks._post)
    yield
    for registered, before in ((hooks._pre, pre), (hooks._post, post)):
        registered.clear()
        registered.update(before)
