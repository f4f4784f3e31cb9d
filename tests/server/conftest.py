"""A server on a filled catalog that all tests of this folder share; what they change is their own."""

from collections.abc import Iterator

import pytest

from tests.server import filled
from tests.server.running import Server, serving


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server with products that the public may read; tests look at it and change only what they made."""
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, filled.file(folder), CHRISTMAS__SERVER__PUBLIC="true") as server:
        yield server


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server on a filled catalog for the tests of one module, which may change everything."""
    folder = tmp_path_factory.mktemp("own")
    with serving(folder, filled.file(folder)) as server:
        yield server
