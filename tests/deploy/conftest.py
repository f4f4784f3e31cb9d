"""What the tests of deploying share: a farm on PostgreSQL, and a node that takes eggs among stale folders."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from christmas.demo.server import DemoServer
from tests.farm import Farm, Node

BIN = Path(sys.executable).parent
REQUEST_MAX_BYTES = 2**22


@pytest.fixture(scope="module")
def farm(new_postgresql: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """Provide a farm for all tests of a file."""
    folder = tmp_path_factory.mktemp("deploy") / "farm"
    with DemoServer(size=60, per_page=12) as server:
        shop = server.shops["ornament_shop_com"].base_url  # of vendors that only some version has
        extra = {f"CHRISTMAS__VENDORS__{name}__BASE_URL": shop for name in ("BROKEN_COM", "MISNAMED_COM")}
        farm = Farm(folder, server, {"CHRISTMAS__DATABASE__URL": new_postgresql(), **extra})
        yield farm
        farm.close()


@pytest.fixture(scope="module")
def stale(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with what an older checkout may have left: none of it may ever be imported."""
    folder = tmp_path_factory.mktemp("stale")
    for package, module in (
        ("spiders", "ornament_shop_com"), ("pipelines", "store"), ("config", "settings"), ("christmas", "settings"),
    ):  # fmt: skip
        (folder / package).mkdir()
        for name in ("__init__", module):
            (folder / package / f"{name}.py").write_text(f'raise RuntimeError("stale {package}")\n')
    (folder / "spiders" / "stale_shop_com.py").write_text("")
    (folder / "christmas_runner.py").write_text('raise RuntimeError("stale runner")\n')
    return folder


@pytest.fixture(scope="module")
def shared_node(farm: Farm, stale: Path) -> Node:
    """Start the node of a file's tests, in the stale folder."""
    return farm.node(
        command=[str(BIN / "christmas"), "node"],
        cwd=stale,
        CHRISTMAS__NODE__EGG_UPLOAD="true",
        CHRISTMAS__NODE__REQUEST_MAX_BYTES=str(REQUEST_MAX_BYTES),
    )


@pytest.fixture
def node(shared_node: Node) -> Node:
    """Return the node, without any version."""
    shared_node.ask("delproject.json", {"project": "christmas"})
    return shared_node
