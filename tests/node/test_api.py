"""A node's JSON API: the shapes and states that Scrapyd's clients know, over the jobs table."""

from __future__ import annotations

import json

from tests.farm import Farm, until

VENDOR = "ornament_shop_com"


def test_a_scheduled_spider_runs_and_its_job_ends_with_an_outcome(farm: Farm) -> None:
    node = farm.node()
    answer = node.schedule(VENDOR, stage="links")
    assert answer.status == 200, answer.text
    assert answer.json["status"] == "ok"
    assert answer.json["node_name"] == f"node-{node.port}"
    job = farm.wait(answer.json["jobid"])
    assert (job.state, job.attempt, job.name) == ("succeeded", 1, "integrator.sync_links"), node.log
    assert job.outcome["store_new_keys"] == 60
    assert node.ask(f"status.json?job={job.id}").json["currstate"] == "finished"
    listed = node.ask("listjobs.json?project=christmas").json
    assert [one["id"] for one in listed["finished"]] == [job.id]
    log = node.ask(listed["finished"][0]["log_url"].lstrip("/"))
    assert log.status == 200
    assert "Spider closed (finished)" in log.text
    assert node.ask("daemonstatus.json").json["finished"] == 1
    assert job.id in node.ask("jobs").text


def test_a_running_job_is_cancelled_by_any_node(farm: Farm) -> None:
    farm.server.shops[VENDOR].delay_seconds = 1.0
    runner, other = farm.node(), farm.node("--consumers", "auditor")
    job_id = runner.schedule(VENDOR, stage="links").json["jobid"]
    until(lambda: farm.job(job_id).process, what="the start")
    assert other.ask(f"status.json?job={job_id}").json["currstate"] == "running"
    assert other.ask("cancel.json", {"project": "christmas", "job": job_id}).json["prevstate"] == "running"
    assert farm.wait(job_id, 20).state == "cancelled"
    log = farm.folder / "logs" / "christmas" / VENDOR / f"{job_id}.log"
    until(lambda: "Spider closed" in log.read_text(), what="the end of the process")
    assert "forcing unclean shutdown" not in log.read_text()  # it stored what it had, and reported
    assert other.ask("cancel.json", {"project": "christmas", "job": job_id}).json["prevstate"] is None


def test_pending_jobs_are_seen_by_every_node(farm: Farm) -> None:
    node = farm.node("--consumers", "auditor")
    answer = node.schedule(VENDOR, stage="products", which="unscraped", limit="3")
    job_id = answer.json["jobid"]
    assert node.ask(f"status.json?job={job_id}").json["currstate"] == "pending"
    pending = node.ask("listjobs.json?project=christmas").json["pending"]
    assert [(one["id"], one["spider"], one["args"]) for one in pending] == [
        (job_id, VENDOR, {"stage": "products", "which": "unscraped", "limit": "3"})
    ]
    assert node.ask("cancel.json", {"project": "christmas", "job": job_id}).json["prevstate"] == "pending"
    assert farm.job(job_id).state == "cancelled"


def test_projects_versions_and_spiders_of_the_installed_project(farm: Farm) -> None:
    node = farm.node()
    assert node.ask("listprojects.json").json["projects"] == ["christmas"]
    assert node.ask("listversions.json?project=christmas").json["versions"] == []
    assert VENDOR in node.ask("listspiders.json?project=christmas").json["spiders"]


def test_what_is_wrong_is_said_and_makes_no_job(farm: Farm) -> None:
    node = farm.node("--consumers", "auditor")
    cases = [
        ({"spider": "no_such_shop", "stage": "links"}, 400, "no_such_shop"),
        ({"spider": VENDOR, "stage": "everything"}, 400, "stage"),
        ({"spider": VENDOR, "stage": "products", "limit": "-1"}, 400, "limit"),
        ({"spider": VENDOR, "stage": "links", "year": "98"}, 400, "year"),
        ({"spider": VENDOR, "stage": "links", "colour": "red"}, 400, "colour"),
        ({"spider": VENDOR, "stage": "links", "setting": "USER_AGENT=x"}, 400, "USER_AGENT"),
        ({"spider": VENDOR, "stage": "links", "setting": "ROBOTSTXT_OBEY=0"}, 400, "ROBOTSTXT_OBEY"),
        ({"spider": VENDOR, "stage": "links", "setting": "="}, 400, "setting"),
        ({"spider": VENDOR, "stage": "links", "jobid": "../../etc/passwd"}, 400, "jobid"),
        ({"spider": VENDOR, "stage": "links", "jobid": "x" * 65}, 400, "jobid"),
        ({"spider": VENDOR, "stage": "links", "priority": "much"}, 400, "priority"),
        ({"spider": VENDOR, "stage": "links", "_version": "7"}, 400, "version"),
        ({"spider": VENDOR, "stage": "links", "_job": "abc"}, 400, "_job"),
        ({"spider": VENDOR, "stage": "links", "_attempt": "2"}, 400, "_attempt"),
        ({"spider": VENDOR, "stage": ["links", "products"]}, 400, "2 times"),
        ({"stage": "links"}, 400, "'spider' parameter is required"),
    ]
    for data, status, word in cases:
        answer = node.ask("schedule.json", {"project": "christmas", **data})
        assert answer.status == status, (data, answer.text)
        assert answer.json["status"] == "error"
        assert word in answer.json["message"], answer.text
    answer = node.ask("schedule.json", {"project": "other", "spider": VENDOR})
    assert (answer.status, answer.json["message"]) == (404, "project 'other' not found")
    assert node.ask("schedule.json").status == 405
    assert farm.jobs() == []


def test_a_client_may_give_an_id_that_is_free(farm: Farm) -> None:
    node = farm.node("--consumers", "auditor")
    assert node.schedule(VENDOR, stage="links", jobid="monday_1").json["jobid"] == "monday_1"
    again = node.schedule(VENDOR, stage="links", year="1998", jobid="monday_1")
    assert again.status == 400
    assert "monday_1" in again.json["message"]


def test_the_same_job_is_answered_with_the_open_one(farm: Farm) -> None:
    node = farm.node("--consumers", "auditor")
    ids = {node.schedule(VENDOR, stage="links").json["jobid"] for _ in range(3)}
    ids |= {farm.submit("integrator.sync_links", vendor=VENDOR).id}
    done = farm.run("run", "integrator.sync_links", f"vendor={VENDOR}", "--format", "json")
    ids |= {json.loads(done.stdout)[0]["id"]}
    assert len(ids) == 1
    assert node.schedule(VENDOR, stage="links", year="1998").json["jobid"] not in ids


def test_too_large_a_request_is_refused(farm: Farm) -> None:
    node = farm.node("--consumers", "auditor", CHRISTMAS__NODE__REQUEST_MAX_BYTES="2048")
    answer = node.schedule(VENDOR, stage="x" * 3000)
    assert answer.status == 413
    assert answer.json["status"] == "error"


def test_a_setting_on_the_list_reaches_the_spider(farm: Farm) -> None:
    node = farm.node(CHRISTMAS__NODE__SETTINGS_ALLOWED='["CLOSESPIDER_PAGECOUNT"]')
    job = farm.wait(node.schedule(VENDOR, stage="links", setting="CLOSESPIDER_PAGECOUNT=2").json["jobid"])
    assert job.outcome["finish_reason"] == "closespider_pagecount"
