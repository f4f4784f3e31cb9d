"""Everything that goes wrong: a clear error, an honest outcome, and nothing stored before is lost."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from christmas import valkey
from christmas.demo.faults import Fault
from tests import warm
from tests.crawling import ROOT, Site
from tests.farm import until

Sites = Callable[[str], Site]


@pytest.mark.parametrize("kind", ["empty", "binary", "huge", "truncated"])
def test_a_bad_product_page_costs_only_itself(kind: str, site: Sites) -> None:
    here = site("ornament_shop_com")
    here.crawl(stage="links")
    victim = next(iter(here.shop.truth().values()))
    here.shop.fault(Fault(kind, pattern=victim.path, times=10))  # type: ignore[arg-type]
    result = here.crawl(stage="products")
    assert result.state == "succeeded", result.log
    assert result.outcome["pages_unreadable"] + result.outcome["pages_failed"] == 1
    assert set(here.shop.truth()) - set(here.products()) == {victim.key}


@pytest.mark.parametrize("kind", ["empty", "binary", "truncated", "status"])
def test_bad_pages_never_overwrite_what_is_known(kind: str, site: Sites) -> None:
    here = site("hallmark_ornaments_com")
    here.crawl()
    before = here.products()
    here.shop.fault(Fault(kind, pattern=r"_[cp]_", times=10_000))  # type: ignore[arg-type]
    for stage in ("links", "products"):
        result = here.crawl(stage=stage, which="all")
        assert result.state == "failed"
        assert "pages could be read" in result.outcome["error"] or result.outcome["finish_reason"] == "unavailable"
    assert here.products() == before
    assert here.changes() == []


def test_a_wrong_charset_is_read_all_the_same(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.crawl(stage="links")
    here.shop.fault(Fault("charset", pattern=r"-\d+/$", times=1000))
    assert here.crawl(stage="products").state == "succeeded"
    accented = [row.name for row in here.products().values() if "é" in row.name or "ë" in row.name]
    assert accented


def test_a_view_all_page_that_fails_is_replaced_by_paging(site: Sites) -> None:
    here = site("hallmark_ornaments_com")
    here.shop.fault(Fault("huge", pattern="viewall", times=10))
    result = here.crawl()
    assert result.state == "succeeded", result.log
    assert here.differences() == []


def test_an_unreadable_index_fails_the_run(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.shop.fault(Fault("empty", pattern="by-year"))
    result = here.crawl(stage="links")
    assert result.state == "failed"
    assert "None of 1 pages could be read" in result.outcome["error"]


def test_nothing_due_is_a_success(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.crawl()
    result = here.crawl(stage="links")
    assert result.state == "succeeded"
    assert [path for path in result.paths if path != "/robots.txt"] == []


def test_an_unreachable_shop_fails_the_run(site: Sites) -> None:
    here = site("ornament_shop_com")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        here.shop.base_url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        result = here.crawl()
    assert result.state == "failed"
    assert "None of 1 pages could be read" in result.outcome["error"]
    assert "refused" in result.log


def test_without_redis_the_crawl_goes_on(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.variables["CHRISTMAS__REDIS__URL"] = "redis://user:secret@127.0.0.1:1/0"
    result = here.crawl()
    assert result.state == "succeeded"
    assert here.differences() == []
    assert "Redis does not answer" in result.log
    assert "secret" not in result.log


def test_redis_killed_in_the_middle_of_a_crawl(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.shop.delay_seconds = 0.05  # so that it does not end before
    crawl = here.start(uuid4().hex)
    until(lambda: len(here.shop.requests) >= 3, 30, "a few pages")
    name = str(valkey.socket_path(here.folder / "valkey"))  # its process is called after it
    listed = subprocess.run(["pgrep", "-f", name], capture_output=True, text=True, check=True)
    for pid in listed.stdout.split():
        os.kill(int(pid), signal.SIGKILL)
    status, log = crawl.end()
    assert status == 0, log
    assert here.differences() == []


def locked(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def test_a_database_locked_for_a_while_is_waited_for(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.crawl(stage="links")
    holder = locked(here.folder / "christmas.db")
    crawl = here.start(uuid4().hex, stage="products")
    path = str((here.folder / "christmas.db").resolve())
    program = psutil.Process(crawl.process.pid)
    until(lambda: path in {file.path for file in program.open_files()}, 30, "the opening of the database")
    time.sleep(0.5)  # it meets the lock meanwhile, and waits much longer
    holder.execute("ROLLBACK")
    holder.close()
    status, log = crawl.end()
    assert status == 0, log
    assert here.differences() == []


def test_a_full_disk_ends_the_run_and_keeps_what_was_stored(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.crawl(stage="links")
    here.crawl(stage="products", limit=10)
    size = 200_000  # no file may grow beyond: SQLite's write-ahead log soon wants to
    script = (
        "import resource, signal, sys, runpy; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size})); sys.argv[0] = 'scrapy'; "
        "runpy.run_module('scrapy', run_name='__main__')"
    )
    job = uuid4().hex
    command = [sys.executable, "-c", script, *here.command(job, stage="products", which="all")[1:]]
    done = subprocess.run(command, env=here.environment(), cwd=ROOT, capture_output=True, text=True, timeout=180)
    # Whether the store or the lease notices first, and whether anything was still to fetch then, is chance.
    assert "the disk fails or is full" in done.stderr, done.stderr
    assert len(here.products()) == 10
    assert here.crawl(stage="products").state == "succeeded"
    assert here.differences() == []


@pytest.mark.parametrize("content", [b"this is no database at all, whatever its name says" * 100])
def test_a_damaged_database_is_named_and_left_alone(content: bytes, site: Sites) -> None:
    here = site("ornament_shop_com")
    path = here.folder / "christmas.db"
    here.folder.mkdir()
    path.write_bytes(content)
    done = warm.run(*here.command(uuid4().hex), environment=here.environment())
    assert str(path) in done.stderr
    assert "no SQLite database" in done.stderr
    assert here.shop.requests == []
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ornament_shop_com", "-a", "stage=listings"], "links or products"),
        (["ornament_shop_com", "-a", "year=98"], "1900 to 2100"),
        (["ornament_shop_com", "-a", "wich=all"], "Unknown argument wich"),
        (["ornament_shop_com", "-a", "stage=products", "-a", "limit=0"], "from 1 on"),
        (["no_such_shop"], "Spider not found: no_such_shop"),
    ],
)
def test_a_wrong_command_fails_before_the_first_request(arguments: list[str], words: str, site: Sites) -> None:
    here = site("ornament_shop_com")
    done = warm.run("scrapy", "crawl", *arguments, environment=here.environment())
    assert words in done.stderr + done.stdout
    assert done.returncode != 0
    assert here.shop.requests == []


@pytest.mark.integration
def test_a_real_shop_is_not_read_without_a_contact(tmp_path: Path) -> None:
    variables = {key: value for key, value in os.environ.items() if not key.startswith("CHRISTMAS__")}
    done = warm.run(
        "scrapy", "crawl", "ornament_shop_com", environment=variables | {"CHRISTMAS__VAR_PATH": str(tmp_path)}
    )
    assert "CHRISTMAS__CONTACT_URL" in done.stderr
    assert done.returncode != 0
    assert not (tmp_path / "christmas.db").exists()


@pytest.mark.integration
def test_scrapy_list_needs_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "list"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["hallmark_ornaments_com", "hookedonhallmark_com", "ornament_shop_com"]
