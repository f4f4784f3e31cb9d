"""A real server for tests: a process of its own on loopback, and requests to it."""

from __future__ import annotations

import http.client
import json as json_module
import os
import signal
import urllib.parse
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from christmas.access import api_keys, audit_log
from christmas.access.audit_log import AccessRow
from christmas.db import database
from tests import warm
from tests.farm import ROOT, Farm, Key, Process, free_port, until

START_SECONDS = 90


@dataclass
class Answer:
    """What the server answered; ``headers`` are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json_module.loads(self.body)

    @property
    def cookies(self) -> dict[str, str]:
        pairs = (one.partition(";")[0].partition("=") for one in self.headers.get("set-cookie", "").split("\n") if one)
        return {name: value for name, _, value in pairs}


@dataclass
class Server:
    """The process, its catalog, and a key of the role ``internal``."""

    process: Process
    port: int
    engine: Engine
    log_path: Path
    admin: Key = ("", "")
    keys: dict[str, Key] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def key(self, role: str = "internal", **more: Any) -> Key:
        """Make a key, and give user name and key."""
        user = more.pop("user", role.replace(":", "-"))
        with database.begin(self.engine) as connection:
            new = api_keys.create_key(connection, user=user, role=role, now=datetime.now(UTC), **more)
        return new.user, new.key

    def ask(
        self,
        path: str,
        *,
        key: Key | None = None,
        method: str | None = None,
        json: Any = None,
        form: dict[str, str] | None = None,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        anonymous: bool = False,
        cookie: str | None = None,
    ) -> Answer:
        """Send one request, and follow no redirect; with the key of ``internal`` unless told otherwise."""
        sent = {"Connection": "close"} | (headers or {})
        if not anonymous and cookie is None:
            sent["Authorization"] = "Basic " + b64encode(":".join(key or self.admin).encode()).decode()
        if cookie is not None:
            sent["Cookie"] = f"christmas_session={cookie}"
        if json is not None:
            body = json_module.dumps(json).encode()
            sent.setdefault("Content-Type", "application/json")
        if form is not None:
            body = urllib.parse.urlencode(form).encode()
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body, sent)
            answer = connection.getresponse()
            found: dict[str, str] = {}
            for name, value in answer.getheaders():
                known = found.get(name.lower())
                found[name.lower()] = value if known is None else f"{known}\n{value}"
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def sign_in(self, key: Key | None = None) -> str:
        """Sign in with a key, and give the session's token."""
        user, secret = key or self.admin
        answer = self.ask("/sign-in", form={"user": user, "key": secret}, anonymous=True)
        assert answer.status == 303, answer.text
        return answer.cookies["christmas_session"]

    def access_log(self, limit: int = 1) -> list[AccessRow]:
        with database.read(self.engine) as connection:
            return audit_log.latest(connection, limit)


@contextmanager
def serving(folder: Path, url: str = "", **variables: str) -> Iterator[Server]:
    """Run a server on the catalog in a folder, or of a URL; it answers when this begins, and has ended after it."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = url or f"sqlite:///{folder / 'christmas.db'}"
    engine = database.open_engine(url)
    database.upgrade(engine)
    environment = {
        **os.environ,
        "CHRISTMAS__VAR_PATH": str(folder),
        "CHRISTMAS__DATABASE__URL": url,
        "CHRISTMAS__SERVER__PORT": str(port),
        "CHRISTMAS__SERVER__REQUESTS_PER_MINUTE": "1000000",
        "CHRISTMAS__SERVER__PUBLIC_REQUESTS_PER_MINUTE": "1000000",
        "CHRISTMAS__ACCESS__FAILED_LOGINS_PER_MINUTE": "100000",
        "CHRISTMAS__LOGS__FORMAT": "text",
        **variables,
    }
    log_path = folder / "server.log"
    with log_path.open("ab") as log:
        process = warm.start("christmas", "server", environment=environment, output=log)
    server = Server(process, port, engine, log_path)
    try:
        until(lambda: _ready(server), START_SECONDS, f"the start of the server ({log_path})")
        server.admin = server.key(user="tester")
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        engine.dispose()


def started(farm: Farm, *, wait: bool = True, cwd: Path = ROOT, **variables: str) -> Server:
    """Start a server of its own port in a farm, which ends it; it answers when this returns."""
    port = free_port()
    service = farm.start("server", cwd=cwd, **{"CHRISTMAS__SERVER__PORT": str(port), **variables})
    server = Server(service.process, port, farm.engine, service.log_path, farm.key(user="tester"))
    if wait:
        until(lambda: _ready(server), START_SECONDS, f"the start of the server ({service.log_path})")
    return server


def _ready(server: Server) -> bool:
    assert server.process.poll() is None, server.log
    try:
        return server.ask("/health/ready", anonymous=True).status == 200
    except OSError:
        return False
