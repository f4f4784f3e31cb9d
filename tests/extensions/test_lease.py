"""A plain ``scrapy crawl`` takes the vendor like any other run."""

from __future__ import annotations

import subprocess
import sys
from uuid import uuid4

import pytest

from tests.farm import ROOT, Farm, until

pytestmark = pytest.mark.serial

VENDOR = "ornament_shop_com"


def command(job_id: str) -> list[str]:
    return [sys.executable, "-m", "scrapy", "crawl", VENDOR, "-a", "stage=links", "-a", f"_job={job_id}"]


def test_a_crawl_of_a_vendor_that_is_taken_says_by_whom_and_stops(farm: Farm) -> None:
    shop = farm.server.shops[VENDOR]
    shop.delay_seconds = 1.0
    node = farm.node()
    taken_by = farm.submit("integrator.sync_links", vendor=VENDOR, which="all").id
    until(lambda: farm.job(taken_by).process, what="the start")
    asked = shop.asked
    job_id = uuid4().hex
    done = subprocess.run(
        command(job_id),
        env=farm.environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert f"{VENDOR} is being read by job {taken_by} (integrator.sync_links) on node-{node.port}" in done.stderr
    assert "Spider closed (vendor_taken)" in done.stderr
    assert "'downloader/request_count'" not in done.stderr
    assert shop.in_flight_max <= 4
    assert shop.asked >= asked
    assert job_id not in {job.id for job in farm.jobs()}


def test_a_job_waits_for_a_crawl_that_nobody_queued(farm: Farm) -> None:
    farm.server.shops[VENDOR].delay_seconds = 0.5
    job_id = uuid4().hex
    crawl = subprocess.Popen(
        command(job_id), env=farm.environment(), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: job_id in {job.id for job in farm.jobs("running")}, what="the crawl's own record")
        farm.node()
        waiting = farm.wait(farm.submit("integrator.sync_links", vendor=VENDOR, which="all").id)
    finally:
        crawl.wait(60)
    first = farm.job(job_id)
    assert (first.state, waiting.state) == ("succeeded", "succeeded")
    assert first.finished_at is not None
    assert waiting.started_at is not None
    assert waiting.started_at >= first.finished_at


def test_the_next_run_takes_the_vendor_from_a_crawl_that_was_killed(farm: Farm) -> None:
    farm.server.shops[VENDOR].delay_seconds = 0.5
    killed, following = uuid4().hex, uuid4().hex
    crawl = subprocess.Popen(
        command(killed), env=farm.environment(), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until(lambda: killed in {job.id for job in farm.jobs("running")}, what="the crawl's own record")
    crawl.kill()
    crawl.wait(10)
    farm.server.shops[VENDOR].delay_seconds = 0.0
    subprocess.run(command(following), env=farm.environment(), cwd=ROOT, capture_output=True, timeout=180)
    assert [farm.job(one).state for one in (killed, following)] == ["failed", "succeeded"]
    assert "died without a report" in (farm.job(killed).outcome or {})["error"]
