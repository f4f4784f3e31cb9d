"""How much memory a links run of very many keys takes."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from christmas.db import database
from tests.benchmarks.crawling import environment, peak_mb_of, shops
from tests.benchmarks.figures import Figure, against

VENDOR = "ornament_shop_com"
GOAL_MB = 300.0


def measure(size: int) -> list[Figure]:
    """Read the listings of a shop of ``size`` into an empty catalog."""
    with tempfile.TemporaryDirectory() as name, shops("--size", str(size), "--per-page", "100") as addresses:
        command = [
            sys.executable, "-m", "scrapy", "crawl", VENDOR, "-a", "stage=links", "-s", "AUTOTHROTTLE_ENABLED=False",
        ]  # fmt: skip
        # As in production: the tables are there, and Alembic is not loaded.
        database.upgrade(database.open_engine(f"sqlite:///{Path(name) / 'christmas.db'}"))
        peak = peak_mb_of(command, environment(Path(name), VENDOR, addresses[VENDOR]))
    return [against(f"links run of {size:,} keys / 300 MB", [peak], "MB", GOAL_MB, 1.0, more_is_better=False)]
