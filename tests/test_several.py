"""Two schedulers, three nodes and two servers on one PostgreSQL and one Valkey, each alone but for what they share.

Every process has a working folder, a folder of its own state and a key of its own, and learns all the rest from its
environment. Their login owns nothing in the database.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from christmas.demo.shops import Shop
from christmas.jobs.records import JobRow
from tests import chaos, eggs, many_vendors
from tests.farm import START_SECONDS, Farm, Key, Node, Service, free_port, standing, until
from tests.scheduler.firings import assert_none_is_missing, fired
from tests.server import running
from tests.server.browsing import Browser, text
from tests.server.running import Answer, Server
from tests.valkey import Valkey

pytestmark = pytest.mark.serial

VENDORS = many_vendors.names(6)
WELL: dict[str, Any] = {"status": "ok", "missing": []}
REQUESTS_PER_MINUTE = 40
WRONG_KEYS = 6
WHOAMI = "/api/v1/whoami"
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


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, new_postgresql: Callable[[], str]) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("several")
    with many_vendors.shops(len(VENDORS), size=12, per_page=4) as shops, Valkey(folder / "valkey", "quiet") as valkey:
        variables = {
            "CHRISTMAS__DATABASE__URL": new_postgresql(),
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
        cluster = Cluster(farm, valkey, keys, farm.login("several", *ROLES))
        try:
            for start in [cluster.node] * 3 + [cluster.scheduler] * 2 + [cluster.server] * 2:
                start()
            until(lambda: cluster.all_say(200, WELL), START_SECONDS, "the start of everything")
            yield cluster
        finally:
            farm.close()


def read_on_all_nodes(cluster: Cluster) -> list[JobRow]:
    """Read every vendor once, by so many nodes at a time as there are; gives the jobs."""
    turns = itertools.cycle(cluster.servers)
    ids = [cluster.submit(next(turns), "integrator.sync_links", vendor=vendor, which="all") for vendor in VENDORS]
    jobs = cluster.ended(ids)
    assert {job.node for job in jobs} == living(cluster).keys()
    return jobs


def living(cluster: Cluster) -> dict[str, Node]:
    return {name: node for name, node in cluster.nodes.items() if node.process.poll() is None}


def requests_by_run(shop: Shop) -> list[list[str]]:
    """Return the paths that were asked for, by connection: a run has one."""
    return [[hit.path for hit in hits] for _, hits in itertools.groupby(shop.requests, key=lambda hit: hit.connection)]


class TestJobs:
    def test_every_firing_and_every_request_is_one_job_that_runs_once(self, cluster: Cluster) -> None:
        farm, (first, second) = cluster.farm, cluster.servers
        begin = datetime.now(UTC)
        wanted = {
            "links": ("integrator.sync_links", {"vendor": VENDORS[0], "which": "all"}),
            "roots": ("integrator.sync_vendor", {"vendor": VENDORS[1]}),
        }
        for server, (name, (job, arguments)) in zip(cluster.servers, wanted.items(), strict=True):
            schedule = {"job": job, "arguments": arguments, "every_seconds": 1, "missed": "all"}
            answer = server.ask(f"/api/v1/schedules/{name}", method="PUT", json=schedule, key=farm.key())
            assert answer.status == 201, answer.text
        asked: set[str] = set()
        for vendor in VENDORS[2:]:
            for name in ("integrator.sync_links", "integrator.sync_products"):
                twice = {cluster.submit(server, name, vendor=vendor, which="all") for server in cluster.servers}
                assert len(twice) == 1
                asked |= twice
        until(lambda: min(len(fired(farm, name)) for name in wanted) > 2, 60, "some firings")
        cluster.kill(cluster.schedulers[0])
        count = max(len(fired(farm, name)) for name in wanted)
        until(lambda: min(len(fired(farm, name)) for name in wanted) > count + 2, 60, "the other scheduler to go on")
        cluster.scheduler()
        for server, name in zip((second, first), wanted, strict=True):  # not the one that made it
            assert server.ask(f"/api/v1/schedules/{name}/pause", method="POST", key=farm.key()).status == 200
        until(lambda: not farm.jobs("queued", "running"), 120, "the end of all jobs")

        for name in wanted:
            assert_none_is_missing(fired(farm, name), begin)
        roots = [one.job_id for one in fired(farm, "roots")]
        assert len(set(roots)) == len(roots)
        jobs = farm.jobs()
        assert {job.state for job in jobs} == {"succeeded"}
        runs = [job for job in jobs if job.consumer is not None]
        assert {job.attempt for job in runs} == {1}
        assert {job.node for job in runs} == {"node-1", "node-2", "node-3"}
        known = asked | {str(one.job_id) for name in wanted for one in fired(farm, name)}
        assert {job.id for job in jobs if job.parent_id is None} == known
        for vendor, shop in farm.server.shops.items():
            seen = requests_by_run(shop)
            assert [paths for paths in seen if len(set(paths)) != len(paths)] == []
            assert len(seen) <= len([job for job in runs if job.vendor == vendor])
            assert chaos.overlaps(shop) == []
        for vendor in VENDORS[2:]:  # whose jobs all had something to read
            assert len(requests_by_run(cluster.shop(vendor))) == 2

    def test_a_shop_is_asked_as_slowly_as_it_wants_whatever_node_asks(self, cluster: Cluster) -> None:
        vendor = VENDORS[3]
        shop = cluster.shop(vendor)
        shop.robots = "User-agent: *\nCrawl-delay: 0.5\n"
        shop.clear()
        nodes: set[str | None] = set()

        def another() -> bool:
            [run] = cluster.ended(
                [cluster.submit(cluster.servers[0], "integrator.sync_links", vendor=vendor, which="all")]
            )
            assert run.state == "succeeded"
            nodes.add(run.node)
            return len(nodes) > 1

        until(another, 60, "runs on two nodes")
        assert chaos.overlaps(shop) == []
        # A run knows of the delay when it has read robots.txt; what it asks for next was on its way.
        runs = [list(hits)[1:] for _, hits in itertools.groupby(shop.requests, key=lambda hit: hit.connection)]
        # Over a whole run: what the shop notes may be late by a moment.
        assert [hits for hits in runs if len(hits) < 3] == []
        assert min((hits[-1].at - hits[0].at) / (len(hits) - 1) for hits in runs) >= 0.45


class TestCallers:
    def test_who_signs_in_at_one_server_is_known_to_the_other(self, cluster: Cluster) -> None:
        first, second = cluster.servers
        cookie = first.sign_in(cluster.farm.key(user="ann"))
        here, there = Browser(first, cookie), Browser(second, cookie)
        assert text(there.open("/operations").find_class("who")[0]) == "ann Sign out"
        assert there.press("/operations", "Sign out").status == 303
        for browser in (there, here):
            assert browser.server.ask("/operations", cookie=cookie).status == 303

    def test_a_key_that_is_revoked_at_one_server_is_refused_at_the_other(self, cluster: Cluster) -> None:
        first, second = cluster.servers
        made = first.ask("/api/v1/keys", json={"user": "bob", "role": "user"}, key=cluster.farm.key())
        assert made.status == 201, made.text
        key: Key = ("bob", made.json["key"])
        cookie = second.sign_in(key)
        assert [server.ask(WHOAMI, key=key).status for server in cluster.servers] == [200, 200]
        path = f"/api/v1/keys/{made.json['id']}"
        assert first.ask(path, method="DELETE", key=cluster.farm.key()).status == 204
        assert [server.ask(WHOAMI, key=key).status for server in (second, first)] == [401, 401]
        assert second.ask("/operations", cookie=cookie).status == 303

    def test_requests_of_one_key_are_counted_together(self, cluster: Cluster) -> None:
        answers: list[Answer] = []

        def within_a_minute() -> bool:
            key = cluster.farm.key()
            turns = itertools.cycle(cluster.servers)
            answers[:] = [next(turns).ask(WHOAMI, key=key) for _ in range(REQUESTS_PER_MINUTE + 2)]
            resets = [int(answer.headers["ratelimit"].partition("t=")[2]) for answer in answers]
            return resets == sorted(resets, reverse=True)

        until(within_a_minute, 60, "so many requests within a minute")
        assert [answer.status for answer in answers] == [200] * REQUESTS_PER_MINUTE + [429, 429]
        left = [int(re.findall(r"r=(\d+)", answer.headers["ratelimit"])[0]) for answer in answers]
        assert left == [*range(REQUESTS_PER_MINUTE - 1, -1, -1), 0, 0]

    def test_wrong_keys_of_one_address_are_counted_together(self, cluster: Cluster) -> None:
        headers = {"X-Forwarded-For": "203.0.113.7"}
        right = cluster.farm.key()
        turns = itertools.cycle(cluster.servers)
        wrong = [next(turns).ask(WHOAMI, key=("ann", "wrong"), headers=headers).status for _ in range(WRONG_KEYS)]
        assert wrong == [401] * WRONG_KEYS
        for server in cluster.servers:  # of another address it is not
            assert server.ask(WHOAMI, key=right, headers=headers).status == 429
            assert server.ask(WHOAMI, key=right).status == 200


class TestOneView:
    def test_either_server_shows_the_lines_of_all(self, cluster: Cluster) -> None:
        jobs = read_on_all_nodes(cluster)
        for node in living(cluster).values():
            assert node.ask("jobs", key=("ann", "wrong")).status == 401
        expected = {(service, name) for service in ("spider", "node") for name in living(cluster)}
        for server in cluster.servers:
            speakers = until(lambda: expected <= (found := told(cluster, server)) and found, 30, "all lines")  # noqa: B023
            kinds = [service for service, _ in speakers]
            assert kinds.count("scheduler") >= 2
            assert kinds.count("server") == 2
            for job in jobs:
                lines = server.ask(f"/api/v1/jobs/{job.id}/logs", key=cluster.farm.key()).json["items"]
                assert {(line["node"], line["vendor"]) for line in lines} == {(job.node, job.vendor)}

    def test_either_server_measures_the_runs_of_all_nodes(self, cluster: Cluster) -> None:
        read_on_all_nodes(cluster)
        for vendor in VENDORS:
            jobs = [job for job in cluster.farm.jobs("succeeded") if job.vendor == vendor]
            pages = sum((job.outcome or {}).get("pages_read", 0) for job in jobs if job.consumer)  # roots have none
            wanted = {
                f'christmas_pages_total{{result="read",vendor="{vendor}"}}': pages,
                f'christmas_jobs_total{{state="succeeded",vendor="{vendor}"}}': len(jobs),
            }
            for server in cluster.servers:
                until(lambda: wanted.items() <= samples(cluster, server).items(), 60, f"{wanted}")  # noqa: B023


def told(cluster: Cluster, server: Server) -> set[tuple[str, str]]:
    """Return service and node of every line that the page of logs shows, and those before it."""
    browser = Browser(server, server.sign_in(cluster.farm.key()))
    found: set[tuple[str, str]] = set()
    path: str | None = "/operations/logs?level=DEBUG"
    while path:
        page = browser.open(path)
        for line in page.find_class("line"):
            service, node, *_ = re.findall(r"\[([^\]]*)\]", text(line))[0].split()
            found.add((service, node))
        earlier = page.xpath("//a[text()='Earlier lines']")
        path = earlier[0].get("href") if earlier else None
    return found


def samples(cluster: Cluster, server: Server) -> dict[str, float]:
    """Return what /metrics tells, by name and labels."""
    page = server.ask("/metrics", key=cluster.farm.key("monitor"))
    assert page.status == 200, page.text
    pairs = (line.rpartition(" ") for line in page.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


class TestOutages:
    def test_the_job_of_a_node_that_is_killed_runs_elsewhere(self, cluster: Cluster) -> None:
        with held(cluster, VENDORS[:3]) as ids:
            runs = {job.node: job for job in map(cluster.farm.job, ids)}
            victim = next(iter(runs))
            cluster.kill(cluster.nodes[str(victim)])
        ended = {job.id: job for job in cluster.ended(ids)}
        lost = ended[runs[victim].id]
        assert (lost.state, lost.attempt) == ("succeeded", 2)
        assert lost.node != victim
        assert {(job.state, job.attempt) for job in ended.values() if job is not lost} == {("succeeded", 1)}
        assert [one for vendor in VENDORS[:3] for one in chaos.overlaps(cluster.shop(vendor))] == []
        cluster.node()
        until(lambda: cluster.all_say(200, WELL), START_SECONDS, "the start of another node")

    def test_without_valkey_all_go_on_and_say_so(self, cluster: Cluster) -> None:
        first, second = cluster.servers
        with held(cluster, VENDORS[:2]) as ids:
            cluster.valkey.stop()
            until(lambda: cluster.all_say(200, {"status": "ok", "missing": ["redis"]}), 30, "that all miss it")
            assert [server.ask("/api/v1/products", key=cluster.farm.key()).status for server in cluster.servers] == [
                200,
                200,
            ]
            during = cluster.submit(second, "integrator.sync_links", vendor=VENDORS[5], which="all")
            assert [job.state for job in cluster.ended([during])] == ["succeeded"]
            cluster.valkey.start()
            until(lambda: cluster.all_say(200, WELL), 30, "that all have it again")
        assert {(job.state, job.attempt) for job in cluster.ended(ids)} == {("succeeded", 1)}
        for job_id in ids:
            until(lambda: first.ask(f"/api/v1/jobs/{job_id}/logs", key=cluster.farm.key()).json["items"], 30, "lines")  # noqa: B023

    def test_without_postgresql_none_is_ready_and_all_come_back(self, cluster: Cluster) -> None:
        farm = cluster.farm
        url = make_url(farm.variables["CHRISTMAS__DATABASE__URL"])
        admin = url.set(database="postgres").render_as_string(hide_password=False)
        with held(cluster, VENDORS[:2]) as ids:
            farm.engine.dispose()
            with psycopg.connect(admin, autocommit=True) as connection:
                # As if it were away: nobody is let in, and whoever is in is thrown out.
                connection.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false')
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (url.database,)
                )
                missing = {"status": "unavailable", "missing": ["database"]}
                until(lambda: cluster.all_say(503, missing), 30, "that all miss it")
                connection.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true')
            until(lambda: cluster.all_say(200, WELL), 60, "that all have it again")
        assert {job.state for job in cluster.ended(ids)} == {"succeeded"}
        assert [one for vendor in VENDORS[:2] for one in chaos.overlaps(cluster.shop(vendor))] == []
        read_on_all_nodes(cluster)


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
