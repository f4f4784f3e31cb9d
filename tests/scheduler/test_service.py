"""The scheduler as a process: beside a real node, beside other schedulers, and killed."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text

from christmas.config import Config
from christmas.config.sections import SchedulerConfig
from christmas.db import database
from christmas.demo.server import DemoServer
from christmas.health.probes import Probes
from christmas.scheduler import health
from tests.farm import Farm, Service, free_port, until
from tests.scheduler.firings import SECOND, assert_none_is_missing, fired

pytestmark = pytest.mark.integration

SHOP = "ornament_shop_com"


@pytest.fixture(scope="module")
def shops() -> Iterator[DemoServer]:
    with DemoServer(size=60, per_page=12) as server:
        yield server


@pytest.fixture
def new_farm(shops: DemoServer, tmp_path: Path) -> Iterator[Callable[..., Farm]]:
    """Provide a function that makes a farm with schedules; its processes are stopped afterwards."""
    farms: list[Farm] = []

    def make(wanted: dict[str, object], **variables: str) -> Farm:
        variables |= {"CHRISTMAS__SCHEDULES": json.dumps(wanted)}
        farms.append(Farm(tmp_path / f"farm{len(farms)}", shops, variables))
        return farms[-1]

    yield make
    for farm in farms:
        farm.close()


def every_second(**values: object) -> dict[str, object]:
    return {"job": "integrator.sync_links", "arguments": {"vendor": SHOP}, "every_seconds": 1, "missed": "all"} | values


def started(farm: Farm, **variables: str) -> Service:
    service = farm.start("scheduler", **variables)
    until(lambda: "The scheduler has started" in service.log or service.process.poll() is not None, 60, service.log)
    assert service.process.poll() is None, service.log
    return service


def test_jobs_run_when_they_are_due_and_sigterm_ends_the_scheduler(new_farm: Callable[..., Farm]) -> None:
    farm = new_farm({"often": every_second(arguments={"vendor": SHOP, "year": 2026})})
    farm.node()
    begin = datetime.now(UTC)
    scheduler = started(farm)
    ended = until(lambda: len(found := farm.jobs("succeeded")) >= 2 and found, 60, "two runs")
    assert scheduler.stop(signal.SIGTERM) == 0
    assert scheduler.log.splitlines()[-1].endswith("The scheduler has stopped")
    assert "Traceback" not in scheduler.log
    found = fired(farm)
    assert_none_is_missing(found, begin)
    known = {one.job_id for one in found}
    assert {job.id for job in farm.jobs()} == known
    assert {(job.name, job.submitted_by, job.arguments["year"]) for job in ended} == {
        ("integrator.sync_links", "scheduler", 2026)
    }
    runs = sorted(ended, key=lambda job: job.queued_at)
    assert runs[0].finished_at <= runs[1].started_at


@pytest.mark.parametrize("server", [pytest.param("sqlite", marks=pytest.mark.long), "postgresql"])
def test_of_two_schedulers_one_is_killed_and_no_firing_is_missing_or_doubled(
    server: str, new_farm: Callable[..., Farm], request: pytest.FixtureRequest
) -> None:
    wanted = {"often": every_second(), "also": every_second(arguments={"vendor": SHOP, "year": 2026})}
    variables = {}
    if server == "postgresql":
        variables["CHRISTMAS__DATABASE__URL"] = request.getfixturevalue("new_postgresql")()
    farm = new_farm(wanted, **variables)
    begin = datetime.now(UTC)
    both = [farm.start("scheduler"), farm.start("scheduler")]  # on a new database, at the same moment
    until(lambda: all("Schedule often, due" in service.log for service in both), 60, "both to fire")
    killed, left = both
    killed.kill()
    count = len(fired(farm))
    until(lambda: len(fired(farm)) > count + 2 and len(fired(farm, "also")) > count + 2, 60, "the other to go on")
    assert left.stop() == 0
    for name in wanted:
        found = fired(farm, name)
        assert_none_is_missing(found, begin)
        lines = [f"Schedule {name}, due {one.due_at:%Y-%m-%d %H:%M:%S}" for one in found]
        told = sum(service.log.count(line) for service in both for line in lines)
        assert abs(told - len(found)) <= 1  # the killed one may have died between telling and writing
    assert "Traceback" not in left.log
    assert len(farm.jobs()) == 2  # open all the time: nobody runs them


def test_an_outage_of_the_database_is_waited_out_and_made_up_for(
    new_farm: Callable[..., Farm], new_postgresql: Callable[[], str]
) -> None:
    url, admin = new_postgresql(), database.open_engine(new_postgresql())
    farm = new_farm({"often": every_second()}, CHRISTMAS__DATABASE__URL=url)
    begin = datetime.now(UTC)
    scheduler = started(farm)
    until(lambda: fired(farm), 60, "the first firing")
    name = farm.engine.url.database
    farm.engine.dispose()
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
        until(lambda: "Tried again in" in scheduler.log, 60, "the outage to be noticed")
        outage = datetime.now(UTC)
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    admin.dispose()
    until(lambda: fired(farm)[-1].due_at > outage, 60, "the firings behind the outage")
    assert scheduler.stop() == 0
    assert_none_is_missing(fired(farm), begin)
    assert "Traceback" not in scheduler.log


def test_a_scheduler_that_starts_after_an_outage_makes_up_for_it(new_farm: Callable[..., Farm]) -> None:
    farm = new_farm({"often": every_second(missed="all")})
    first = started(farm)
    until(lambda: fired(farm), 60, "the first firing")
    first.kill()
    count = len(fired(farm))
    last = fired(farm)[-1].due_at
    until(lambda: datetime.now(UTC) > last + 3 * SECOND, 30, "the outage")
    second = started(farm)
    until(lambda: len(fired(farm)) > count + 3, 60, "the second scheduler")
    assert second.stop(signal.SIGINT) == 0
    times = [one.due_at for one in fired(farm)]
    assert times == [times[0] + number * SECOND for number in range(len(times))]


def test_what_is_wrong_at_the_start_stops_it_with_one_line(new_farm: Callable[..., Farm]) -> None:
    farm = new_farm({})
    schedules, wrong = "CHRISTMAS__SCHEDULES", '{"wrong": {"job": "integrator.sync_all", %s}}'
    cases = [
        (schedules, wrong % '"cron": "* * *"', "cron='* * *'"),
        (schedules, wrong % '"timezone": "UTC"', "either cron or every_seconds"),
        (schedules, '{"wrong": {"job": "sync_all", "every_seconds": 5}}', "no job 'sync_all'"),
        ("CHRISTMAS__ACCESS__KEY", "no-such-key", "key of the service scheduler"),
        ("CHRISTMAS__DATABASE__URL", "postgresql://nobody@127.0.0.1:1/none", "CHRISTMAS__DATABASE__URL"),
    ]
    services = [farm.start("scheduler", **{name: value}) for name, value, _ in cases]
    for service, (_, _, part) in zip(services, cases, strict=True):
        assert service.process.wait(60) == 1
        assert part in service.log
        assert service.log.splitlines()[-1].startswith("christmas: ")
        assert "Traceback" not in service.log


def told(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Ask a scheduler how it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_it_tells_how_it_is(new_farm: Callable[..., Farm]) -> None:
    farm = new_farm({})
    port = free_port()
    scheduler = started(farm, CHRISTMAS__SCHEDULER__PORT=str(port))
    assert told(port, "/health/live") == (200, b'{"status": "ok"}\n')
    assert told(port, "/health/ready") == (200, b'{"status": "ok", "missing": []}\n')
    assert told(port, "/health/ready", "HEAD") == (200, b"")
    assert told(port, "/schedules")[0] == 404
    with socket.create_connection(("127.0.0.1", port)):  # one that says nothing keeps nobody waiting
        assert told(port, "/health/live")[0] == 200
        assert scheduler.stop(signal.SIGTERM) == 0
    assert "Traceback" not in scheduler.log


def test_a_port_that_is_taken_is_one_line(new_farm: Callable[..., Farm]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = new_farm({}).run("scheduler", CHRISTMAS__SCHEDULER__PORT=str(port))
    assert (done.returncode, done.stderr) == (
        1,
        f"christmas: The scheduler cannot listen on port {port} of 127.0.0.1: Address already in use. Stop what "
        "has it, or set CHRISTMAS__SCHEDULER__PORT or CHRISTMAS__SCHEDULER__BIND_ADDRESS.\n",
    )


def test_a_scheduler_that_hangs_is_not_alive(config: Config, engine: Engine) -> None:
    port = free_port()
    chosen = config.model_copy(update={"scheduler": SchedulerConfig(port=port)})
    probes = Probes(chosen, engine)
    with health.listening(chosen, probes):
        assert told(port, "/health/live")[0] == 200
        probes.hanging_seconds = 0.0
        assert told(port, "/health/live") == (503, b'{"status": "hanging"}\n')
        probes.hanging_seconds = 100.0
        probes.beat()
        assert told(port, "/health/live")[0] == 200


def test_a_tick_that_has_begun_is_finished(new_farm: Callable[..., Farm], new_postgresql: Callable[[], str]) -> None:
    url = new_postgresql()
    farm = new_farm({"often": every_second()}, CHRISTMAS__DATABASE__URL=url)
    scheduler = started(farm)
    until(lambda: fired(farm), 60, "the first firing")
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(url) as holder, psycopg.connect(url, autocommit=True) as looker:
        holder.execute("LOCK TABLE firings IN EXCLUSIVE MODE")  # readers read on
        before = len(fired(farm))
        until(lambda: looker.execute(waiting).fetchone(), 60, "a tick that waits")
        scheduler.process.send_signal(signal.SIGTERM)
        holder.commit()
    assert scheduler.process.wait(90) == 0, scheduler.log
    assert scheduler.log.splitlines()[-1].endswith("The scheduler has stopped")
    assert len(fired(farm)) > before
