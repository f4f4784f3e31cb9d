"""Whether a process of this machine is alive, by more than its number, which may be used again.

Not by psutil: the start time that it offers moves with the clock (7.2), which would make a live run look dead after a
time synchronisation; the kernel's clock ticks since boot do not. Its import takes 24 ms of each run's start (2026-12).
"""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


@cache
def host() -> str:
    """Name this machine, this boot of it, and this container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # no Linux
        return socket.gethostname()


def own() -> str:
    """Name this process."""
    return f"{host()} {os.getpid()} {_started(os.getpid())}"


def is_dead(name: str | None) -> bool:
    """Return whether the process is known to be gone; one of another machine, or without a name, is not known."""
    if name is None:
        return False
    where, pid, started = name.rsplit(" ", 2)
    return where == host() and (not _exists(int(pid)) or _started(int(pid)) != started)


def _started(pid: int) -> str:
    try:
        # The name in brackets may hold anything; the 20th field behind it is the start in clock ticks.
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "-"


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) != "Z"


def _state(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "-"
    return stat.rpartition(")")[2].split()[0]
