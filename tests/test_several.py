"""Two schedulers, two nodes and two servers together: see ``tests/long/test_several.py`` for more of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from tests import many_vendors
from tests.cluster import REQUESTS_PER_MINUTE, VENDORS, WRONG_KEYS, Cluster, clustered, held
from tests.farm import Key, until
from tests.scheduler.firings import assert_none_is_missing, fired
from tests.server.browsing import Browser, text
from tests.server.running import Answer

WHOAMI = "/api/v1/whoami"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, new_postgresql: Callable[[], str]) -> Iterator[Cluster]:
    with clustered(tmp_path_factory.mktemp("several"), new_postgresql(), nodes=2) as cluster:
        yield cluster


def test_what_is_due_or_asked_for_is_one_job_that_runs_once(cluster: Cluster) -> None:
    farm, (first, second) = cluster.farm, cluster.servers
    begin = datetime.now(UTC)
    with held(cluster, VENDORS[:2]) as asked:  # so one on each node
        for server, vendor in zip((second, first), VENDORS, strict=False):
            assert cluster.submit(server, "integrator.sync_links", vendor=vendor, which="all") in asked
        schedule = {
            "job": "integrator.sync_links", "arguments": {"vendor": VENDORS[2]}, "every_seconds": 1, "missed": "all"
        }  # fmt: skip
        answer = first.ask("/api/v1/schedules/often", method="PUT", json=schedule, key=farm.key())
        assert answer.status == 201, answer.text
        until(lambda: fired(farm), 60, "a firing")
        cluster.kill(cluster.schedulers[0])
        count = len(fired(farm))
        until(lambda: len(fired(farm)) > count + 1, 60, "the other scheduler to go on")
        assert second.ask("/api/v1/schedules/often/pause", method="POST", key=farm.key()).status == 200
    until(lambda: not farm.jobs("queued", "running"), 120, "the end of all jobs")
    assert_none_is_missing(fired(farm), begin)
    jobs = {job.id: job for job in farm.jobs()}
    assert jobs.keys() == {*asked, *(one.job_id for one in fired(farm))}
    assert {(job.state, job.attempt) for job in jobs.values()} == {("succeeded", 1)}
    assert {jobs[job_id].node for job_id in asked} == {"node-1", "node-2"}
    assert [one for shop in farm.server.shops.values() for one in many_vendors.overlaps(shop)] == []


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
