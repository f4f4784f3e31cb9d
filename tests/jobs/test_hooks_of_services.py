"""Hooks of an operator's own module, in real services: whom they stop, what submitters see, and whom they keep."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from christmas.config.sections import ScheduleConfig
from christmas.db import database
from christmas.jobs import schedules
from christmas.scheduler.tick import tick
from tests.farm import Farm, Node, until

SHOP, OTHER = "ornament_shop_com", "hookedonhallmark_com"
MODULE = '''"""Hooks of an operator."""

import json
import time
from pathlib import Path

from christmas.errors import JobRefused
from christmas.jobs.hooks import post_hook, pre_hook


@pre_hook
def not_1999(job, config):
    if getattr(job, "year", None) == 1999:
        raise JobRefused("1999 is being counted: ask again tomorrow")


@post_hook
def slow(job, config):
    if job.arguments.get("which") != "all":
        return
    begun = {"id": job.id, "state": job.state, "finished": job.finished_at is not None, "outcome": job.outcome}
    part = config.var_path / "begun.part"
    part.write_text(json.dumps(begun))
    part.rename(config.var_path / "begun")
    deadline = time.monotonic() + 60
    while not (config.var_path / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
'''
REFUSAL = "not_1999 refused integrator.sync_links: 1999 is being counted: ask again tomorrow"


@pytest.fixture(scope="module")
def farm(shared_farm: Farm) -> Iterator[Farm]:
    """Provide a farm whose processes all have the operator's module; this one, too."""
    (shared_farm.folder / "operators_hooks.py").write_text(MODULE, encoding="utf-8")
    shared_farm.variables |= {
        "PYTHONPATH": str(shared_farm.folder),
        "CHRISTMAS__JOBS__HOOK_MODULES": '["operators_hooks"]',
        "CHRISTMAS__JOBS__PRE_HOOKS": '{"integrator.*": ["contact_needed", "not_1999"]}',
        "CHRISTMAS__JOBS__POST_HOOKS": '{"integrator.sync_links": ["slow", "log_run"]}',
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(shared_farm.folder)
        yield shared_farm


@pytest.fixture(scope="module")
def node(farm: Farm) -> Node:
    return farm.node()


def test_a_slow_post_hook_keeps_no_job_from_starting(farm: Farm, node: Node) -> None:
    first = farm.submit("integrator.sync_links", vendor=SHOP, which="all")
    begun = farm.folder / "begun"
    until(begun.exists, 60, "the slow hook")
    others = [farm.submit("integrator.sync_links", vendor=vendor, year=2026) for vendor in (SHOP, OTHER)]
    assert [farm.wait(other.id).state for other in others] == ["succeeded", "succeeded"]
    told = json.loads(begun.read_text(encoding="utf-8"))
    assert (told["id"], told["state"], told["finished"]) == (first.id, "succeeded", True)
    assert told["outcome"]["store_new_keys"] == 60
    assert farm.job(first.id).hooks[0]["state"] == "waiting"
    (farm.folder / "go").touch()
    for job_id in (first.id, *(other.id for other in others)):
        until(lambda job_id=job_id: farm.job(job_id).hooks_at is None, 30, "the hooks")
        names = [(entry["name"], entry["state"], entry["attempts"]) for entry in farm.job(job_id).hooks]
        assert names == [("slow", "succeeded", 1), ("log_run", "succeeded", 1)]
    assert f"Job {first.id} (integrator.sync_links {SHOP}) succeeded" in node.log


def test_a_refusal_reaches_who_submits_over_http(farm: Farm, node: Node) -> None:
    answer = node.schedule(SHOP, stage="links", year="1999")
    assert answer.status == 409
    assert answer.json == {"status": "error", "message": REFUSAL, "node_name": f"node-{node.port}"}


def test_a_refusal_reaches_who_submits_on_the_command_line(farm: Farm) -> None:
    done = farm.run("run", "integrator.sync_links", f"vendor={SHOP}", "year=1999")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"christmas: {REFUSAL}\n")


def test_a_refusal_is_kept_with_the_firing_and_the_schedule_goes_on(farm: Farm) -> None:
    begin = datetime.now(UTC)
    arguments = {"vendor": SHOP, "year": 1999}
    with database.begin(farm.engine) as connection:
        one = ScheduleConfig(job="integrator.sync_links", arguments=arguments, every_seconds=60)
        schedules.add(connection, "counted", one, begin)
    for minutes in (1, 2):
        assert tick(farm.engine, farm.config, begin + timedelta(minutes=minutes)) == 0
    with database.read(farm.engine) as connection:
        firings = schedules.history(connection, "counted")
    assert [(one.job_id, one.error) for one in firings] == [(None, REFUSAL)] * 2
    assert not any(job.arguments.get("year") == 1999 for job in farm.jobs())


def test_no_service_starts_with_a_hook_that_is_none(farm: Farm, tmp_path: Path) -> None:
    cases = {
        "PRE_HOOKS": ('{"integrator.*": ["no_such_hook"]}', "'no_such_hook', which no module registers; there are"),
        "POST_HOOKS": ('{"integrator.sync_everything": ["log_run"]}', "no job matches 'integrator.sync_everything'"),
        "HOOK_MODULES": ('["no_such_module"]', "no_such_module, which cannot be imported"),
    }
    started = [
        (farm.start(service, **{f"CHRISTMAS__JOBS__{name}": value, "CHRISTMAS__VAR_PATH": str(tmp_path)}), part)
        for name, (value, part) in cases.items()
        for service in ("node", "scheduler")
    ]
    for service, part in started:
        assert service.process.wait(60) == 1
        assert service.log.splitlines()[-1].startswith("christmas: jobs.")
        assert part in service.log
        assert "Traceback" not in service.log
