"""A plain ``scrapy crawl`` takes the vendor like any other run."""

from __future__ import annotations

import signal
from uuid import uuid4

from tests import warm
from tests.farm import Farm, Service, until

VENDOR = "ornament_shop_com"


def command(job_id: str) -> list[str]:
    return ["scrapy", "crawl", VENDOR, "-a", "stage=links", "-a", f"_job={job_id}"]


def start(farm: Farm, job_id: str) -> Service:
    """Start a crawl that nobody has queued, and wait for its own record."""
    log_path = farm.folder / f"{job_id}.log"
    with log_path.open("wb") as log:
        process = warm.start(*command(job_id), environment=farm.environment(), output=log)
    farm.services.append(Service(process, log_path))
    until(lambda: job_id in {job.id for job in farm.jobs("running")}, what="the crawl's own record")
    return farm.services[-1]


def test_a_crawl_of_a_vendor_that_is_taken_says_by_whom_and_stops(farm: Farm) -> None:
    shop = farm.server.shops[VENDOR]
    shop.waits = True
    node = farm.node()
    taken_by = farm.submit("integrator.sync_links", vendor=VENDOR, which="all").id
    until(lambda: farm.job(taken_by).process, what="the start")
    asked = shop.asked
    job_id = uuid4().hex
    done = warm.run(*command(job_id), environment=farm.environment())
    shop.waits = False
    assert f"{VENDOR} is being read by job {taken_by} (integrator.sync_links) on node-{node.port}" in done.stderr
    assert "Spider closed (vendor_taken)" in done.stderr
    assert "'downloader/request_count'" not in done.stderr
    assert shop.in_flight_max <= 4
    assert shop.asked >= asked
    assert job_id not in {job.id for job in farm.jobs()}


def test_a_job_waits_for_a_crawl_that_nobody_queued(farm: Farm) -> None:
    shop = farm.server.shops[VENDOR]
    shop.waits = True
    job_id = uuid4().hex
    start(farm, job_id)
    farm.node()
    submitted = farm.submit("integrator.sync_links", vendor=VENDOR, which="all")
    other = farm.submit("integrator.sync_links", vendor="hookedonhallmark_com", which="all")
    assert farm.wait(other.id).state == "succeeded"
    assert farm.job(submitted.id).state == "queued"
    shop.waits = False
    waiting = farm.wait(submitted.id)
    first = farm.job(job_id)
    assert (first.state, waiting.state) == ("succeeded", "succeeded")
    assert first.finished_at is not None
    assert waiting.started_at is not None
    assert waiting.started_at >= first.finished_at


def test_the_next_run_takes_the_vendor_from_a_crawl_that_was_killed(farm: Farm) -> None:
    farm.server.shops[VENDOR].waits = True
    killed, following = uuid4().hex, uuid4().hex
    assert start(farm, killed).stop(signal.SIGKILL) == -signal.SIGKILL
    farm.server.shops[VENDOR].waits = False
    warm.run(*command(following), environment=farm.environment())
    assert [farm.job(one).state for one in (killed, following)] == ["failed", "succeeded"]
    assert "died without a report" in (farm.job(killed).outcome or {})["error"]
