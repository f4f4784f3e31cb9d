"""A run's lines in the central log, and its own log file beside them."""

from __future__ import annotations

from contextlib import closing
from typing import Any
from uuid import uuid4

from christmas import valkey
from christmas.logs import reading
from christmas.logs.reading import Line, Wanted
from tests import warm
from tests.farm import Farm, until

VENDOR = "ornament_shop_com"


def central(farm: Farm, **wanted: Any) -> list[Line]:
    with closing(valkey.connect(farm.config)) as client:
        return reading.read(client, Wanted(**wanted), limit=10_000)


def told(lines: list[Line]) -> list[str]:
    return [line["event"].partition("\n")[0] for line in lines]


def test_a_nodes_run_is_found_by_job_vendor_and_node(farm: Farm) -> None:
    node = farm.node()
    other = node.schedule("hookedonhallmark_com", stage="links").json["jobid"]
    job = farm.wait(node.schedule(VENDOR, stage="links").json["jobid"])
    farm.wait(other)
    until(lambda: "Spider closed (finished)" in told(central(farm, jobs={job.id})), what="the last line")
    lines = central(farm, jobs={job.id})
    assert {(line["service"], line["node"], line["vendor"]) for line in lines} == {("spider", job.node, VENDOR)}
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert {"Spider opened", "Dumping Scrapy stats:"} < set(told(lines))
    assert told(central(farm, jobs={job.id}, vendor="hookedonhallmark_com")) == []
    # Its file is what Scrapy has always made of it, with what says the same in every run.
    log = (farm.folder / "logs" / "christmas" / VENDOR / f"{job.id}.log").read_text(encoding="utf-8")
    assert "[scrapy.middleware] INFO: Enabled extensions" in log
    for line in lines:
        assert f"[{line['logger']}] {line['level']}: {line['event']}\n" in log


def crawl(farm: Farm, *options: str, **variables: str) -> tuple[str, str]:
    job_id = uuid4().hex
    command = ["scrapy", "crawl", VENDOR, "-a", "stage=links", "-a", f"_job={job_id}", *options]
    done = warm.run(*command, environment=farm.environment(**variables))
    return job_id, done.stderr


def test_a_plain_crawl_is_found_as_well(farm: Farm) -> None:
    job_id, printed = crawl(farm, CHRISTMAS__LOG_LEVEL="DEBUG")
    lines = central(farm, jobs={job_id})
    assert told(lines)[-1] == "Spider closed (finished)"
    assert lines[0]["node"] == farm.job(job_id).node  # host and process, as its record says
    assert {line["level"] for line in lines} == {"DEBUG", "INFO"}
    for line in lines:
        assert line["event"] in printed


def test_a_level_is_the_same_for_file_and_stream(farm: Farm) -> None:
    job_id, printed = crawl(farm, "-s", "LOG_LEVEL=ERROR")
    assert (central(farm, jobs={job_id}), printed) == ([], "")


def test_without_redis_a_run_goes_on_and_its_file_has_every_line(farm: Farm) -> None:
    job_id, printed = crawl(farm, CHRISTMAS__REDIS__URL="redis://127.0.0.1:1/0")
    assert farm.job(job_id).state == "succeeded"
    assert printed.count("Log lines are kept back") == 1
    assert "Spider closed (finished)" in printed
    assert "Traceback" not in printed
