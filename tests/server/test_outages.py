"""A database that is locked or gone, Redis that is away: 503 with Retry-After, and back by itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from christmas.db import database
from tests.farm import standing, until
from tests.server import filled
from tests.server.running import Server, serving

PATHS = ("/api/v1/products", "/", "/health/ready", "/api/v1/whoami")


def statuses(server: Server) -> list[int]:
    return [server.ask(path).status for path in PATHS]


def test_postgresql_that_is_gone_for_a_while(new_postgresql: Callable[[], str], tmp_path: Path) -> None:
    url = new_postgresql()
    engine = database.open_engine(url)
    database.upgrade(engine)
    with database.begin(engine) as connection:
        filled.fill(connection, 3)
    name = make_url(url).database
    with serving(tmp_path, url) as server:
        assert statuses(server) == [200, 200, 200, 200]
        engine.dispose()
        admin = make_url(url).set(database="postgres").render_as_string(hide_password=False)
        with psycopg.connect(admin, autocommit=True) as connection:
            # As if the server were away: nobody is let in, and whoever is in is thrown out.
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            answer = server.ask("/api/v1/products")
            assert answer.status == 503
            assert answer.headers["retry-after"] == "5"
            assert "comes back by itself" in answer.json["detail"]
            assert str(name) not in answer.text
            page = server.ask("/")
            assert page.status == 503
            assert "try again" in page.text
            assert server.ask("/health/live", anonymous=True).status == 200
            missing = (503, {"status": "unavailable", "missing": ["database"]})
            until(lambda: standing(server.port) == missing, what="that it is not ready")
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        until(lambda: statuses(server) == [200, 200, 200, 200], what="that all is well again")


def test_sqlite_that_another_process_writes_to(own: Server) -> None:
    token = own.sign_in()
    with database.begin(own.engine) as connection:
        connection.exec_driver_sql("UPDATE jobs SET priority = priority")
        # Reading goes on; who wants to write waits, and is told so.
        assert own.ask("/", cookie=token).status == 200
        assert own.ask("/api/v1/products").status == 200
        answer = own.ask("/api/v1/held/discard", json={"ids": [1]})
        assert answer.status == 503
        assert answer.headers["retry-after"] == "5"


@pytest.mark.serial
def test_refusals_do_not_wait_for_a_database_that_is_locked(own: Server) -> None:
    """Twice as many as there are threads, each of which would wait for the lock."""
    known = len(own.access_log(100))
    with database.begin(own.engine) as connection, ThreadPoolExecutor(30) as threads:
        connection.exec_driver_sql("UPDATE jobs SET priority = priority")
        began = time.monotonic()
        refused = [threads.submit(own.ask, "/api/v1/jobs", anonymous=True) for _ in range(30)]
        assert own.ask("/health/live", anonymous=True).status == 200
        assert [one.result().status for one in refused] == [401] * 30
        assert time.monotonic() - began < database.BUSY_SECONDS
    until(lambda: len(own.access_log(100)) == known + 30, 30, "what was refused to be written")


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_redis_that_is_away(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path, filled.file(tmp_path, 2)) as server:
        answer = server.ask("/api/v1/products")
        assert answer.headers["ratelimit"].startswith('"minute";r=999999;')
        pid = _valkey(tmp_path)
        os.kill(pid, number)
        try:
            for _ in range(3):
                answer = server.ask("/api/v1/products")
                assert answer.status == 200
                assert "ratelimit" in answer.headers
            assert "counted by each process alone" in server.log
        finally:
            if number == signal.SIGSTOP:
                os.kill(pid, signal.SIGCONT)
        until(lambda: server.ask("/api/v1/products").status == 200, 20, "answers")


def _valkey(folder: Path) -> Any:
    import psutil

    for process in psutil.process_iter(["pid", "cmdline"]):
        if str(folder / "valkey") in " ".join(process.info["cmdline"] or []):
            return process.info["pid"]
    raise AssertionError("no Valkey runs in the folder")
