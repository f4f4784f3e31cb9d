"""Several of everything for tests, on one PostgreSQL and one Valkey, each alone but for what they share.

Every process has a working folder, a folder of its own state and a key of its own, and learns all the rest from its
environment. Their login owns nothing in the database.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from christmas.demo.shops import Shop
from christmas.jobs.records import JobRow
from tests import eggs, many_vendors
from tests.farm import START_SECONDS, Farm, Node, Service, free_port, standing, until
from tests.server import running
from tests.server.running import Server
from tests.valkey import Valkey

VENDORS = many_vendors.names(6)
WELL: dict[str, Any] = {"status": "ok", "missing": []}
REQUESTS_PER_MINUTE = 40
WRONG_KEYS = 6
ROLES = [f"christmas_{kind}" for kind in (
    "service_integrator", "service_scheduler", "service_server", "spider_integrator", "spider_auditor",
)]  # fmt: skip


@dataclass
class Cluster:
    """The processes, and what they share."""

    farm: Farm
    valkey: Valkey
    keys: dict[str, str]
    login: str
    nodes: dict[str, Node] = field(default_factory=dict)
    schedulers: list[Service] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    ports: dict[int, Service | Server] = field(default_factory=dict)

    def node(self) -> None:
        """Start one more node, of one slot."""
        name = f"node-{len(self.nodes) + 1}"
        own = self._own(name, "integrator", CHRISTMAS__NODE__NAME=name, CHRISTMAS__NODE__SLOTS="1")
        self.nodes[name] = node = self.farm.node(wait=False, **own)
        self.ports[node.port] = node

    def scheduler(self) -> None:
        """Start one more scheduler."""
        port = free_port()
        own = self._own(f"scheduler-{len(self.schedulers) + 1}", "scheduler", CHRISTMAS__SCHEDULER__PORT=str(port))
        self.schedulers.append(self.farm.start("scheduler", **own))
        self.ports[port] = self.schedulers[-1]

    def server(self) -> None:
        """Start one more server."""
        own = self._own(f"server-{len(self.servers) + 1}", "server")
        self.servers.append(running.started(self.farm, wait=False, **own))
        self.ports[self.servers[-1].port] = self.servers[-1]

    def _own(self, name: str, service: str, **variables: str) -> dict[str, Any]:
        cwd = self.farm.folder / name / "cwd"
        cwd.mkdir(parents=True)
        return {
            "cwd": cwd,
            "CHRISTMAS__VAR_PATH": str(cwd.parent / "var"),
            "CHRISTMAS__DATABASE__URL": self.login,
            "CHRISTMAS__ACCESS__KEY": self.keys[service],
            **variables,
        }

    def all_say(self, status: int, said: dict[str, Any]) -> bool:
        """Whether every process that lives says so of itself."""
        for port, one in self.ports.items():
            assert one.process.poll() is None, one.log
            if standing(port) != (status, said):
                return False
        return True

    def kill(self, service: Service) -> None:
        """Kill a process with SIGKILL, and expect nothing of it any more."""
        service.kill()
        self.ports = {port: one for port, one in self.ports.items() if one is not service}

    def submit(self, server: Server, name: str, **arguments: Any) -> str:
        """Submit a job over a server's API, and give its ID."""
        answer = server.ask("/api/v1/jobs", json={"name": name, "arguments": arguments}, key=self.farm.key())
        assert answer.status in {200, 201, 202}, answer.text
        return str(answer.json["id"])

    def ended(self, ids: Collection[str]) -> list[JobRow]:
        """Return the records of jobs when all of them have ended."""
        return [self.farm.wait(job_id, 120) for job_id in ids]

    def shop(self, vendor: str) -> Shop:
        return self.farm.server.shops[vendor]


@contextmanager
def clustered(folder: Path, url: str, *, nodes: int, schedulers: int = 2, servers: int = 2) -> Iterator[Cluster]:
    """Run so many of each; all are well when this begins."""
    with many_vendors.shops(len(VENDORS), size=12, per_page=4) as shops, Valkey(folder / "valkey", "quiet") as valkey:
        variables = {
            "CHRISTMAS__DATABASE__URL": url,
            "CHRISTMAS__REDIS__URL": valkey.url,
            "CHRISTMAS__POLITENESS__CONCURRENCY": "1",
            "CHRISTMAS__JOBS__LEASE_SECONDS": "5",
            "CHRISTMAS__SERVER__REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE),
            "CHRISTMAS__SERVER__PROXIES": '["127.0.0.1"]',
            "CHRISTMAS__ACCESS__FAILED_LOGINS_PER_MINUTE": str(WRONG_KEYS),
        }
        farm = Farm(folder / "farm", shops, variables)
        keys = farm.migrated()
        eggs.store(farm, many_vendors.egg(len(VENDORS)))
        cluster = Cluster(farm, valkey, keys, farm.login(f"several_{nodes}", *ROLES))
        try:
            for start in [cluster.node] * nodes + [cluster.scheduler] * schedulers + [cluster.server] * servers:
                start()
            until(lambda: cluster.all_say(200, WELL), START_SECONDS, "the start of everything")
            yield cluster
        finally:
            farm.close()


@contextmanager
def held(cluster: Cluster, vendors: list[str]) -> Iterator[list[str]]:
    """Have these vendors be read by jobs that cannot end within; gives the jobs, whose processes all run."""
    shops = [cluster.shop(vendor) for vendor in vendors]
    for shop in shops:
        shop.clear()
        shop.waits = True
    turns = itertools.cycle(cluster.servers)
    ids = [cluster.submit(next(turns), "integrator.sync_links", vendor=vendor, which="all") for vendor in vendors]
    until(lambda: all(cluster.farm.job(job_id).process for job_id in ids), 60, "the jobs' processes")
    try:
        yield ids
    finally:
        for shop in shops:
            shop.waits = False
