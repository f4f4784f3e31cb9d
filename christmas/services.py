"""``christmas up``: every service as a process of its own on this machine, started together and stopped together."""

from __future__ import annotations

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
from christmas.catalog import database
from christmas.errors import ChristmasError

if TYPE_CHECKING:
    from christmas.config import Config

logger = logging.getLogger(__name__)

SERVICES = ("node", "scheduler")
# The node needs its grace period to hand jobs back, and a moment more.
STOP_MARGIN_SECONDS = 15.0
START_SECONDS = 30.0
LOOK_SECONDS = 0.2


def run(config: Config, *, check_only: bool = False) -> None:
    """Run until Ctrl-C or SIGTERM, or until a service ends by itself, which is an error: raises ChristmasError."""
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    database.upgrade(database.of(config))
    client = embedded.connect(config)
    _wait_for_port(config, stop)
    processes: dict[str, subprocess.Popen[bytes]] = {}
    ended = None
    try:
        for name in SERVICES:
            processes[name] = _start(name)
        _wait_for_node(config, processes["node"], stop)
        if not stop.is_set():
            address = f"http://{config.node.bind_address}:{config.node.port}"
            logger.info("Everything runs: the node is %s, its keys are in %s", address, config.var_path / "keys")
        while not stop.wait(LOOK_SECONDS) and ended is None and not check_only:
            ended = next((name for name, one in processes.items() if one.poll() is not None), None)
    finally:
        _stop(processes, config.node.grace_seconds + STOP_MARGIN_SECONDS)
        client.close()
    if ended is not None and not stop.is_set():
        raise ChristmasError(f"The {ended} has ended with status {processes[ended].returncode}; its output says why.")
    logger.info("Everything has stopped")


def _start(name: str) -> subprocess.Popen[bytes]:
    # Of its own group: Ctrl-C reaches this process alone, which stops the services in order.
    command = [sys.executable, "-m", "christmas", name, "--until-stdin-closes"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, env=dict(os.environ))  # noqa: S603


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


def _wait_for_port(config: Config, stop: Event) -> None:
    """Wait for a node that was stopped a moment ago and may still be handing its jobs back."""
    deadline = time.monotonic() + config.node.grace_seconds + STOP_MARGIN_SECONDS
    address = (config.node.bind_address, config.node.port)
    while config.node.port and not stop.is_set():
        try:
            with socket.create_server(address):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise ChristmasError(
                    f"Port {address[1]} of {address[0]} is taken ({error.strerror}): stop what has it, or set "
                    "CHRISTMAS__NODE__PORT."
                ) from error
            stop.wait(LOOK_SECONDS)


def _wait_for_node(config: Config, process: subprocess.Popen[bytes], stop: Event) -> None:
    deadline = time.monotonic() + START_SECONDS
    url = f"http://{config.node.bind_address}:{config.node.port}/health"
    while process.poll() is None and not stop.is_set():
        try:
            with urllib.request.urlopen(url, timeout=2):  # our own node
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise ChristmasError(f"The node does not answer on {url}; its output says why.") from None
            stop.wait(LOOK_SECONDS)
    if process.poll() is not None:
        raise ChristmasError(f"The node has ended with status {process.returncode}; its output says why.")
