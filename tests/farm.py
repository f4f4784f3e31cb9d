"""Whole services for tests: real nodes and schedulers as processes, sample shops, and one catalog between them."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import Engine, make_url

from christmas import valkey
from christmas.access import api_keys
from christmas.config import Config, load
from christmas.db import database
from christmas.demo.server import DemoServer
from christmas.jobs import records, submission
from christmas.jobs.process_id import is_dead as process_is_dead
from christmas.jobs.records import JobRow
from tests import warm

ROOT = Path(__file__).parent.parent
START_SECONDS = 90
# A machine that does other work takes longer; a test that waits for something to happen says how long it takes alone.
PATIENCE = 3
SERVICES = ("integrator", "scheduler", "server")
Key = tuple[str, str]
Process = subprocess.Popen[bytes] | warm.Process
# One at a time changes the variables of this process.
ENVIRONMENT = Lock()


def until(true: Callable[[], Any], seconds: float = 30, what: str = "it") -> Any:
    """Look until something is true, and give it; fails after ``seconds`` on a machine that does nothing else."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not (found := true()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)
    return found


def killed(process: str) -> bool:
    """Kill -9 a process by its name in the jobs table (see ``christmas.jobs.process_id``); False where it had ended."""
    if process_is_dead(process):
        return False
    try:
        os.kill(int(process.split(" ")[-2]), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def standing(port: int, path: str = "/health/ready") -> tuple[int, Any] | None:
    """Return what a service on loopback says of itself: status and body; None where none answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=90) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return None


@dataclass
class Answer:
    """What a node answered."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found


@dataclass
class Service:
    """One process and what it has printed."""

    process: Process
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def stop(self, number: int = signal.SIGTERM, seconds: float = 60) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@dataclass
class Node(Service):
    """A node and its API."""

    port: int
    key: Key | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, path: str, data: Any = None, *, key: Key | None = None, headers: dict[str, str] | None = None,
        anonymous: bool = False, method: str | None = None,
    ) -> Answer:  # fmt: skip
        """Send one request, a POST where there is data; by default with the node's test key."""
        sent = dict(headers or {})
        key = key or self.key
        if key and not anonymous:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(key).encode()).decode()
        body = urllib.parse.urlencode(data, doseq=True).encode() if isinstance(data, dict | list) else data
        request = urllib.request.Request(f"{self.url}/{path}", data=body, headers=sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read().decode())

    def schedule(self, spider: str, **arguments: Any) -> Answer:
        return self.ask("schedule.json", {"project": "christmas", "spider": spider, **arguments})


@dataclass
class Farm:
    """A folder with one catalog, sample shops, and the processes that work on them; ``close`` ends them all."""

    folder: Path
    server: DemoServer
    variables: dict[str, str] = field(default_factory=dict)
    services: list[Service] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.variables = {
            "CHRISTMAS__VAR_PATH": str(self.folder),
            "CHRISTMAS__POLITENESS__DOWNLOAD_DELAY_SECONDS": "0",
            "CHRISTMAS__POLITENESS__CONCURRENCY": "4",
            "CHRISTMAS__POLITENESS__BACKOFF_BASE_SECONDS": "0.01",
            "CHRISTMAS__SCHEDULES": "{}",
            "CHRISTMAS__SERVER__PORT": "0",
            "CHRISTMAS__LOGS__FORMAT": "text",  # whatever the tests' stdout is
            **{f"CHRISTMAS__VENDORS__{name.upper()}__BASE_URL": s.base_url for name, s in self.server.shops.items()},
            **self.variables,
        }

    @property
    def config(self) -> Config:
        """Return the configuration as the processes read it."""
        with ENVIRONMENT:  # a test's other threads would keep the variables for good
            known = {name: os.environ.get(name) for name in self.variables}
            os.environ.update(self.variables)
            try:
                return load()
            finally:
                for name, value in known.items():
                    os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)

    @property
    def engine(self) -> Engine:
        url = make_url(self.config.database_url)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
            _copy_catalog(Path(url.database or ""))
        engine = database.open_engine(self.config.database_url)
        database.upgrade(engine)
        return engine

    def key(self, role: str = "internal", user: str | None = None, **more: Any) -> Key:
        """Make a key and give user name and key."""
        with database.begin(self.engine) as connection:
            new = api_keys.create_key(
                connection, user=user or role.replace(":", "-"), role=role, now=datetime.now(UTC), **more
            )
        return new.user, new.key

    def expired_key(self, role: str = "internal") -> Key:
        return self.key(role, user="late", expires_at=datetime.now(UTC) - timedelta(seconds=1))

    def migrated(self) -> dict[str, str]:
        """Bring the catalog up to date with a new key for each service, as a cluster does; gives them by service."""
        folder = self.folder / "service-keys"
        folder.mkdir()
        for service in SERVICES:
            new = self.run("keys", "new")
            assert new.returncode == 0, new.stderr
            (folder / f"{service}.key").write_text(new.stdout, encoding="ascii")
        done = self.run("db", "upgrade", "--service-keys", str(folder))
        assert done.returncode == 0, done.stderr
        return {service: (folder / f"{service}.key").read_text(encoding="ascii").strip() for service in SERVICES}

    def login(self, name: str, *roles: str, password: str = "x") -> str:  # noqa: S107
        """Make a login of PostgreSQL that is a member of these roles, and give the catalog's URL with it."""
        url = make_url(self.variables["CHRISTMAS__DATABASE__URL"])
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as owner:
            owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE {', '.join(roles)}")
        return url.set(username=name, password=password).render_as_string(hide_password=False)

    def environment(self, **variables: str) -> dict[str, str]:
        with ENVIRONMENT:
            return {**os.environ, **self.variables, **variables}

    def start(self, *command: str, cwd: Path = ROOT, **variables: str) -> Service:
        """Start ``python -m christmas COMMAND`` without waiting for anything."""
        return self._started(command, cwd, variables)

    def node(
        self, *options: str, wait: bool = True, cwd: Path = ROOT, command: list[str] | None = None, **variables: str
    ) -> Node:
        """Start a node of its own name and port, or what ``command`` says instead; it answers when this returns."""
        port, key = free_port(), self.key(user="tester")
        variables = {"CHRISTMAS__NODE__PORT": str(port), "CHRISTMAS__NODE__NAME": f"node-{port}", **variables}
        service = self._started(("node", *options), cwd, variables, command)
        node = Node(service.process, service.log_path, port, key)
        self.services[-1] = node
        if wait:
            until(lambda: self._answers(node), START_SECONDS, f"the start of the node ({node.log_path})")
        return node

    def submit(self, name: str, **arguments: Any) -> JobRow:
        return submission.submit(name, arguments, config=self.config)

    def job(self, job_id: str) -> JobRow:
        with database.read(self.engine) as connection:
            found = records.get(connection, job_id)
        assert found is not None
        return found

    def wait(self, job_id: str, seconds: float = 60) -> JobRow:
        """Return the job's record when it has ended."""
        return submission.wait(job_id, config=self.config, timeout_seconds=seconds)

    def jobs(self, *states: str) -> list[JobRow]:
        with database.read(self.engine) as connection:
            return records.find(connection, states=list(states) or list(records.STATES), limit=100_000)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ``christmas COMMAND`` to its end."""
        return warm.run("christmas", *command, environment=self.environment(**variables))

    def close(self) -> None:
        for service in self.services:
            if service.process.poll() is None:
                service.process.send_signal(signal.SIGCONT)
                service.process.terminate()
        for service in self.services:
            try:
                service.process.wait(40)
            except subprocess.TimeoutExpired:
                service.kill()
        database.open_engine(self.config.database_url).dispose()
        valkey.release(self.config.var_path / "valkey")  # this process has submitted jobs, and waked nodes

    def _answers(self, node: Node) -> bool:
        assert node.process.poll() is None, node.log
        try:
            return node.ask("health").status == 200
        except urllib.error.URLError:
            return False

    def _started(
        self, christmas: Sequence[str], cwd: Path, variables: dict[str, str], command: list[str] | None = None
    ) -> Service:
        log_path = self.folder / f"service-{len(self.services)}.log"
        environment = self.environment(**variables)
        process: Process
        with log_path.open("wb") as log:
            if command is None:
                process = warm.start("christmas", *christmas, environment=environment, cwd=cwd, output=log)
            else:
                process = subprocess.Popen(
                    command, env=environment, cwd=cwd, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )  # fmt: skip
        self.services.append(Service(process, log_path))
        return self.services[-1]


def _copy_catalog(path: Path) -> None:
    """Make a new catalog, which takes no migration of its own; unless another process just makes one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_name(f"{path.name}-{uuid4().hex}")
    whole.write_bytes(_empty_catalog())
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(whole)
    whole.unlink()


@cache
def _empty_catalog() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "catalog.db"
        engine = database.open_engine(f"sqlite:///{path}")
        database.upgrade(engine)
        engine.dispose()
        return path.read_bytes()
