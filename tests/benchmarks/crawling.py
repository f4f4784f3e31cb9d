"""Crawls as processes, for the benchmark."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_SECONDS = 900
CONCURRENCY = "8"  # Scrapy's default per domain; both sides use it


@contextmanager
def shops(*arguments: str) -> Iterator[dict[str, str]]:
    """Run the sample shops as a process of their own; gives vendor -> address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "christmas.demo", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdin
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def environment(folder: Path, vendor: str, address: str) -> dict[str, str]:
    """Return the variables of a crawl: production's but for delay, AutoThrottle and target."""
    return {
        "CHRISTMAS__VAR_PATH": str(folder),
        f"CHRISTMAS__VENDORS__{vendor.upper()}__BASE_URL": address,
        "CHRISTMAS__POLITENESS__DOWNLOAD_DELAY_SECONDS": "0",
        "CHRISTMAS__POLITENESS__CONCURRENCY": CONCURRENCY,
        "SCRAPY_SETTINGS_MODULE": "christmas.settings",
    }


def command(vendor: str, **arguments: object) -> list[str]:
    """Return the command of a crawl."""
    found = [sys.executable, "-m", "scrapy", "crawl", vendor, "-s", "AUTOTHROTTLE_ENABLED=False"]
    for name, value in arguments.items():
        found += ["-a", f"{name}={value}"]
    return found


def crawl(folder: Path, vendor: str, address: str, **arguments: object) -> float:
    """Run ``scrapy crawl``; gives the seconds from the spider's start to its end, the last write included."""
    return run(command(vendor, **arguments), environment(folder, vendor, address))


def run(asked: list[str], variables: dict[str, str], folder: Path | None = None) -> float:
    """Run a Scrapy command and give the ``elapsed_time_seconds`` of its statistics."""
    done = subprocess.run(
        asked,
        env=os.environ | variables,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    if " ERROR: " in done.stderr:
        raise RuntimeError(done.stderr)  # a benchmark of crawls that go wrong says nothing
    match = re.search(r"'elapsed_time_seconds': ([\d.]+)", done.stderr)
    if not match:
        raise RuntimeError(done.stderr[-2000:])
    return float(match[1])


def peak_mb_of(command: list[str], variables: dict[str, str]) -> float:
    """Run a command in a process of its own and give its largest resident size in MB."""
    process = subprocess.Popen(
        command, env=os.environ | variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    assert isinstance(usage, resource.struct_rusage)
    return usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)
