"""What a run is given: its environment, its log, its egg as a file; and a node that cannot give them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from christmas.db import database
from christmas.demo.server import DemoServer
from christmas.errors import JobRefused
from christmas.jobs import eggs, queue, records
from christmas.jobs.queue import NewJob
from christmas.jobs.records import JobRow
from christmas.node import prepare as preparing
from christmas.node.options import Options
from tests import eggs as our_eggs
from tests.farm import Farm, Node, until

VENDOR = "ornament_shop_com"
# Of the node's environment, and nothing else but its configuration.
PASSED = {
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy",
    "https_proxy", "no_proxy", "ENV", "CONFIG_PATH", "DISPLAY", "PLAYWRIGHT_BROWSERS_PATH",
}  # fmt: skip
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "of-the-cloud",
    "CHRISTMAS_DEPLOY_KEY": "of-who-deploys",
    "CHRISTMAS__ACCESS__FAILED_LOGINS_PER_MINUTE": "77",
    "CHRISTMAS__ACCESS__log_days": "78",
    "CHRISTMAS__NODE__REQUEST_MAX_BYTES": "1234567",
    "SCRAPY_SETTINGS_MODULE": "no.such.module",
    "SCRAPY_LOG_LEVEL": "CRITICAL",
    "PYTHONPATH": "",
    "LD_LIBRARY_PATH_OF_NOBODY": "x",
}
GIVEN = {"TZ": "Europe/Vienna", "no_proxy": "*", "CHRISTMAS__LOG_LEVEL": "DEBUG"}


@pytest.fixture(scope="module")
def shared(new_postgresql: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """Provide a farm on PostgreSQL for the tests whose nodes have folders of their own."""
    with DemoServer(size=60, per_page=12) as server:
        farm = Farm(tmp_path_factory.mktemp("prepare") / "farm", server, {"CHRISTMAS__DATABASE__URL": new_postgresql()})
        yield farm
        farm.close()


def claimed(farm: Farm, job_id: str, year: int) -> JobRow:
    """Queue a job and claim it as a node does."""
    with database.begin(farm.engine) as connection:
        queue.submit(
            connection, NewJob(job_id, "integrator.sync_links", VENDOR, "integrator", {"year": year}, attempts_max=3),
            datetime.now(UTC),
        )  # fmt: skip
        job = queue.claim(connection, None, "here", datetime.now(UTC))
    assert job is not None
    assert job.id == job_id
    return job


def test_a_run_gets_a_short_list_of_variables_and_no_key(farm: Farm) -> None:
    _, key = farm.key("service:integrator", user="service-integrator")
    extra = {"OF_THE_OPERATOR": "wanted", "CHRISTMAS__NODE__ENVIRONMENT": '["OF_THE_OPERATOR", "NOT_THERE"]'}
    given = {**SECRETS, **GIVEN, **extra, "CHRISTMAS__ACCESS__KEY": key}
    farm.server.shops[VENDOR].delay_seconds = 1.0
    node = farm.node(**given)
    job_id = node.schedule(VENDOR, stage="links").json["jobid"]
    process = str(until(lambda: farm.job(job_id).process, what="the start"))
    found = psutil.Process(int(process.split(" ")[-2])).environ()

    has = farm.environment(**given)
    expected = {name: has[name] for name in PASSED & has.keys()}
    withheld = ("CHRISTMAS__ACCESS__", "CHRISTMAS__NODE__")
    expected |= {name: has[name] for name in has if name.startswith("CHRISTMAS__") and not name.startswith(withheld)}
    expected |= {
        "CHRISTMAS__VAR_PATH": str(farm.folder),
        "CHRISTMAS__SERVICE": "spider:integrator",
        "CHRISTMAS_NODE_PID": str(node.process.pid),
        "CHRISTMAS_NODE_NAME": f"node-{node.port}",
        "OF_THE_OPERATOR": "wanted",
    }
    assert found == expected
    assert expected.items() >= GIVEN.items()
    command = " ".join(psutil.Process(int(process.split(" ")[-2])).cmdline())
    for secret in (key, "of-the-cloud", "of-who-deploys", "1234567"):
        assert secret not in {*found.values()}
        assert secret not in command


def test_old_logs_go_but_never_one_of_a_job_that_is_not_over(farm: Farm) -> None:
    farm.variables["CHRISTMAS__NODE__LOGS_TO_KEEP"] = "2"
    options = Options(farm.config)
    waiting = preparing.prepare(options, claimed(farm, "waiting", 2025))
    with database.begin(farm.engine) as connection:
        queue.release(connection, "waiting", 1)
        queue.submit(connection, NewJob("over", "integrator.sync_links", VENDOR, "integrator", {}), datetime.now(UTC))
        queue.cancel(connection, "over", datetime.now(UTC))
    folder = waiting.log.parent
    old = (datetime.now(UTC) - timedelta(days=3)).timestamp()
    for name in ("over", "unknown", "oldest"):
        (folder / f"{name}.log").touch()
    for number, name in enumerate(("waiting", "oldest", "over", "unknown")):
        os.utime(folder / f"{name}.log", (old + number, old + number))
    with database.begin(farm.engine) as connection:
        queue.submit(
            connection, NewJob("next", "integrator.sync_links", VENDOR, "integrator", {"year": 2026}, priority=9),
            datetime.now(UTC),
        )  # fmt: skip
        job = queue.claim(connection, None, "here", datetime.now(UTC))
    assert job is not None
    start = preparing.prepare(options, job)
    assert start.log == folder / "next.log"
    assert {path.stem for path in folder.iterdir()} == {"waiting", "over", "unknown", "next"}
    # Nor goes that of one that runs, however long it has said nothing.
    os.utime(start.log, (old, old))
    for name in ("newer", "newest"):
        (folder / f"{name}.log").touch()
    preparing._prune(options, folder)
    assert {path.stem for path in folder.iterdir()} == {"waiting", "next", "newer", "newest"}


def test_an_egg_is_written_once_and_whole(farm: Farm) -> None:
    our_eggs.store(farm, our_eggs.built(), "1")
    options = Options(farm.config)
    first = preparing.prepare(options, claimed(farm, "first", 2025))
    path = Path(first.environment["CHRISTMAS_EGG"])
    assert path.parent == farm.folder / "eggs"
    assert path.read_bytes() == our_eggs.built()
    written = path.stat().st_mtime_ns
    with database.begin(farm.engine) as connection:
        queue.complete(connection, "first", 1, state="succeeded", outcome={}, now=datetime.now(UTC))
    second = preparing.prepare(options, claimed(farm, "second", 2026))
    assert second.environment["CHRISTMAS_EGG"] == str(path)
    assert path.stat().st_mtime_ns == written
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_version_that_is_gone_refuses_its_job(farm: Farm) -> None:
    job = claimed(farm, "first", 2025)
    with database.begin(farm.engine) as connection:
        connection.execute(records.jobs.update().values(version="7"))
        assert eggs.resolve(connection, "christmas", "7") is None
        chosen = records.get(connection, job.id)
    assert chosen is not None
    with pytest.raises(JobRefused, match=r"Version 7 of christmas has been removed\."):
        preparing.prepare(Options(farm.config), chosen)


def handed_over(farm: Farm, unfit: Node, words: str, folder: Path) -> None:
    """See that a node says what it lacks and leaves the job to another, which runs it at its first attempt."""
    job_id = farm.submit("integrator.sync_links", vendor=VENDOR, which="all").id
    until(lambda: f"Job {job_id} cannot be started" in unfit.log, what="the node's complaint")
    until(lambda: farm.job(job_id).state == "queued", what="the job's return")
    assert words in unfit.log
    assert unfit.ask("health").status == 200
    other = farm.node("--consumers", "all", CHRISTMAS__VAR_PATH=str(folder))
    done = farm.wait(job_id)
    assert (done.state, done.node) == ("succeeded", f"node-{other.port}"), done.outcome
    assert done.attempts_max - done.attempt == 2  # of three attempts, one was used
    assert unfit.stop() == other.stop() == 0


def test_a_node_without_a_folder_for_logs_leaves_its_jobs_to_others(shared: Farm, tmp_path: Path) -> None:
    folder = tmp_path / "unfit"
    folder.mkdir()
    (folder / "logs").write_text("a file in the folder's place")
    unfit = shared.node(CHRISTMAS__VAR_PATH=str(folder))
    handed_over(shared, unfit, "Not a directory", tmp_path / "fit")


def test_a_node_whose_disk_is_full_leaves_its_jobs_to_others(shared: Farm, tmp_path: Path) -> None:
    our_eggs.store(shared, our_eggs.built(), "1")
    # No file may grow beyond 64 blocks: the egg does not fit, as on a full disk.
    limited = ["sh", "-c", f"ulimit -f 64; exec {sys.executable} -m christmas node"]
    unfit = shared.node(command=limited, CHRISTMAS__VAR_PATH=str(tmp_path / "unfit"))
    handed_over(shared, unfit, "File too large", tmp_path / "fit")
    assert list((tmp_path / "unfit" / "eggs").iterdir()) == []
    assert len(list((tmp_path / "fit" / "eggs").iterdir())) == 1
