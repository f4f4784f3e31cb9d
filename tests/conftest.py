"""Fixtures that several folders of tests use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from christmas.demo.server import DemoServer
from tests.crawling import Site

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
