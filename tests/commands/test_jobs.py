"""``christmas run`` and ``christmas jobs``: with a real node, and everything that can be said wrongly."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from christmas.db import database
from christmas.demo.faults import Fault
from christmas.demo.server import DemoServer
from christmas.jobs import queue
from tests.commands.conftest import Command
from tests.farm import ROOT, Farm

SHOP, OTHER = "ornament_shop_com", "hookedonhallmark_com"
LINKS, VENDOR = "integrator.sync_links", "integrator.sync_vendor"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIELDS = ["id", "name", "state", "parent", "vendor", "queued_at", "started_at", "finished_at", "attempt", "outcome"]


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """Provide a farm with a node."""
    with DemoServer(size=60, per_page=12) as server:
        farm = Farm(tmp_path_factory.mktemp("jobs"), server)
        farm.node()
        yield farm
        farm.close()


def finish(christmas: Command, job_id: str, state: str = "succeeded") -> None:
    with database.begin(christmas.engine) as connection:
        while (job := queue.claim(connection, None, "node", NOW)) and job.id != job_id:
            pass
        assert job is not None
        outcome = {"pages_read": 3, "pages_planned": 4, "error": "None of 3 pages could be read."}
        queue.complete(connection, job_id, 1, state=state, outcome=outcome, now=NOW)


def test_waiting_shows_the_tree_and_what_came_out(farm: Farm) -> None:
    done = farm.run("run", VENDOR, f"vendor={SHOP}", "year=2026", "limit=2", "--wait")
    assert (done.returncode, done.stderr) == (0, "")
    *told, last = done.stdout.splitlines()
    progress = [line for line in told if line.startswith("integrator.")]
    assert progress[0] == f"{VENDOR} {SHOP} running"
    assert {f"{name} {SHOP} succeeded" for name in (VENDOR, LINKS, "integrator.sync_products")} <= set(progress)
    assert len(progress) == len(set(progress))
    lines = [line for line in told if line.startswith("│")]
    assert [line.split()[1] for line in lines] == [VENDOR, LINKS, "integrator.sync_products"]
    assert all("succeeded" in line and SHOP in line for line in lines)
    assert "2/2" in lines[2]  # pages
    assert all(line.count("│") == 9 for line in lines)
    job_id, state = last.split()
    assert (farm.job(job_id).name, state) == (VENDOR, "succeeded")


def test_a_screen_shows_the_tree_while_it_runs(farm: Farm) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "christmas", "run", LINKS, f"vendor={SHOP}", "year=2025", "--wait"]
    variables = farm.environment(TERM="xterm", COLUMNS="160")
    process = subprocess.Popen(command, env=variables, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that nobody writes any more
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    assert process.wait(60) == 0, shown
    assert b"queued" in shown or b"running" in shown
    assert shown.count(SHOP.encode()) > 1
    assert shown.rstrip().endswith(b" succeeded")


def test_waiting_for_a_job_that_fails_ends_with_1(farm: Farm) -> None:
    farm.server.shops[OTHER].fault(Fault("status", times=10**6, status=500))
    done = farm.run("run", LINKS, f"vendor={OTHER}", "--wait")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[-1].endswith(" failed: The vendor answered with nothing but errors.")


@pytest.mark.integration
def test_run_submits_and_says_the_id(christmas: Command) -> None:
    job_id, state = christmas.out("run", LINKS, f"vendor={SHOP}", "year=1998", "--priority", "7").split()
    assert state == "queued"
    (row,) = christmas.json("jobs", job_id)
    assert (row["arguments"], row["priority"], row["submitted_by"]) == ({"year": 1998}, 7, "command line")
    assert christmas.out("run", LINKS, f"vendor={SHOP}", "year=1998").split() == [job_id, "queued"]


@pytest.mark.integration
def test_the_list_has_the_newest_first_and_all_fields(christmas: Command) -> None:
    ids = [christmas.out("run", LINKS, f"vendor={SHOP}", f"year={year}").split()[0] for year in (1996, 1997, 1998)]
    finish(christmas, ids[0], "failed")
    rows = christmas.json("jobs")
    assert [row["id"] for row in rows] == ids[::-1]
    assert list(rows[0])[: len(FIELDS)] == FIELDS
    done = rows[-1]
    assert (done["name"], done["state"], done["parent"], done["vendor"], done["attempt"]) == (
        LINKS, "failed", None, SHOP, 1,
    )  # fmt: skip
    assert done["finished_at"] == NOW.isoformat()
    assert done["outcome"]["pages_read"] == 3
    assert (rows[0]["started_at"], rows[0]["finished_at"], rows[0]["outcome"]) == (None, None, None)
    assert [row["id"] for row in christmas.json("jobs", "--state", "queued", "--limit", "1")] == ids[2:]
    table = christmas.out("jobs")
    assert all(job_id in table for job_id in ids)
    lines = [line for line in table.splitlines() if ids[0] in line]
    assert len(lines) == 1
    assert "None of 3 pages" in lines[0]


@pytest.mark.integration
def test_one_job_is_shown_with_everything_below_it(christmas: Command) -> None:
    root = christmas.out("run", "integrator.sync_all").split()[0]
    rows = christmas.json("jobs", root)
    assert (rows[0]["id"], rows[0]["state"], rows[0]["parent"]) == (root, "running", None)
    assert sorted(row["name"] for row in rows[1:] if row["parent"] == root) == [VENDOR] * 3
    assert len(rows) == 10
    assert christmas.json("jobs", "show", root) == rows
    assert json.loads(christmas.out("jobs", "--format", "json", root)) == rows
    lines = [line for line in christmas.out("jobs", root).splitlines() if "integrator." in line]
    depths = [line.index("integrator.") for line in lines]
    assert [depth - depths[0] for depth in depths] == [0, *[2, 4, 4] * 3]
    child = next(row for row in rows if row["name"] == LINKS)
    assert [row["id"] for row in christmas.json("jobs", child["id"])] == [child["id"]]


@pytest.mark.integration
def test_a_child_that_another_root_had_started_is_shown_below_both(christmas: Command) -> None:
    first = christmas.out("run", LINKS, f"vendor={SHOP}").split()[0]
    root = christmas.out("run", "integrator.sync_all", "stage=links").split()[0]
    rows = christmas.json("jobs", root)
    assert rows[0]["id"] == root
    assert first in {row["id"] for row in rows[1:]}
    lines = [line for line in christmas.out("jobs", root).splitlines() if "integrator." in line]
    assert [line.index("integrator.") - lines[0].index("integrator.") for line in lines] == [0, 2, 2, 2]


@pytest.mark.integration
def test_following_a_job_that_has_ended_shows_it_once(christmas: Command) -> None:
    job_id = christmas.out("run", LINKS, f"vendor={SHOP}").split()[0]
    finish(christmas, job_id, "failed")
    out = christmas.out("jobs", "show", job_id, "--follow")
    assert "3/4" in out
    assert "None of 3 pages could be read." in out
    assert christmas.json("jobs", "show", job_id, "--follow")[0]["state"] == "failed"


@pytest.mark.integration
def test_cancel_ends_a_job_and_all_below_it(christmas: Command) -> None:
    root = christmas.out("run", "integrator.sync_all", "stage=links").split()[0]
    assert christmas.out("jobs", "cancel", root) == f"{root} was running and is being cancelled\n"
    assert {row["state"] for row in christmas.json("jobs", root)} == {"cancelled"}
    job_id = christmas.out("run", LINKS, f"vendor={SHOP}").split()[0]
    assert christmas.out("jobs", "cancel", job_id) == f"{job_id} was queued and is being cancelled\n"
    for gone in (root, job_id, "unknown"):
        assert f"no queued or running job {gone!r}" in christmas.refused("jobs", "cancel", gone)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["run", "integrator.sync_everything"], "auditor.verify_sample, integrator.sync_all, integrator.sync_links"),
        (["run", LINKS], "vendor is missing"),
        (["run", LINKS, "vendor=no_such_shop"], f"there are hallmark_ornaments_com, {OTHER}, {SHOP}"),
        (["run", LINKS, f"vendor={SHOP}", "year=98"], "year='98'"),
        (["run", LINKS, f"vendor={SHOP}", "self=x"], "there is no argument self"),
        (["run", LINKS, f"vendor={SHOP}", "year"], "'year' is not an argument: write name=value"),
        (["run", LINKS, f"vendor={SHOP}", "=1998"], "'=1998' is not an argument"),
        (["run", LINKS, f"vendor={SHOP}", "year=1998", "year=1999"], "year is given twice"),
        (["run", "integrator.sync_products", f"vendor={SHOP}", "limit=-1"], "limit='-1'"),
        (["run", "integrator.sync_products", f"vendor={SHOP}", "keys="], "keys=''"),
        (["run", "integrator.sync_product", "product=unknown"], "no product 'unknown'"),
        (["run", LINKS, f"vendor={SHOP}", "--format", "xml"], "--format xml"),
        (["jobs", "--format", "csv"], "--format csv"),
        (["jobs", "--state", "done"], "queued, running, succeeded, failed, cancelled"),
        (["jobs", "unknown"], "no job 'unknown'"),
        (["jobs", "show", "unknown", "--follow"], "no job 'unknown'"),
        (["jobs", "unknown", "--format", "xml"], "--format xml"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments: list[str], part: str, christmas: Command) -> None:
    assert part in christmas.refused(*arguments)
    assert christmas.json("jobs") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"], ["run", LINKS, "--priority", "high"], ["run", LINKS, "--priority", "1001"], ["run", LINKS, "--colour"],
        ["jobs", "--limit", "0"], ["jobs", "--limit", "99999999999999999999"], ["jobs", "--colour"], ["jobs", "cancel"],
    ],
)  # fmt: skip
def test_a_command_line_that_cannot_be_read_is_status_2(arguments: list[str], christmas: Command) -> None:
    assert "Traceback" not in christmas.misused(*arguments)


def test_a_job_in_a_process_is_refused_without_a_traceback(farm: Farm) -> None:
    done = farm.run("run", LINKS, f"vendor={SHOP}", "year=98")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"christmas: {LINKS}: year='98' is not accepted")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--help"], ["--wait", "--priority", "--format", "sync_vendor"]),
        (["jobs", "--help"], ["--state", "--limit", "show", "cancel"]),
        (["jobs", "show", "--help"], ["ID", "--follow"]),
        (["jobs", "cancel", "--help"], ["ID"]),
    ],
)
def test_help_names_what_there_is(arguments: list[str], words: list[str], christmas: Command) -> None:
    out = christmas.out(*arguments)
    assert all(word in out for word in words)
