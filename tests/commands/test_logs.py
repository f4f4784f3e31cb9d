"""``christmas logs``."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis

from christmas import config, valkey
from christmas.db import database
from christmas.jobs import queue
from christmas.logs.stream import STREAM
from tests.commands.conftest import Command
from tests.farm import Farm, until

pytestmark = pytest.mark.integration

VENDOR = "ornament_shop_com"


@pytest.fixture
def redis(christmas: Command, tmp_path: Path) -> Iterator[Redis]:
    """Provide a client of the command's embedded Valkey."""
    with closing(valkey.connect(config.current())) as client:
        yield client
    valkey.release(tmp_path / "var" / "valkey")


def add(client: Redis, event: str, *, ago: timedelta = timedelta(0), **fields: str) -> None:
    at = datetime.now(UTC) - ago
    line = {"time": at.isoformat(timespec="milliseconds"), "level": "INFO", "service": "spider", "node": "node-1"}
    client.xadd(STREAM, line | {"event": event} | fields, id=f"{int(at.timestamp() * 1000)}-*")  # type: ignore[arg-type]


def submitted(christmas: Command, name: str) -> str:
    """Submit a job, and give its ID."""
    return str(christmas.json("run", name, f"vendor={VENDOR}")[0]["id"])


def events(christmas: Command, *options: str) -> list[str]:
    lines = christmas.out("logs", "--format", "json", *options).splitlines()
    return [json.loads(line)["event"] for line in lines]


def test_lines_are_chosen(christmas: Command, redis: Redis) -> None:
    root = submitted(christmas, "integrator.sync_vendor")
    child = next(job["id"] for job in christmas.json("jobs") if job["parent"] == root)
    add(redis, "1", ago=timedelta(hours=5), job="other", vendor=VENDOR)
    add(redis, "2", ago=timedelta(hours=3), job=root, level="ERROR")
    add(redis, "3", ago=timedelta(minutes=90), job=child, vendor=VENDOR)
    add(redis, "4", job=child, vendor=VENDOR, level="WARNING")
    assert events(christmas) == ["1", "2", "3", "4"]
    assert events(christmas, "--limit", "2") == ["3", "4"]
    assert events(christmas, "--job", child) == ["3", "4"]
    assert events(christmas, "--job", root) == ["2", "3", "4"]
    assert events(christmas, "--vendor", VENDOR) == ["1", "3", "4"]
    assert events(christmas, "--level", "warning") == ["2", "4"]
    assert events(christmas, "--since", "2h") == ["3", "4"]
    assert events(christmas, "--since", (datetime.now(UTC) - timedelta(hours=4)).isoformat()) == ["2", "3", "4"]


def test_lines_are_text_unless_json_is_asked_for(christmas: Command, redis: Redis) -> None:
    add(redis, "Spider opened", vendor=VENDOR, job="one")
    [line] = christmas.out("logs").splitlines()
    assert line.endswith(f" INFO    [spider node-1 {VENDOR}] Spider opened")
    [line] = christmas.out("logs", "--format", "json").splitlines()
    assert json.loads(line) | {"time": ""} == {
        "time": "", "level": "INFO", "service": "spider", "node": "node-1", "job": "one", "vendor": VENDOR,
        "event": "Spider opened",
    }  # fmt: skip


def test_where_there_is_nothing_it_says_where_else_to_look(christmas: Command, redis: Redis, tmp_path: Path) -> None:
    assert christmas("logs") == (0, "", "No log lines match.\n")
    job = submitted(christmas, "integrator.sync_links")
    status, out, err = christmas("logs", "--job", job)
    assert (status, out, err) == (0, "", f"No log lines of job {job} match; it has not been run yet.\n")
    with database.begin(christmas.engine) as connection:
        queue.claim(connection, None, "node-7", datetime.now(UTC))
    path = tmp_path / "var" / "logs" / "christmas" / VENDOR / f"{job}.log"
    assert f"; see {path} (on node-7)." in christmas("logs", "--job", job)[2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--job", "none"), "There is no job 'none'"),
        (("--level", "LOUD"), "--level LOUD is not known: use DEBUG, INFO, WARNING, ERROR, CRITICAL."),
        (("--since", "yesterday"), "--since 'yesterday' is not accepted: give 30m, 1h, 2d"),
        (("--format", "table"), "--format table is not known here: use text or json."),
    ],
)
def test_what_is_wrong_is_one_line(christmas: Command, redis: Redis, options: tuple[str, ...], words: str) -> None:
    assert words in christmas.refused("logs", *options)


def test_without_redis_it_says_so(christmas: Command) -> None:
    christmas.set("CHRISTMAS__REDIS__URL", "redis://:of-redis@127.0.0.1:1/0")
    line = christmas.refused("logs")
    assert "Redis does not answer" in line
    assert "of-redis" not in line


def test_an_error_on_the_command_line_shows_no_password(christmas: Command) -> None:
    christmas.set("CHRISTMAS__REDIS", '"redis://:of-redis@127.0.0.1"')
    line = christmas.refused("logs")
    assert "redis: Input should be" in line
    assert "of-redis" not in line


def test_following_a_root_shows_every_run_below_it_and_ends_with_it(farm: Farm) -> None:
    farm.node()
    root = farm.submit("integrator.sync_vendor", vendor=VENDOR, limit=3)
    followed = farm.start("logs", "--job", root.id, "--follow", "--format", "json")
    assert farm.wait(root.id).state == "succeeded"
    assert followed.process.wait(30) == 0
    lines = [json.loads(line) for line in followed.log.splitlines()]
    children = {job.id for job in farm.jobs() if job.parent_id == root.id}
    assert len(children) == 2
    ends = [line["job"] for line in lines if line["event"] == "Spider closed (finished)"]
    assert sorted(ends) == sorted(children)


def test_following_ends_with_ctrl_c(farm: Farm) -> None:
    followed = farm.start("logs", "--follow")
    with closing(valkey.connect(farm.config)) as client:
        add(client, "first")
        until(lambda: "first" in followed.log, what="the first line")
        add(client, "second")
        until(lambda: "second" in followed.log, what="the second line")
    assert followed.stop(signal.SIGINT) == 0
    assert "Traceback" not in followed.log
