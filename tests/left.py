"""What tests started has ended when they have, as a pytest plugin: services, Valkeys, databases, browsers."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psutil
import pytest

from christmas import valkey
from tests import warm
from tests.farm import until


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail where something still runs at the end; it is killed."""
    yield
    for known in list(valkey._users):  # what this process itself has called for would end with it
        valkey.release(known)
    folder = f"{tmp_path_factory.getbasetemp()}/"
    try:
        until(lambda: not left(folder), 10, "the end of what was started")
    except AssertionError:
        names = [" ".join(process.cmdline()) for process in left(folder)]
        for process in left(folder):
            process.kill()
        pytest.fail(f"still running: {names}")


def left(folder: str) -> list[psutil.Process]:
    """Return the processes that know of a folder, and those that the warm parent has forked."""
    return [*warm.children(), *(one for one in psutil.process_iter() if one.pid != os.getpid() and _knows(one, folder))]


def _knows(process: psutil.Process, folder: str) -> bool:
    try:
        return folder in "\n".join([f"{process.cwd()}/", *process.cmdline(), *process.environ().values()])
    except psutil.Error:  # it has just ended, or is a zombie
        return False
