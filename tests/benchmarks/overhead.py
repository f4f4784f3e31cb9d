"""What watching costs: the same crawls with and without timing, metrics, central logs and the quarantine, in pairs."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from pathlib import Path

from tests.benchmarks.crawling import TIMEOUT_SECONDS, command, environment, shops
from tests.benchmarks.figures import Figure, against

VENDOR = "ornament_shop_com"
GOAL = 1.05
PAGES = {"products": "their own pages", "links": "listings"}
# Everything that this is about, switched off.
WITHOUT = {
    "EXTENSIONS": '{"christmas.extensions.run_report.RunReport": 100}',
    "ITEM_PIPELINES": '{"pipelines.validate.Validate": 100, "pipelines.deduplicate.Deduplicate": 200,'
    ' "pipelines.store.Store": 400}',
    "DOWNLOADER": "scrapy.core.downloader.Downloader",
}


def measure(size: int, pairs: int, goal: float | None = GOAL) -> list[Figure]:
    """Alternate both, in turns of changing order; CPU seconds of the whole process, so that other load counts less."""
    stages = {
        "products": {"stage": "products", "which": "all"},
        "links": {"stage": "links", "which": "all"},
    }
    seconds: dict[tuple[str, bool], list[float]] = {
        (stage, watched): [] for stage in stages for watched in (True, False)
    }
    with tempfile.TemporaryDirectory() as name, shops("--size", str(size), "--per-page", "24") as addresses:
        folders = {watched: Path(name) / str(watched) for watched in (True, False)}
        for watched, folder in folders.items():
            _cpu_seconds(folder, addresses[VENDOR], watched=watched)
        for turn in range(pairs):
            for stage, arguments in stages.items():
                for watched in (turn % 2 == 0, turn % 2 == 1):
                    used = _cpu_seconds(folders[watched], addresses[VENDOR], watched=watched, **arguments)
                    seconds[stage, watched].append(used)
    return [
        against(
            f"refresh of {size:,} from {PAGES[stage]}, CPU: timing, metrics, logs, quarantine on / off",
            seconds[stage, True], "s", seconds[stage, False], goal, more_is_better=False,
        )
        for stage in stages
    ]  # fmt: skip


def _cpu_seconds(folder: Path, address: str, *, watched: bool, **arguments: object) -> float:
    options = [] if watched else [part for name, value in WITHOUT.items() for part in ("-s", f"{name}={value}")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*command(VENDOR, **arguments), *options],
        env=os.environ | environment(folder, VENDOR, address),
        capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True,
    )  # fmt: skip
    if " ERROR: " in done.stderr:
        raise RuntimeError(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
