"""The databases of the catalog's tests, and a configuration for each, with somebody whom shops can reach."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from christmas.config import Config


@pytest.fixture
def config(engine: Engine, tmp_path: Path) -> Config:
    """Return a configuration that names the test's database."""
    url = engine.url.render_as_string(hide_password=False)
    return Config(var_path=tmp_path, database={"url": url}, contact_url="mailto:tester@example.org")
