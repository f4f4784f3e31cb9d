"""Submitting: the same record from Python, the command line, Scrapyd's API and the scheduler; who waits for whom."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from christmas import jobs
from christmas.config import Config, ScheduleConfig
from christmas.db import database
from christmas.errors import AccessDenied, ArgumentError, JobRefused
from christmas.jobs import eggs, queue, records, schedules, submission
from christmas.jobs.definitions.base import Definition
from christmas.jobs.records import JobRow
from christmas.scheduler.tick import tick
from tests.catalog import making
from tests.farm import Farm, Node

pytestmark = pytest.mark.integration

SHOP, OTHER, THIRD = "ornament_shop_com", "hookedonhallmark_com", "hallmark_ornaments_com"
LINKS = "integrator.sync_links"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
# What no two records share: identity and time.
OWN = {"id", "root_id", "parent_id", "after_id", "queued_at", "started_at", "submitted_by"}


@pytest.fixture(scope="module")
def node(shared_farm: Farm) -> Node:
    """Return a node that takes requests and no jobs."""
    return shared_farm.node("--consumers", "auditor")


def scheduled(farm: Farm, job: Definition) -> str:
    now, name = datetime.now(UTC), f"once {uuid4()}"
    one = ScheduleConfig(job=job.job_name(), arguments=job.arguments(), every_seconds=3600)
    with database.begin(farm.engine) as connection:
        schedules.add(connection, name, one, now)
    due = now + timedelta(hours=1)
    assert tick(farm.engine, farm.config, due) == 1
    with database.begin(farm.engine) as connection:
        schedules.remove(connection, name)
        return str(schedules.history(connection, name)[0].job_id)


def tree(farm: Farm, root_id: str) -> list[dict[str, Any]]:
    """Return what is the same in every record of a job and its children, and forget the jobs."""
    with database.begin(farm.engine) as connection:
        rows = records.tree(connection, root_id)
        queue.cancel(connection, root_id, datetime.now(UTC))
    places = {row.id: place for place, row in enumerate(rows)}
    found = []
    for row in rows:
        assert row.root_id == rows[0].id
        links = {"parent": places.get(row.parent_id or ""), "after": places.get(row.after_id or "")}
        own = {*OWN, "fingerprint"} if row.after_id else OWN  # which names the one before it
        found.append({name: value for name, value in asdict(row).items() if name not in own} | links)
    return found


@pytest.mark.parametrize(
    ("job", "texts"),
    [
        (jobs.integrator.sync_links(vendor=SHOP, year=1998), {"stage": "links", "year": "1998"}),
        (
            jobs.integrator.sync_products(vendor=SHOP, keys=("1009", "1010"), limit=5),
            {"stage": "products", "keys": "1009, 1010", "limit": "5"},
        ),
        (jobs.integrator.sync_vendor(vendor=SHOP, year=1998), {"year": "1998"}),
    ],
    ids=["links", "products", "vendor"],
)
def test_the_same_job_makes_the_same_record_however_it_is_submitted(
    job: Definition, texts: dict[str, str], shared_farm: Farm, node: Node
) -> None:
    farm, name = shared_farm, job.job_name()
    given = [f"{key}={value}" for key, value in texts.items() if key != "stage"]

    def command_line() -> str:
        done = farm.run("run", name, f"vendor={SHOP}", *given, "--format", "json")
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)[0]["id"])

    ways: dict[str, Callable[[], str]] = {
        "Python": lambda: job.submit(farm.config).id,
        "command line": command_line,
        "schedule.json": lambda: str(node.schedule(SHOP, **texts).json["jobid"]),
        "scheduler": lambda: scheduled(farm, job),
    }
    records = {way: tree(farm, submit()) for way, submit in ways.items()}
    expected = records["Python"]
    assert expected[0]["name"] == name
    assert (expected[0]["vendor"], expected[0]["attempts_max"], expected[0]["version"]) == (SHOP, 3, None)
    assert expected[0]["arguments"] == {key: value for key, value in job.arguments().items() if key != "vendor"}
    for way, record in records.items():
        assert record == expected, way


def test_who_submitted_is_recorded(shared_farm: Farm, node: Node) -> None:
    farm = shared_farm
    key = farm.key("internal", user="anna")
    data = {"project": "christmas", "spider": SHOP, "stage": "links", "year": "1990"}
    ids = [node.ask("schedule.json", data, key=key).json["jobid"]]
    done = farm.run("run", LINKS, f"vendor={SHOP}", "year=1991", "--format", "json")
    ids += [json.loads(done.stdout)[0]["id"], scheduled(farm, jobs.integrator.sync_links(vendor=SHOP, year=1992))]
    assert [farm.job(job_id).submitted_by for job_id in ids] == ["anna", "command line", "scheduler"]


def test_a_name_without_definition_is_refused_everywhere(shared_farm: Farm, node: Node) -> None:
    farm, before = shared_farm, len(shared_farm.jobs())
    known = "integrator.sync_all, integrator.sync_links, integrator.sync_product, integrator.sync_products"
    with pytest.raises(JobRefused, match=known):
        farm.submit("integrator.sync_everything")
    done = farm.run("run", "integrator.sync_everything")
    assert (done.returncode, done.stdout) == (1, "")
    assert known in done.stderr
    assert done.stderr.count("\n") == 1
    with database.begin(farm.engine) as connection:
        for wrong in ({"job": "integrator.sync_everything"}, {"job": LINKS, "arguments": {"vendor": SHOP, "year": 7}}):
            with pytest.raises((JobRefused, ArgumentError), match=r"integrator\.sync_"):
                schedules.add(connection, "wrong", ScheduleConfig(every_seconds=60, **wrong), NOW)  # type: ignore[arg-type]
        with pytest.raises(JobRefused, match=known):
            schedules.sync(
                connection, {"wrong": ScheduleConfig(every_seconds=60, job="integrator.sync_everything")}, NOW
            )
    wrong_schedule = json.dumps({"wrong": {"job": "integrator.sync_everything", "every_seconds": 60}})
    scheduler = farm.start("scheduler", CHRISTMAS__SCHEDULES=wrong_schedule)
    assert scheduler.process.wait(60) == 1
    assert known in scheduler.log
    assert "Traceback" not in scheduler.log
    answer = node.schedule(SHOP, stage="everything")
    assert (answer.status, "use links or products" in answer.json["message"]) == (400, True)
    assert len(farm.jobs()) == before


def test_an_unknown_vendor_is_refused_with_those_that_exist(engine: Engine, config: Config) -> None:
    for job in (
        jobs.integrator.sync_links(vendor="no_such_shop"),
        jobs.integrator.sync_vendor(vendor="no_such_shop"),
        jobs.integrator.sync_product(vendor="no_such_shop", key="7"),
    ):
        with pytest.raises(ArgumentError, match=f"no vendor 'no_such_shop'; there are {THIRD}, {OTHER}, {SHOP}"):
            job.submit(config)
    with database.read(engine) as connection:
        assert records.find(connection) == []


def test_a_product_is_submitted_by_id_address_or_key_as_the_same_job(engine: Engine, config: Config) -> None:
    with database.begin(engine) as connection:
        making.write(connection, making.product("7", vendor=SHOP, url="https://www.ornament-shop.com/7.html"))
        stored = making.stored(connection, "7", SHOP)
    ways = [{"product": str(stored.id)}, {"product": stored.url}, {"vendor": SHOP, "key": "7"}]
    found = [jobs.integrator.sync_product(**way).submit(config) for way in ways]  # type: ignore[arg-type]
    assert len({job.id for job in found}) == 1
    assert (found[0].vendor, found[0].arguments, found[0].priority) == (SHOP, {"key": "7"}, 20)
    with pytest.raises(ArgumentError, match="no product"):
        jobs.integrator.sync_product(product="https://bells.example/none.html").submit(config)


def test_the_same_open_job_is_answered_and_others_wait(engine: Engine, config: Config) -> None:
    def submit(**arguments: Any) -> JobRow:
        return submission.submit(LINKS, {"vendor": SHOP, **arguments}, config=config)

    first = submit(year=1998)
    assert submit(year="1998").id == first.id
    with database.begin(engine) as connection:
        queue.claim(connection, None, "node", NOW)
    assert submit(year=1998).id == first.id
    assert submit(year=1998).state == "running"
    others = {submit().id, submit(year=1999).id, submission.submit(LINKS, {"vendor": OTHER}, config=config).id}
    assert len(others) == 3
    with database.begin(engine) as connection:
        queue.complete(connection, first.id, 1, state="succeeded", outcome={}, now=NOW)
    assert submit(year=1998).id not in {first.id, *others}


def test_a_job_submitted_by_many_at_once_is_one(engine: Engine, config: Config) -> None:
    barrier, found = threading.Barrier(6), []

    def submit() -> None:
        barrier.wait()
        found.append(jobs.integrator.sync_all(stage="links").submit(config).id)

    threads = [threading.Thread(target=submit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 6
    assert len(set(found)) == 1
    with database.read(engine) as connection:
        assert len(records.find(connection)) == 4
        assert len(records.children(connection, found[0])) == 3


def test_priority_then_age_decide_who_is_next(engine: Engine, config: Config) -> None:
    with database.begin(engine) as connection:
        making.write(connection, making.product("7", vendor=SHOP, url="https://www.ornament-shop.com/7.html"))
    made = [
        jobs.integrator.sync_products(vendor=SHOP).submit(config),
        jobs.integrator.sync_links(vendor=SHOP).submit(config),
        jobs.integrator.sync_links(vendor=SHOP, year=1998).submit(config),
        jobs.integrator.sync_product(vendor=SHOP, key="7").submit(config),
        jobs.integrator.sync_products(vendor=SHOP, which="all").submit(config, priority=100),
    ]
    order = []
    with database.begin(engine) as connection:
        while job := queue.claim(connection, None, "node", NOW):
            assert queue.claim(connection, None, "node", NOW) is None  # the vendor is taken
            order.append(made.index(next(one for one in made if one.id == job.id)))
            queue.complete(connection, job.id, 1, state="succeeded", outcome={}, now=NOW)
    assert order == [4, 3, 1, 2, 0]


def test_a_key_for_some_vendors_submits_for_them_only(engine: Engine, config: Config) -> None:
    def submit(name: str, **arguments: Any) -> JobRow:
        return submission.submit(name, arguments, config=config, allowed_vendors=[SHOP])

    assert submit(LINKS, vendor=SHOP).vendor == SHOP
    for name, arguments in (
        (LINKS, {"vendor": OTHER}),
        ("integrator.sync_all", {}),
        ("integrator.sync_year", {"year": 1998}),
    ):
        with pytest.raises(AccessDenied, match=f"for {SHOP} only"):
            submit(name, **arguments)


def test_the_newest_egg_says_which_vendors_there_are(engine: Engine, config: Config) -> None:
    with database.begin(engine) as connection:
        for version, spiders in (("1", {SHOP: False}), ("2", {SHOP: True, "new_com": False}), ("10", {})):
            eggs.put(connection, submission.PROJECT, version, b"", spiders=spiders, uploaded_by=None, now=NOW)
    with pytest.raises(ArgumentError, match="there is no vendor"):
        jobs.integrator.sync_all().submit(config)
    root = jobs.integrator.sync_all(stage="links").submit(config, version="2")
    with database.read(engine) as connection:
        children = [child.job for child in records.children(connection, root.id)]
    assert [(job.vendor, job.consumer, job.version) for job in children] == [
        ("new_com", "integrator", "2"), (SHOP, "integrator.browser", "2"),
    ]  # fmt: skip
    with pytest.raises(ArgumentError, match="no vendor 'new_com'; there are ornament_shop_com"):
        jobs.integrator.sync_links(vendor="new_com").submit(config, version="1")
    with pytest.raises(ArgumentError, match="no version '3'"):
        jobs.integrator.sync_links(vendor=SHOP).submit(config, version="3")


def test_waiting_for_a_job_ends_with_it_or_in_time(config: Config, engine: Engine) -> None:
    job = jobs.integrator.sync_links(vendor=SHOP).submit(config)
    with pytest.raises(TimeoutError, match=f"{job.id} is still queued"):
        submission.wait(job.id, config=config, timeout_seconds=0.1)
    with database.begin(engine) as connection:
        queue.cancel(connection, job.id, NOW)
    assert submission.wait(job.id, config=config, timeout_seconds=30).state == "cancelled"
    with pytest.raises(ArgumentError, match="no job 'unknown'"):
        submission.wait("unknown", config=config)
