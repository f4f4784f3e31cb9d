"""``christmas up``: every service as a process of its own on this machine, started together and stopped together."""

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
from threading import Event
from typing import TYPE_CHECKING

from christmas import embedded
from christmas.access import services
from christmas.catalog import database, jobs
from christmas.config import PREFIX
from christmas.errors import ArgumentError, ChristmasError, JobRefused
from christmas.jobs import client, hooks
from christmas.node import options

if TYPE_CHECKING:
    from christmas.config import Config

logger = logging.getLogger(__name__)

# Command to the service whose key it has.
SERVICES = {"node": "integrator", "scheduler": "scheduler"}
# A node closes its port as soon as it is told to stop; what has the port for longer is something else.
PORT_SECONDS = 5.0
# The node needs its grace period to hand jobs back, and a moment more.
STOP_MARGIN_SECONDS = 15.0
START_SECONDS = 30.0
LOOK_SECONDS = 0.2


def run(config: Config, *, check_only: bool = False) -> None:
    """Run until Ctrl-C or SIGTERM, or until a service ends by itself, which is an error: raises ChristmasError."""
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    # Before anything is started: what is wrong is one line then, not one of each service.
    hooks.check(config)
    options.check_consumers(config)
    for name in SERVICES.values():
        services.prepare(config, name)
    redis = embedded.connect(config)
    port = _free_port(config, stop)
    processes: dict[str, subprocess.Popen[bytes]] = {}
    ended = None
    try:
        for name in SERVICES:
            processes[name] = _start(name, port)
        address = _address(config, port)
        _wait_for_node(address, processes["node"], stop)
        if not stop.is_set():
            logger.info("Everything runs: the node is %s, its keys are in %s", address, config.var_path / "keys")
            _begin(config)
        while not stop.wait(LOOK_SECONDS) and ended is None and not check_only:
            ended = next((name for name, one in processes.items() if one.poll() is not None), None)
    finally:
        _stop(processes, config.node.grace_seconds + STOP_MARGIN_SECONDS)
        redis.close()
    if ended is not None and not stop.is_set():
        raise ChristmasError(f"The {ended} has ended with status {processes[ended].returncode}; its output says why.")
    logger.info("Everything has stopped")


def _begin(config: Config) -> None:
    """Read everything once where nothing was ever read: the first schedule may be due in an hour."""
    if not config.schedules:
        return
    with database.read(database.of(config)) as connection:
        known = jobs.find(connection, limit=1)
    if known:
        return
    try:
        client.submit("integrator.sync_all", {"limit": 400}, config=config, submitted_by="christmas up")
        logger.info("The first reading of all vendors has begun; `christmas jobs` shows it")
    except (ArgumentError, JobRefused) as refusal:
        logger.warning("Nothing is read yet: %s", refusal)


def _start(name: str, port: int) -> subprocess.Popen[bytes]:
    # Of its own group: Ctrl-C reaches this process alone, which stops the services in order.
    command = [sys.executable, "-m", "christmas", name, "--until-stdin-closes"]
    environment = os.environ | {f"{PREFIX}NODE__PORT": str(port)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, env=environment)  # noqa: S603


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


def _free_port(config: Config, stop: Event) -> int:
    """Give the configured port, or any where it is 0; waits for a node that is stopping at this moment."""
    deadline = time.monotonic() + PORT_SECONDS
    address = (config.node.bind_address, config.node.port)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    while True:
        try:
            with socket.create_server(address, family=family) as listener:
                return int(listener.getsockname()[1])
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline or stop.wait(LOOK_SECONDS):
                # The error's own text repeats the address; that of a name that is not known has no errno of the system.
                number = error.errno or 0
                reason = os.strerror(number) if number > 0 else error.strerror
                raise ChristmasError(
                    f"The node cannot listen on port {address[1]} of {address[0]}: {reason}. Stop what has it, or set "
                    "CHRISTMAS__NODE__PORT or CHRISTMAS__NODE__BIND_ADDRESS."
                ) from error


def _address(config: Config, port: int) -> str:
    host = config.node.bind_address
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _wait_for_node(address: str, process: subprocess.Popen[bytes], stop: Event) -> None:
    deadline = time.monotonic() + START_SECONDS
    url = f"{address}/health"
    # The node is on this machine, whatever http_proxy says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while process.poll() is None and not stop.is_set():
        try:
            with opener.open(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise ChristmasError(f"The node does not answer on {url}; its output says why.") from None
            stop.wait(LOOK_SECONDS)
    if process.poll() is not None:
        raise ChristmasError(f"The node has ended with status {process.returncode}; its output says why.")
