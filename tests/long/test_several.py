"""Two schedulers, three nodes and two servers: jobs, one view of all, and outages of what they share."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import make_url

from christmas.demo.shops import Shop
from christmas.jobs.records import JobRow
from tests import many_vendors
from tests.cluster import VENDORS, WELL, Cluster, clustered, held
from tests.farm import START_SECONDS, Node, until
from tests.scheduler.firings import assert_none_is_missing, fired
from tests.server.browsing import Browser, text
from tests.server.running import Server


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, new_postgresql: Callable[[], str]) -> Iterator[Cluster]:
    with clustered(tmp_path_factory.mktemp("several"), new_postgresql(), nodes=3) as cluster:
        yield cluster


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
            assert many_vendors.overlaps(shop) == []
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
        assert many_vendors.overlaps(shop) == []
        # A run knows of the delay when it has read robots.txt; what it asks for next was on its way.
        runs = [list(hits)[1:] for _, hits in itertools.groupby(shop.requests, key=lambda hit: hit.connection)]
        # Over a whole run: what the shop notes may be late by a moment.
        assert [hits for hits in runs if len(hits) < 3] == []
        assert min((hits[-1].at - hits[0].at) / (len(hits) - 1) for hits in runs) >= 0.45


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
        assert [one for vendor in VENDORS[:3] for one in many_vendors.overlaps(cluster.shop(vendor))] == []
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
        assert [one for vendor in VENDORS[:2] for one in many_vendors.overlaps(cluster.shop(vendor))] == []
        read_on_all_nodes(cluster)
