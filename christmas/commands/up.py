"""``christmas up`` and ``sign-in``: all services as processes on this machine, started and stopped together.

The commands that read shops by themselves have the server alone beside them.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from christmas import logs, valkey
from christmas.access import api_keys, bootstrap, sessions
from christmas.commands.common import engine
from christmas.config import PREFIX, current, local_address
from christmas.db import database
from christmas.errors import ArgumentError, ChristmasError, JobRefused
from christmas.health import READY
from christmas.jobs import hooks, records, submission
from christmas.logs.lines import JsonFormatter, as_json
from christmas.node import options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy import Engine

    from christmas.config import Config

logger = logging.getLogger(__name__)

# Command to the service whose key it has.
SERVICES = {"node": "integrator", "scheduler": "scheduler", "server": "server"}
# Those that listen, on the address of their section of the configuration.
LISTENING = ("node", "server")
# A stopping node closes its port at once; what keeps the port for longer is something else.
PORT_SECONDS = 5.0
# The node needs its grace period to release jobs, and a moment more.
STOP_MARGIN_SECONDS = 15.0
START_SECONDS = 30.0
LOOK_SECONDS = 0.2
# Who signs in by a link, which only who can read the terminal of this machine can use, and only soon.
LOCAL_USER, LOCAL_ROLE = "local", "internal"
LINK_LIFETIME = timedelta(minutes=15)


def up(
    once: Annotated[bool, typer.Option("--check", help="Start everything, check that it answers, and stop.")] = False,
) -> None:
    """Run everything on this machine: Valkey, node, scheduler and server."""
    config = current()
    logs.set_up(config, service="up")
    try:
        run(config, tell, check_only=once)
    finally:
        logs.close()


def sign_in(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The server's port, if it is not server.port.")
    ] = None,
) -> None:
    """Print a link that signs in once as operator; it is valid for 15 minutes."""
    if port is not None:
        os.environ[f"{PREFIX}SERVER__PORT"] = str(port)

    address = server_address(current())
    typer.echo(sign_in_link(engine(), address))


def tell(text: str) -> None:
    """Print what must not be logged, in the format of the log around it."""
    if any(isinstance(handler.formatter, JsonFormatter) for handler in logging.root.handlers):
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = as_json({"time": now, "level": "INFO", "service": "up", "event": text})
    typer.echo(text)


def run(config: Config, tell: Callable[[str], object], *, check_only: bool = False) -> None:
    """Run until Ctrl-C or SIGTERM; raise ChristmasError where a service ends by itself.

    ``tell`` gets what must not be logged: a link that signs in.
    """
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    # Before anything is started: what is wrong is one line then, not one of each service.
    hooks.check(config)
    options.check_consumers(config)
    for name in SERVICES.values():
        bootstrap.prepare(config, name)
    redis = valkey.connect(config)
    ports = _free_ports(config, stop)
    addresses = {name: _address(config, name, port) for name, port in ports.items()}
    processes: dict[str, subprocess.Popen[bytes]] = {}
    ended = None
    try:
        for name in SERVICES:
            processes[name] = _start(name, ports)
        for name, address in addresses.items():
            _wait_for(name, address, processes[name], stop)
        if not stop.is_set():
            logger.info("The pages are at %s; `christmas sign-in` prints a link that signs in", addresses["server"])
            if not check_only:
                link = sign_in_link(database.get_engine(config), addresses["server"])
                tell(f"To sign in once, within 15 minutes: {link}")
            keys = config.var_path / "keys"
            logger.info("Everything is running: the node is at %s, the keys are in %s", addresses["node"], keys)
            _begin(config)
        while not stop.wait(LOOK_SECONDS) and ended is None and not check_only:
            ended = next((name for name, one in processes.items() if one.poll() is not None), None)
    finally:
        _stop(processes, config.node.finish_seconds + config.node.grace_seconds + STOP_MARGIN_SECONDS)
        redis.close()
    if ended is not None and not stop.is_set():
        raise ChristmasError(f"The {ended} has ended with status {processes[ended].returncode}; its output says why.")
    logger.info("Everything has stopped")


def _begin(config: Config) -> None:
    """Submit a first reading of an empty catalog: the first schedule may be due in an hour."""
    if not config.schedules:
        return
    with database.read(database.get_engine(config)) as connection:
        known = records.find(connection, limit=1)
    if known:
        return
    try:
        submission.submit("integrator.sync_all", {"limit": 400}, config=config, submitted_by="christmas up")
        logger.info("Started the first reading of all vendors; `christmas jobs` shows it")
    except (ArgumentError, JobRefused) as refusal:
        logger.warning("Nothing is read yet: %s", refusal)


@contextmanager
def server_beside(
    config: Config, engine: Engine, variables: Mapping[str, str], log: Path, tell: Callable[[str], object]
) -> Iterator[Callable[[float | None], None]]:
    """Run the server beside a command and ``tell`` its URL; raise ChristmasError where it does not answer.

    Yield a function that waits for some seconds, or without end, and raises ChristmasError where the server ends.
    If the configured port is taken, another one is used.
    """
    ports = _free_ports(config, Event(), only="server", any_port=True)
    address = _address(config, "server", ports["server"])
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = _start("server", ports, variables, output.fileno())

    def wait(seconds: float | None) -> None:
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return
        raise ChristmasError(f"The server has ended with status {status}; its log is {log}.")

    try:
        _wait_for("server", address, process, Event(), f"its log is {log}")
        tell(f"The pages are at {address}\nTo sign in once, within 15 minutes: {sign_in_link(engine, address)}")
        yield wait
    finally:
        _stop({"server": process}, STOP_MARGIN_SECONDS)


def sign_in_link(engine: Engine, address: str) -> str:
    """Return a link that signs in once as an operator; it is a secret. Raise DatabaseUnavailable."""
    now = datetime.now(UTC)
    with database.begin(engine) as connection:
        api_keys.bind(connection, LOCAL_USER, LOCAL_ROLE, now)
        token = sessions.create(
            connection, kind="link", user=LOCAL_USER, role=LOCAL_ROLE, vendors=None, key_id=None, now=now,
            lifetime=LINK_LIFETIME,
        )  # fmt: skip
    return f"{address}/sign-in?token={token}"


def server_address(config: Config) -> str:
    """Return the configured server's URL on this machine; raise ArgumentError where its port is not fixed."""
    if not config.server.port:
        raise ArgumentError("server.port is 0, so the system chooses the server's port: name it with --port.")
    return _address(config, "server", config.server.port)


def _start(
    name: str, ports: Mapping[str, int], variables: Mapping[str, str] | None = None, output: int | None = None
) -> subprocess.Popen[bytes]:
    # Of its own group: Ctrl-C reaches this process alone, which stops the services in order.
    command = [sys.executable, "-m", "christmas", name, "--until-stdin-closes"]
    given = {f"{PREFIX}{service.upper()}__PORT": str(port) for service, port in ports.items()}
    return subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True,
        env={**os.environ, **(variables or {}), **given},
    )  # fmt: skip


def _stop(processes: dict[str, subprocess.Popen[bytes]], seconds: float) -> None:
    for process in processes.values():
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + seconds
    for name, process in processes.items():
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            logger.error("The %s does not stop and is killed", name)
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _free_ports(config: Config, stop: Event, only: str = "", *, any_port: bool = False) -> dict[str, int]:
    """Return the configured port of each listening service, or a free one where it is 0."""
    with ExitStack() as held:
        chosen = [name for name in LISTENING if only in {"", name}]
        listeners = {name: held.enter_context(_listener(config, name, stop, any_port=any_port)) for name in chosen}
        return {name: int(listener.getsockname()[1]) for name, listener in listeners.items()}


def _listener(config: Config, name: str, stop: Event, *, any_port: bool) -> socket.socket:
    """Listen for a moment; wait for a service that is stopping."""
    deadline = time.monotonic() + PORT_SECONDS
    section = getattr(config, name)
    address = (section.bind_address, section.port)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    while True:
        try:
            return socket.create_server(address, family=family)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and any_port:
                return socket.create_server((address[0], 0), family=family)
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline or stop.wait(LOOK_SECONDS):
                # The error's own text repeats the address; that of a name that is not known has no errno of the system.
                number = error.errno or 0
                reason = os.strerror(number) if number > 0 else error.strerror
                variable = f"{PREFIX}{name.upper()}"
                raise ChristmasError(
                    f"The {name} cannot listen on port {address[1]} of {address[0]}: {reason}. Stop what uses it, or "
                    f"set {variable}__PORT or {variable}__BIND_ADDRESS."
                ) from error


def _address(config: Config, name: str, port: int) -> str:
    return local_address(getattr(config, name).bind_address, port)


def _wait_for(
    name: str, address: str, process: subprocess.Popen[bytes], stop: Event, why: str = "its output says why"
) -> None:
    deadline = time.monotonic() + START_SECONDS
    url = address + READY
    # The service is on this machine, whatever http_proxy says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while process.poll() is None and not stop.is_set():
        try:
            with opener.open(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise ChristmasError(f"The {name} does not answer on {url}; {why}.") from None
            stop.wait(LOOK_SECONDS)
    if process.poll() is not None:
        raise ChristmasError(f"The {name} has ended with status {process.returncode}; {why}.")
