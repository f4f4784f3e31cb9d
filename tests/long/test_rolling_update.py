"""Nodes and servers are replaced one after the other under load: every request is answered, and no job is lost."""

from __future__ import annotations

import http.client
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest

from tests import eggs, many_vendors
from tests.balancer import Balancer, balancing
from tests.farm import Farm, Node, Service, free_port, until

VENDORS = 6
OPEN_JOBS = 5
PAUSE_SECONDS = 0.05
# Longer than a busy machine needs to see that a server is not ready any more.
DRAIN_SECONDS = "8"
ATTEMPTS = 3
PATHS = ("/api/v1/products?limit=20", "/api/v1/jobs?limit=20", "/api/v1/whoami", "/health/live", "/")


class Load:
    """Clients that ask one after the other, each on a connection that it keeps, and one that submits jobs as well."""

    def __init__(self, farm: Farm, port: int) -> None:
        self.farm = farm
        self.port = port
        self.answers: list[tuple[str, int]] = []
        self.problems: list[str] = []
        self.submitted: list[str] = []
        self.ended = Event()
        key = b64encode(":".join(farm.key(user="client")).encode()).decode()
        self.headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
        self.threads = [
            Thread(target=self._until_ended, args=(step,)) for step in (self._read, self._read, self._submit)
        ]

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def _until_ended(self, step: Callable[[http.client.HTTPConnection, int], None]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        for number in count():
            if self.ended.wait(PAUSE_SECONDS):
                break
            try:
                step(connection, number)
            except Exception as error:  # noqa: BLE001  # whatever it is, the test shows it
                self.problems.append(repr(error))
                connection.close()
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, method: str, path: str, body: str = "") -> bytes:
        connection.request(method, path, body, self.headers)
        answer = connection.getresponse()
        content = answer.read()
        self.answers.append((path, answer.status))
        if answer.status >= 400:
            self.problems.append(f"{path}: {answer.status} {content[:300]!r}")
        return content

    def _read(self, connection: http.client.HTTPConnection, number: int) -> None:
        self._ask(connection, "GET", PATHS[number % len(PATHS)])

    def _submit(self, connection: http.client.HTTPConnection, number: int) -> None:
        if len(self.farm.jobs("queued", "running")) >= OPEN_JOBS:
            return
        vendor = many_vendors.names(VENDORS)[number % VENDORS]
        # The limit is another one each time: the same job again would be answered with the one that is open.
        job = {"name": "integrator.sync_products", "arguments": {"vendor": vendor, "which": "all", "limit": 8 + number}}
        self.submitted.append(json.loads(self._ask(connection, "POST", "/api/v1/jobs", json.dumps(job)))["id"])


@pytest.fixture
def farm(tmp_path: Path, new_postgresql: Callable[[], str]) -> Iterator[Farm]:
    """Provide a farm on PostgreSQL whose shops are slow and whose products are known."""
    with many_vendors.shops(VENDORS, size=12) as server:
        variables = {
            "CHRISTMAS__DATABASE__URL": new_postgresql(),
            "CHRISTMAS__POLITENESS__CONCURRENCY": "1",
            "CHRISTMAS__SERVER__DRAIN_SECONDS": DRAIN_SECONDS,
            "CHRISTMAS__SERVER__REQUESTS_PER_MINUTE": "1000000",
            "CHRISTMAS__NODE__SLOTS": "2",
            "CHRISTMAS__NODE__FINISH_SECONDS": "2",  # some runs come to their end, others do not
        }
        farm = Farm(tmp_path / "farm", server, variables)
        eggs.store(farm, many_vendors.egg(VENDORS))
        try:
            yield farm
        finally:
            farm.close()


def server(farm: Farm, balancer: Balancer) -> tuple[int, Service]:
    """Start a server; it gets requests when this returns."""
    port = free_port()
    service = farm.start("server", CHRISTMAS__SERVER__PORT=str(port))
    balancer.add(port)
    until(lambda: port in balancer.ready() or service.process.poll() is not None, 60, "a server that is ready")
    assert service.process.poll() is None, service.log
    return port, service


def leave(farm: Farm, node: Node) -> None:
    """Tell a node to stop while it has a run that cannot end before it is told."""
    shops = farm.server.shops

    def waits() -> bool:
        for job in farm.jobs("running"):
            if job.node == f"node-{node.port}":
                shops[str(job.vendor)].waits = True
                if shops[str(job.vendor)].in_flight:
                    return True
        return False

    until(waits, 60, "a run on the node that leaves")
    node.process.terminate()
    until(lambda: "runs may finish within 2 s" in node.log, 60, "that the node has heard")
    for shop in shops.values():
        shop.waits = False


def test_every_request_is_answered_and_no_job_is_lost(farm: Farm) -> None:
    with balancing() as balancer:
        nodes: list[Node] = [farm.node() for _ in range(2)]
        known = [farm.submit("integrator.sync_links", vendor=vendor, which="all") for vendor in farm.server.shops]
        assert {farm.wait(job.id, 120).state for job in known} == {"succeeded"}
        for shop in farm.server.shops.values():
            shop.delay_seconds = 0.4
        servers = [server(farm, balancer) for _ in range(2)]
        old, new = [port for port, _ in servers], []
        with Load(farm, balancer.port) as load:
            until(lambda: len(farm.jobs("running")) >= 3, 60, "some runs at once")
            for (port, service), node in zip(servers, nodes, strict=True):
                server(farm, balancer)
                new.append(farm.node())
                leave(farm, node)
                assert service.stop(seconds=120) == 0, service.log
                balancer.remove(port)
                assert node.process.wait(180) == 0, node.log
            asked = len(load.answers)
            until(lambda: len(load.answers) > asked + 50, 60, "that the new servers answer alone")
        assert load.problems == []
        assert {status for _, status in load.answers} <= {200, 201, 202}
        assert {path for path, _ in load.answers} == {*PATHS, "/api/v1/jobs"}
        assert set(balancer.answered) > set(old)
        assert all(balancer.answered[port] > 10 for port in balancer.answered)
    until(lambda: not farm.jobs("queued", "running"), 120, "the end of all jobs")
    jobs = {job.id: job for job in farm.jobs()}
    assert set(load.submitted) <= jobs.keys()
    assert {job.state for job in jobs.values()} == {"succeeded"}
    # A job that is handed back gets the attempt back: nothing was lost and taken over, or tried again.
    assert {job.attempts_max - job.attempt for job in jobs.values()} == {ATTEMPTS - 1}
    assert {f"node-{node.port}" for node in new} <= {job.node for job in jobs.values()}
    assert [one for shop in farm.server.shops.values() for one in many_vendors.overlaps(shop)] == []
