"""Hooks before and after jobs, on both databases: which are called, in what order, and what their failures do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from christmas import jobs
from christmas.config import Config, JobsConfig
from christmas.db import database, tables
from christmas.errors import ConfigurationError, JobRefused
from christmas.jobs import hooks, queue, records, submission
from christmas.jobs.definitions.base import Definition
from christmas.jobs.records import JobRow
from tests.farm import ROOT

SHOP = "ornament_shop_com"
LINKS = "integrator.sync_links"

pytestmark = pytest.mark.usefixtures("_own_hooks")


def chosen(config: Config, **values: Any) -> Config:
    return config.model_copy(update={"jobs": JobsConfig(**values)})


def named(name: str, function: Callable[..., None]) -> Callable[..., None]:
    function.__name__ = name
    return function


def ended(engine: Engine, config: Config, *, state: str = "succeeded", **arguments: Any) -> str:
    """Submit a job and end it, as a node and its spider do; gives its id."""
    job = jobs.integrator.sync_links(vendor=SHOP, **arguments).submit(config)
    with database.begin(engine) as connection:
        claimed = queue.claim(connection, None, "node", datetime.now(UTC))
        assert claimed is not None
        assert claimed.id == job.id
        queue.complete(connection, job.id, 1, state=state, outcome={"pages_read": 7}, now=datetime.now(UTC))
    return job.id


def recorded(engine: Engine, job_id: str) -> JobRow:
    with database.read(engine) as connection:
        found = records.get(connection, job_id)
    assert found is not None
    return found


def make_due(engine: Engine, job_id: str) -> timedelta:
    """Let the time until the next attempt be over; gives how long it was."""
    at = recorded(engine, job_id).hooks_at
    assert at is not None
    with database.begin(engine) as connection:
        connection.execute(update(tables.jobs).where(tables.jobs.c.id == job_id).values(hooks_at=datetime.now(UTC)))
    return at - datetime.now(UTC)


@pytest.mark.integration
def test_hooks_are_called_in_the_order_of_the_configuration_and_each_once(config: Config) -> None:
    called: list[str] = []
    for name in ("first", "second", "third"):
        hooks.pre_hook(named(name, lambda job, config, name=name: called.append(name)))
    pre = {"integrator.sync_*": ["second", "first"], "*": ["first", "third"], "integrator.sync_all": ["third"]}
    assert hooks.names(pre, LINKS) == ["second", "first", "third"]
    assert hooks.names(pre, "other.job") == ["first", "third"]
    assert hooks.names({"integrator.sync_link": ["first"]}, LINKS) == []
    jobs.integrator.sync_links(vendor=SHOP).submit(chosen(config, pre_hooks=pre))
    assert called == ["second", "first", "third"]


@pytest.mark.integration
def test_children_pass_their_own_hooks(config: Config) -> None:
    seen: list[str] = []
    hooks.pre_hook(named("see", lambda job, config: seen.append(job.job_name())))
    jobs.integrator.sync_vendor(vendor=SHOP).submit(chosen(config, pre_hooks={"integrator.*": ["see"]}))
    assert seen == ["integrator.sync_vendor", LINKS, "integrator.sync_products"]


@pytest.mark.parametrize("pattern", ["integrator.sync_links", "integrator.sync_vendor", "integrator.*"])
def test_what_a_pre_hook_refuses_leaves_no_trace(pattern: str, engine: Engine, config: Config) -> None:
    def closed(job: Definition, config: Config) -> None:
        raise JobRefused("the shop is closed")

    hooks.pre_hook(closed)
    with pytest.raises(JobRefused, match=r"closed refused integrator\.sync_\w+: the shop is closed"):
        jobs.integrator.sync_vendor(vendor=SHOP).submit(chosen(config, pre_hooks={pattern: ["closed"]}))
    with database.read(engine) as connection:
        assert records.find(connection) == []


@pytest.mark.integration
def test_what_is_refused_below_a_root_is_recorded_there_and_the_rest_goes_on(engine: Engine, config: Config) -> None:
    def closed(job: Definition, config: Config) -> None:
        if getattr(job, "vendor", None) == SHOP:
            raise JobRefused("the shop is closed")

    hooks.pre_hook(closed)
    root = jobs.integrator.sync_all().submit(chosen(config, pre_hooks={LINKS: ["closed"]}))
    with database.read(engine) as connection:
        found = {child.job.vendor: child for child in records.children(connection, root.id)}
        states = [row.state for row in records.tree(connection, root.id) if row.consumer]
    refused = found.pop(SHOP)
    assert (refused.job.state, refused.completed_at) == ("cancelled", refused.job.finished_at)
    assert refused.job.outcome == {"error": "closed refused integrator.sync_links: the shop is closed"}
    assert {child.job.state for child in found.values()} == {"running"}
    assert states == ["queued"] * 4
    with database.begin(engine) as connection:
        while run := queue.claim(connection, None, "node", datetime.now(UTC)):
            queue.complete(connection, run.id, 1, state="succeeded", outcome={}, now=datetime.now(UTC))
    ended = recorded(engine, root.id)
    assert (ended.state, ended.outcome and ended.outcome["error"]) == (
        "failed", "1 of 3 jobs below it did not succeed.",
    )  # fmt: skip


def test_a_pre_hook_that_fails_refuses(engine: Engine, config: Config) -> None:
    def careless(job: Definition, config: Config) -> None:
        raise KeyError(job.job_name())

    hooks.pre_hook(careless)
    with pytest.raises(JobRefused, match=r"careless failed, so integrator\.sync_links is refused: KeyError"):
        jobs.integrator.sync_links(vendor=SHOP).submit(chosen(config, pre_hooks={"*": ["careless"]}))
    with database.read(engine) as connection:
        assert records.find(connection) == []


@pytest.mark.integration
def test_nobody_is_read_while_nobody_can_be_reached(config: Config) -> None:
    asking = chosen(config, pre_hooks={"*": ["contact_needed"]})
    assert jobs.integrator.sync_links(vendor=SHOP).submit(asking).state == "queued"
    with pytest.raises(JobRefused, match="CHRISTMAS__CONTACT_URL"):
        jobs.integrator.sync_links(vendor=SHOP, year=1998).submit(asking.model_copy(update={"contact_url": ""}))


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"pre_hooks": {LINKS: ["log_run"]}}, r"pre_hooks\.integrator\.sync_links names 'log_run'.*contact_needed"),
        ({"post_hooks": {"integrator.*": ["mail"]}}, r"post_hooks\.integrator\.\* names 'mail'.*log_run"),
        ({"pre_hooks": {"integrator.sync_link": []}}, r"no job matches 'integrator.sync_link'.*sync_links"),
        ({"post_hooks": {"server.*": ["log_run"]}}, r"jobs\.post_hooks: no job matches"),
        ({"hook_modules": ["no_such_module"]}, "names no_such_module, which cannot be imported"),
        ({"hook_modules": ["wrong_module"]}, "names wrong_module, which cannot be imported: ZeroDivisionError"),
    ],
)
def test_what_is_wrong_in_the_configuration_is_said(
    values: dict[str, Any], part: str, engine: Engine, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrong_module.py").write_text("1 / 0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=part):
        hooks.check(chosen(config, **values))
    with pytest.raises(ConfigurationError, match=part):
        submission.submit(LINKS, {"vendor": SHOP}, config=chosen(config, **values))


@pytest.mark.integration
def test_a_post_hook_gets_the_finished_run(engine: Engine, config: Config) -> None:
    got: list[JobRow] = []
    hooks.post_hook(named("keep", lambda job, config: got.append(job)))
    config = chosen(config, post_hooks={LINKS: ["keep", "log_run"]})
    job_id = ended(engine, config)
    assert recorded(engine, job_id).hooks == [
        {"name": name, "state": "waiting", "attempts": 0} for name in ("keep", "log_run")
    ]
    assert hooks.run_post(engine, config) == 1
    run = recorded(engine, job_id)
    assert [(one.id, one.state, one.outcome, one.finished_at) for one in got] == [
        (job_id, "succeeded", {"pages_read": 7}, run.finished_at)
    ]
    assert run.hooks == [{"name": name, "state": "succeeded", "attempts": 1} for name in ("keep", "log_run")]
    assert run.hooks_at is None
    assert hooks.run_post(engine, config) == 0


@pytest.mark.integration
def test_failed_cancelled_and_root_jobs_have_their_hooks_called_too(engine: Engine, config: Config) -> None:
    states: dict[str, str] = {}
    hooks.post_hook(named("keep", lambda job, config: states.__setitem__(job.name, job.state)))
    config = chosen(config, post_hooks={"*": ["keep"]})
    root = jobs.integrator.sync_vendor(vendor=SHOP).submit(config)
    with database.begin(engine) as connection:
        claimed = queue.claim(connection, None, "node", datetime.now(UTC))
        assert claimed is not None
        queue.complete(connection, claimed.id, 1, state="failed", outcome={"error": "x"}, now=datetime.now(UTC))
    assert hooks.run_post(engine, config) == 3
    assert states == {LINKS: "failed", "integrator.sync_products": "cancelled", root.name: "failed"}


@pytest.mark.integration
def test_a_failing_post_hook_is_tried_five_times_and_the_run_stands(engine: Engine, config: Config) -> None:
    calls: list[str] = []

    def broken(job: JobRow, config: Config) -> None:
        calls.append("broken")
        raise ValueError(f"no {len(calls)}")

    hooks.post_hook(broken)
    hooks.post_hook(named("fine", lambda job, config: calls.append("fine")))
    config = chosen(config, post_hooks={LINKS: ["broken", "fine"]})
    job_id = ended(engine, config)
    before = recorded(engine, job_id)
    pauses = []
    for attempt in range(1, 6):
        assert hooks.run_post(engine, config) == 1
        run = recorded(engine, job_id)
        state = "waiting" if attempt < 5 else "failed"
        assert run.hooks[0]["state"] == state
        assert run.hooks[0]["attempts"] == attempt
        assert run.hooks[0]["error"].startswith("ValueError: no ")
        assert run.hooks[1] == {"name": "fine", "state": "succeeded", "attempts": 1}
        assert hooks.run_post(engine, config) == 0  # not before its time
        if attempt < 5:
            pauses.append(round(make_due(engine, job_id).total_seconds(), -1))
    assert calls == ["broken", "fine", *["broken"] * 4]
    assert pauses == [10, 20, 40, 80]
    assert run.hooks_at is None
    assert (run.state, run.outcome, run.finished_at) == (before.state, before.outcome, before.finished_at)


@pytest.mark.integration
def test_a_hook_that_nobody_registers_any_more_is_recorded(engine: Engine, config: Config) -> None:
    hooks.post_hook(named("mail", lambda job, config: None))
    job_id = ended(engine, chosen(config, post_hooks={LINKS: ["mail"]}))
    del hooks._post["mail"]
    assert hooks.run_post(engine, config) == 1
    (entry,) = recorded(engine, job_id).hooks
    assert entry["state"] == "waiting"
    assert "jobs.hook_modules" in entry["error"]


DYING = """
import os, sys
from christmas.db import database
from christmas.config import load
from christmas.jobs import hooks

@hooks.post_hook
def fine(job, config):
    open(sys.argv[1], "a").write("fine ")

@hooks.post_hook
def dying(job, config):
    open(sys.argv[1], "a").write("dying ")
    os._exit(9)

config = load()
hooks.run_post(database.get_engine(config), config)
"""


def dies(config: Config, called: Path) -> None:
    variables = {"CHRISTMAS__VAR_PATH": str(config.var_path), "CHRISTMAS__DATABASE__URL": config.database_url}
    done = subprocess.run([sys.executable, "-c", DYING, str(called)], env=variables, cwd=ROOT, check=False, timeout=180)
    assert done.returncode == 9


@pytest.mark.integration
def test_a_hook_that_dies_with_its_process_is_tried_again(engine: Engine, config: Config, tmp_path: Path) -> None:
    for name in ("fine", "dying"):
        hooks.post_hook(named(name, lambda job, config: None))
    config = chosen(config, post_hooks={LINKS: ["fine", "dying"]})
    job_id = ended(engine, config)
    dies(config, tmp_path / "called")
    assert [entry["state"] for entry in recorded(engine, job_id).hooks] == ["succeeded", "waiting"]
    assert hooks.run_post(engine, config) == 0  # the process may still be alive
    assert make_due(engine, job_id) < timedelta(seconds=hooks.DIED_SECONDS)
    assert hooks.run_post(engine, config) == 1
    assert recorded(engine, job_id).hooks == [
        {"name": "fine", "state": "succeeded", "attempts": 1},
        {"name": "dying", "state": "succeeded", "attempts": 2},
    ]
    assert (tmp_path / "called").read_text() == "fine dying "


@pytest.mark.integration
def test_a_hook_that_always_dies_with_its_process_is_given_up(
    engine: Engine, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "ATTEMPTS", 1)
    hooks.post_hook(named("dying", lambda job, config: None))
    config = chosen(config, post_hooks={LINKS: ["dying"]})
    job_id = ended(engine, config)
    for _ in range(hooks.ATTEMPTS):
        dies(config, tmp_path / "called")
        make_due(engine, job_id)
    assert hooks.run_post(engine, config) == 1
    run = recorded(engine, job_id)
    assert run.hooks == [{"name": "dying", "state": "failed", "attempts": hooks.ATTEMPTS, "error": "Its process died."}]
    assert run.hooks_at is None
    assert run.state == "succeeded"
    assert (tmp_path / "called").read_text().split() == ["dying"] * hooks.ATTEMPTS
