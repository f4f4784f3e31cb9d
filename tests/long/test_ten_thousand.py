"""Ten thousand jobs submitted at once: the API answers, jobs are run, and memory does not grow with them."""

from __future__ import annotations

import base64
import http.client
import itertools
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles

import pytest

from tests.farm import Farm, Node

pytestmark = pytest.mark.serial

VENDOR = "ornament_shop_com"
JOBS = 10_000
CLIENTS = 32
# Each connection to SQLite keeps what it has read of the growing file, at most 16 MB; the jobs themselves are not kept.
GROWTH_MB = 60
SLOWEST_SECONDS = 2.0


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def submit(node: Node, numbers: itertools.count[int]) -> int:
    """Submit over one connection until all numbers are used up; gives how many of them were refused."""
    assert node.key
    headers = {
        "Authorization": "Basic " + base64.b64encode(":".join(node.key).encode()).decode(),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=180)
    refused = 0
    while (number := next(numbers)) < JOBS:
        form = {"project": "christmas", "spider": VENDOR, "stage": "products", "keys": str(number)}
        connection.request("POST", "/schedule.json", urllib.parse.urlencode(form), headers)
        answer = connection.getresponse()
        answer.read()
        refused += answer.status != 200
    connection.close()
    return refused


def test_ten_thousand_jobs_at_once(farm: Farm) -> None:
    node = farm.node(CHRISTMAS__NODE__SLOTS="1")
    warming = itertools.count(JOBS - 1000)  # what every request loads is loaded, all threads have connections
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda _: submit(node, warming), range(CLIENTS)))
    before = resident_mb(node.process.pid)
    waits: list[float] = []

    numbers = itertools.count()
    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        clients = [pool.submit(submit, node, numbers) for _ in range(CLIENTS)]
        while not all(client.done() for client in clients):
            began = time.monotonic()
            assert node.ask("status.json?job=none").status == 200
            waits.append(time.monotonic() - began)
        assert sum(client.result() for client in clients) == 0
    ended = len(farm.jobs("succeeded"))
    assert len(farm.jobs()) >= JOBS
    assert ended > 3
    assert quantiles(waits, n=100)[-1] < SLOWEST_SECONDS
    assert resident_mb(node.process.pid) - before < GROWTH_MB
    counts = node.ask("daemonstatus.json").json
    assert counts["pending"] + counts["running"] + counts["finished"] >= JOBS
    assert len(node.ask("listjobs.json?project=christmas").json["pending"]) > JOBS / 2
