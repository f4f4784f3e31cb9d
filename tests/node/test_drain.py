"""A node that is told to stop takes no more jobs, lets its runs finish for a while, and hands the rest back."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.farm import Farm, Node, until

LINKS = "integrator.sync_links"
QUICK, SLOW, WAITING = "ornament_shop_com", "hookedonhallmark_com", "hallmark_ornaments_com"
AGES = "600"  # longer than any test takes


def running(farm: Farm, *vendors: str) -> list[str]:
    """Submit a job of each vendor and give their ids when all run."""
    ids = [farm.submit(LINKS, vendor=vendor, which="all").id for vendor in vendors]
    until(lambda: all(farm.job(job).process for job in ids), 60, "the start of the runs")
    return ids


def draining(farm: Farm, node: Node) -> None:
    """Tell a node to stop, and wait until it has heard."""
    node.process.send_signal(signal.SIGTERM)
    until(lambda: node.ask("health/ready", anonymous=True).json == {"status": "stopping", "missing": []})


def told(farm: Farm, job: str) -> None:
    """Let the shops answer when a run has been told to stop: it waits for the answers that are under way."""
    path = farm.folder / "logs" / "christmas" / str(farm.job(job).vendor) / f"{job}.log"
    until(lambda: "Received SIGTERM" in path.read_text(encoding="utf-8"), 60, "that the run has heard")
    answering(farm)


def answering(farm: Farm) -> None:
    for shop in farm.server.shops.values():
        shop.waits = False


@pytest.fixture
def slow(farm: Farm) -> Iterator[Farm]:
    """Return a farm whose shops do not answer yet."""
    for shop in farm.server.shops.values():
        shop.waits = True
    yield farm
    answering(farm)


def test_runs_come_to_their_end_and_no_job_is_taken(slow: Farm) -> None:
    node = slow.node(CHRISTMAS__NODE__FINISH_SECONDS=AGES, CHRISTMAS__NODE__SLOTS="2")
    [job] = running(slow, QUICK)
    draining(slow, node)
    assert node.ask("health", anonymous=True).status == 503
    assert node.ask("health/live", anonymous=True).json == {"status": "ok"}
    waiting = node.schedule(WAITING, stage="links").json["jobid"]  # its API goes on
    answering(slow)
    assert node.process.wait(180) == 0, node.log
    assert (slow.job(job).state, slow.job(job).attempt) == ("succeeded", 1)
    assert (slow.job(waiting).state, slow.job(waiting).attempt) == ("queued", 0)
    assert "No more jobs are taken; 1 runs may finish within 600 s" in node.log


def test_what_does_not_finish_hands_its_job_back_and_another_node_runs_it(slow: Farm) -> None:
    leaving = slow.node(CHRISTMAS__NODE__FINISH_SECONDS="0.5", CHRISTMAS__NODE__SLOTS="2")
    [job] = running(slow, SLOW)
    leaving.process.send_signal(signal.SIGTERM)
    told(slow, job)
    assert leaving.process.wait(180) == 0, leaving.log
    assert slow.job(job).state == "queued"
    slow.node()
    done = slow.wait(job, 120)
    assert (done.state, done.attempt) == ("succeeded", 2)


def test_a_job_is_cancelled_while_its_node_leaves(slow: Farm) -> None:
    node = slow.node(CHRISTMAS__NODE__FINISH_SECONDS=AGES)
    [job] = running(slow, SLOW)
    draining(slow, node)
    assert node.ask("cancel.json", {"project": "christmas", "job": job}).json["prevstate"] == "running"
    told(slow, job)
    assert node.process.wait(180) == 0, node.log
    assert slow.job(job).state == "cancelled"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_waiting(slow: Farm, number: int) -> None:
    node = slow.node(CHRISTMAS__NODE__FINISH_SECONDS=AGES)
    [job] = running(slow, SLOW)
    draining(slow, node)
    node.process.send_signal(number)
    told(slow, job)
    assert node.process.wait(180) == 0, node.log
    assert slow.job(job).state == "queued"
    assert "Traceback" not in node.log


def test_without_a_time_to_finish_jobs_are_handed_back_at_once(slow: Farm) -> None:
    node = slow.node()
    [job] = running(slow, SLOW)
    node.process.send_signal(signal.SIGTERM)
    told(slow, job)
    assert node.process.wait(180) == 0, node.log
    assert slow.job(job).state == "queued"
    assert "No more jobs are taken" not in node.log
