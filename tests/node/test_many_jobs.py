"""Many clients submit at once: each job is taken once, and the API answers; ten thousand of them in ``tests/long``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.farm import Farm

VENDOR = "ornament_shop_com"
JOBS, CLIENTS = 120, 8


def test_many_jobs_at_once(farm: Farm) -> None:
    node = farm.node("--consumers", "auditor")
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda key: node.schedule(VENDOR, stage="products", keys=str(key)), range(JOBS)))
    assert {answer.status for answer in answers} == {200}
    ids = {answer.json["jobid"] for answer in answers}
    assert len(ids) == JOBS
    assert {job.id for job in farm.jobs("queued")} == ids
    assert node.ask("daemonstatus.json").json["pending"] == JOBS
    assert {one["id"] for one in node.ask("listjobs.json?project=christmas").json["pending"]} == ids
