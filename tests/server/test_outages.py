"""A database that is locked or gone, Redis that is away: 503 with Retry-After, and back by itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from christmas import valkey
from christmas.access import api_keys, bootstrap
from christmas.config import Config
from christmas.db import database
from christmas.server import app
from tests.farm import standing, until
from tests.server import asgi, filled
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


@pytest.mark.integration
def test_sqlite_that_another_process_writes_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.3)
    config = Config(var_path=tmp_path, database={"url": filled.file(tmp_path, 2)})  # type: ignore[arg-type]
    bound = bootstrap.prepare(config, "server")
    application, engine = app.create(bound), database.open_engine(config.database_url)
    with database.begin(engine) as connection:
        made = api_keys.create_key(connection, user="ann", role="internal", now=datetime.now(UTC))
    key = (made.user, made.key)
    with database.begin(engine) as connection:
        connection.exec_driver_sql("UPDATE jobs SET priority = priority")
        # Reading goes on; who wants to write waits, and is told so.
        for path in ("/api/v1/products", "/"):
            assert asgi.ask(application, path, key).status == 200
        answer = asgi.ask(application, "/api/v1/held/discard", key, json={"ids": [1]})
        assert answer.status == 503
        assert answer.headers["retry-after"] == "5"
    assert asgi.ask(application, "/api/v1/held/discard", key, json={"ids": [1]}).status != 503
    application.state.christmas.close()
    for one in (engine, database.get_engine(bound)):
        one.dispose()
    valkey.release(tmp_path / "valkey")


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
