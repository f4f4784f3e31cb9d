"""Processes that begin with everything imported: a warm parent forks them, which saves each a second of work.

The parent has one thread and no reactor, has read no configuration, and holds no connection. What it forks gets its
own session, working directory, environment and files, and then runs a module as ``python -m MODULE`` does.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO

import coverage
import psutil

ROOT = Path(__file__).parent.parent
# They read the configuration or the database's state when they are imported.
COLD = ("christmas.__main__", "christmas.settings")
# What is otherwise imported late, and takes long.
LATE = (
    "alembic.command", "scrapy.core.downloader.handlers.http11", "scrapy.crawler", "scrapy.utils.project",
    "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite.pysqlite", "twisted.application.app",
    "twisted.internet.epollreactor", "twisted.web.server", "uvicorn.protocols.http.httptools_impl", "uvloop",
)  # fmt: skip
REQUEST_MAX_BYTES = 2**18
TRACED = os.environ.get("COVERAGE_PROCESS_CONFIG")
AVAILABLE = sys.platform == "linux"  # elsewhere a fork without exec is not safe, and there are no pidfds


class Process:
    """A forked process: of ``subprocess.Popen`` what tests use."""

    def __init__(self, pid: int, report: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._report = report

    def poll(self) -> int | None:
        """Return its exit status, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status when it has ended; raises subprocess.TimeoutExpired."""
        with selectors.DefaultSelector() as selector:
            if self.returncode is None:
                selector.register(self._report, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        if self.returncode is None:
            self.returncode = int(self._report.recv(64) or -signal.SIGKILL)
            self._report.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(
    module: str, *arguments: str, environment: Mapping[str, str], cwd: Path = ROOT, output: IO[bytes],
    errors: IO[bytes] | None = None,
) -> Process | subprocess.Popen[bytes]:  # fmt: skip
    """Start ``python -m MODULE ARGUMENTS`` with nothing on its standard input."""
    if not AVAILABLE:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments], env=environment, cwd=cwd, stdin=subprocess.DEVNULL,
            stdout=output, stderr=errors or output, start_new_session=True,
        )  # fmt: skip
    task = {"module": module, "arguments": arguments, "environment": dict(environment), "cwd": str(cwd)}
    # By messages: the exit status of what ends at once is not taken for more digits of its id.
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    control, lock, _ = _parent()
    with theirs, Path(os.devnull).open("rb") as nothing:
        files = [theirs.fileno(), nothing.fileno(), output.fileno(), (errors or output).fileno()]
        with lock:
            socket.send_fds(control, [json.dumps(task).encode()], files)
    return Process(int(ours.recv(64)), ours)


def run(
    module: str, *arguments: str, environment: Mapping[str, str], cwd: Path = ROOT, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m MODULE ARGUMENTS`` to its end."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = start(module, *arguments, environment=environment, cwd=cwd, output=output, errors=errors)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess([module, *arguments], status, *texts)


def children() -> list[psutil.Process]:
    """Return what this process has had forked and still runs."""
    if not _parent.cache_info().currsize:
        return []
    return psutil.Process(_parent()[2]).children()


@cache
def _parent() -> tuple[socket.socket, threading.Lock, int]:
    """Start the parent, one for each process that runs tests; it ends when that process ends."""
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CHRISTMAS_")}
    if TRACED is not None:  # whatever the test is that starts something first
        inherited["COVERAGE_PROCESS_CONFIG"] = TRACED
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", "from tests import warm; warm.serve()"], cwd=ROOT, env=inherited, stdin=theirs,
            start_new_session=True,
        )  # fmt: skip
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours, threading.Lock(), process.pid


def serve() -> None:
    """Fork what is asked for over standard input, until that is closed."""
    with warnings.catch_warnings(action="ignore"):
        _import_everything()
    _trace_no_more()
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=os.dup(0)) as control:
        task, files = _forked(control)
    if task is not None:
        _become(task, files)


def _import_everything() -> None:
    import christmas

    names = [one.name for one in pkgutil.walk_packages(christmas.__path__, "christmas.")]
    for name in (*names, *LATE):
        if not name.startswith((*COLD, "christmas.node", "christmas.commands.node")) and ".migrations" not in name:
            importlib.import_module(name)
    assert "twisted.internet.reactor" not in sys.modules


def _trace_no_more() -> None:
    """Write down which lines were run by importing; whatever is forked is traced by itself, or not."""
    if TRACED is not None:
        tracer = coverage.process_startup.coverage  # type: ignore[attr-defined]
        tracer.stop()
        tracer.save()
        atexit.unregister(tracer._atexit)


def _forked(control: socket.socket) -> tuple[dict[str, object] | None, list[int]]:
    """Return in each child what it shall do and its files: where its parent reports, and its standard streams."""
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not control:
                    _report(selector, *key.data)
                    continue
                message, files, _, _ = socket.recv_fds(control, REQUEST_MAX_BYTES, 4)
                if not message:
                    return None, []
                pid = os.fork()
                if not pid:
                    for other in list(selector.get_map().values()):
                        if other.data:
                            os.close(other.fd)
                            os.close(other.data[2])
                    return json.loads(message), files
                for descriptor in files[1:]:
                    os.close(descriptor)
                os.write(files[0], str(pid).encode())
                handle = os.pidfd_open(pid)
                selector.register(handle, selectors.EVENT_READ, (pid, handle, files[0]))


def _report(selector: selectors.BaseSelector, pid: int, handle: int, report: int) -> None:
    """Write down how a child has ended."""
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):  # who started it may have ended, too
        os.write(report, str(os.waitstatus_to_exitcode(status)).encode())
    selector.unregister(handle)
    os.close(handle)
    os.close(report)


def _become(task: dict[str, object], files: list[int]) -> None:
    os.close(files[0])
    for number, descriptor in enumerate(files[1:]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.setsid()
    os.chdir(str(task["cwd"]))
    os.environ.clear()
    os.environ.update(task["environment"])  # type: ignore[call-overload]
    time.tzset()
    sys.path[:1] = [str(task["cwd"]), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = ["", *task["arguments"]]  # type: ignore[misc]
    if "COVERAGE_PROCESS_CONFIG" in os.environ:
        coverage.process_startup(force=True)
    _end(_status(str(task["module"])))


def _status(module: str) -> int:
    """Run a module as ``python -m`` does, and return the exit status."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)  # noqa: T201
        return 1
    except BaseException:  # noqa: BLE001  # as the interpreter does
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _end(status: int) -> None:
    """End as the interpreter does, but without taking apart all that was imported: that is longer than a command."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
