"""How long it takes from submitting a job to its spider's first request, beside stock Scrapyd on the same machine."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

from christmas.demo.server import DemoServer
from christmas.demo.shops import Shop
from tests.benchmarks.figures import Figure, against
from tests.farm import Farm, free_port, until

VENDOR = "ornament_shop_com"
P50_GOAL_SECONDS = 1.3
P95_GOAL_SECONDS = 2.0
# Stock Scrapyd looks every 5 s: submissions must not keep step with it.
PAUSE_SECONDS = (0.5, 3.0)
SPIDER = """
import os, scrapy

class Bare(scrapy.Spider):
    name = "bare"

    async def start(self):
        yield scrapy.Request(os.environ["BARE_URL"])

    def parse(self, response):
        pass
"""


def measure(runs: int, share_of_stock: float = 0.5) -> list[Figure]:
    """Submit to both in turn, each time when nothing else runs; the medians' ratio is to be ``share_of_stock``."""
    chance = random.Random(2026)
    with DemoServer(size=60) as server, tempfile.TemporaryDirectory() as name:
        shop = server.shops[VENDOR]
        farm = Farm(Path(name) / "farm", server)
        try:
            node = farm.node()
            with stock(Path(name) / "stock", shop) as submit_to_stock:
                ours, theirs = [], []
                for turn in range(runs + 1):
                    time.sleep(chance.uniform(*PAUSE_SECONDS))
                    job: list[str] = []
                    took = first_request(shop, lambda: job.append(schedule(farm, node)))  # noqa: B023
                    farm.wait(job[0])
                    time.sleep(chance.uniform(*PAUSE_SECONDS))
                    other = first_request(shop, submit_to_stock)
                    if turn:  # the first of each loads what later ones find loaded
                        ours.append(took)
                        theirs.append(other)
        finally:
            farm.close()
    late = [p95(ours)]
    rows: list[tuple[str, list[float], list[float] | float, float | None]] = [
        ("p50 / stock Scrapyd", ours, theirs, share_of_stock),
        ("p95 / stock Scrapyd", late, p95(theirs), None),
        ("p50 / goal's 1.3 s", ours, P50_GOAL_SECONDS, 1),
        ("p95 / goal's 2 s", late, P95_GOAL_SECONDS, 1),
    ]
    return [
        against(f"submit to first request, {name}", values, "s", versus, goal, more_is_better=False)
        for name, values, versus, goal in rows
    ]


def p95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1]


def schedule(farm: Farm, node: object) -> str:
    answer = node.schedule(VENDOR, stage="links", which="all")  # type: ignore[attr-defined]
    return str(answer.json["jobid"])


def first_request(shop: Shop, submit: Callable[[], object]) -> float:
    """Return the seconds from the submission to the first request that reaches the shop."""
    asked = shop.asked
    began = time.monotonic()
    submit()
    deadline = began + 60
    while shop.asked == asked:
        if time.monotonic() > deadline:
            raise RuntimeError("no request reached the shop within a minute")
        time.sleep(0.002)
    return time.monotonic() - began


@contextmanager
def stock(folder: Path, shop: Shop) -> Iterator[Callable[[], None]]:
    """Run stock Scrapyd with a bare project; gives a function that schedules its spider."""
    port = free_port()
    (folder / "bare" / "spiders").mkdir(parents=True)
    (folder / "bare" / "__init__.py").touch()
    (folder / "bare" / "settings.py").write_text('SPIDER_MODULES = ["bare.spiders"]\n')
    (folder / "bare" / "spiders" / "__init__.py").touch()
    (folder / "bare" / "spiders" / "bare.py").write_text(SPIDER)
    (folder / "scrapy.cfg").write_text("[settings]\ndefault = bare.settings\nbare = bare.settings\n")
    (folder / "scrapyd.conf").write_text(f"[scrapyd]\nhttp_port = {port}\n[settings]\nbare = bare.settings\n")
    page = shop.base_url + shop.kind.year_index
    process = subprocess.Popen(
        [sys.executable, "-m", "scrapyd", "--pidfile="],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "BARE_URL": page},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _ok(f"{url}/daemonstatus.json"), 30, "the start of stock Scrapyd")
        data = urllib.parse.urlencode({"project": "bare", "spider": "bare"}).encode()
        yield lambda: urllib.request.urlopen(f"{url}/schedule.json", data, timeout=30).close()
    finally:
        process.terminate()
        process.wait(30)


def _ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
