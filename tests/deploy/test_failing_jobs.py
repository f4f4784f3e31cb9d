"""Jobs whose version cannot run them end as failed, and their error says where to look."""

from __future__ import annotations

from christmas.jobs.records import JobRow
from tests import eggs
from tests.farm import Farm, Node, until

VENDOR = "ornament_shop_com"
BROKEN = '"""A shop."""\n\nimport a_package_that_is_missing\n\n\nclass BrokenComSpider: ...\n'


def error(job: JobRow) -> str:
    assert job.state == "failed", job
    return str((job.outcome or {})["error"])


def test_a_spider_that_cannot_be_imported_fails_alone(farm: Farm, node: Node) -> None:
    eggs.upload(node, eggs.changed({"spiders/broken_com.py": BROKEN}))
    broken = node.schedule("broken_com", stage="links").json["jobid"]
    whole = node.schedule(VENDOR, stage="links").json["jobid"]
    found = farm.wait(broken)
    assert "No module named 'a_package_that_is_missing'" in error(found)
    assert f"logs/christmas/broken_com/{broken}.log" in error(found)
    log = node.ask(f"logs/christmas/broken_com/{broken}.log").text
    assert 'spiders/broken_com.py", line 3' in log
    assert farm.wait(whole).state == "succeeded"


def test_a_spider_of_another_name_fails(farm: Farm, node: Node) -> None:
    eggs.upload(node, eggs.changed({"spiders/misnamed_com.py": f"from spiders.{VENDOR} import *\n"}))
    job = farm.wait(node.schedule("misnamed_com", stage="links").json["jobid"])
    assert "misnamed_com" in error(job)


def test_jobs_whose_code_is_gone_when_their_turn_comes_fail(farm: Farm, node: Node) -> None:
    shop = farm.server.shops[VENDOR]
    eggs.upload(node, eggs.built(), "1")
    shop.delay_seconds = 0.5
    running = node.schedule(VENDOR, stage="links", which="all").json["jobid"]
    until(lambda: farm.job(running).process, what="the start")
    newest = node.schedule(VENDOR, stage="products", limit="1").json["jobid"]
    chosen = node.schedule(VENDOR, stage="products", limit="1", _version="1").json["jobid"]
    assert newest != chosen
    eggs.upload(node, eggs.changed({f"spiders/{VENDOR}.py": None}), "2")
    node.ask("delversion.json", {"project": "christmas", "version": "1"})
    shop.delay_seconds = 0
    assert farm.wait(running).state == "succeeded"
    assert error(farm.wait(newest)) == f"Version 2 of christmas has no spider {VENDOR}."
    assert error(farm.wait(chosen)) == "Version 1 of christmas has been removed."
    assert [farm.job(job).attempt for job in (newest, chosen)] == [1, 1]
