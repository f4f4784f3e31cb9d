"""What is said of a process's memory and CPU is what it has and uses, with its children or without."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.benchmarks.usage import Meter, Subject, Usage, usage
from tests.farm import until

pytestmark = pytest.mark.integration

# Each answers with a line when it has done what it is for, and ends with its input.
BURNING_CHILD = """
import subprocess, sys
burn = "import time\\nwhile time.process_time() < 1: pass"
subprocess.run([sys.executable, "-c", burn], check=True)
print("done", flush=True)
sys.stdin.read()
"""
SHARING_CHILD = """
import os, sys
sys.stdin.readline()
held = b"x" * (64 << 20)
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, b"x")
    sys.stdin.read()
    os._exit(0)
os.read(reading, 1)
print("done", flush=True)
sys.stdin.read()
os.wait()
"""
Started = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def started() -> Iterator[Started]:
    """Provide a function that starts a program; whatever it started ends after the test."""
    processes: list[subprocess.Popen[str]] = []

    def start(program: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program]
        processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.communicate(timeout=30)


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def sampled(subject: Subject) -> tuple[float, float]:
    """Return CPU seconds and MB."""
    found = subject.sample()
    assert found is not None
    return found[1:]


def test_a_child_that_has_ended_counts_in_its_family_and_not_alone(started: Started) -> None:
    process = started(BURNING_CHILD)
    assert told(process) == "done"
    family, _ = sampled(Subject.of(process.pid))
    alone, _ = sampled(Subject.of(process.pid, family=False))
    assert family - alone >= 0.95  # the clock of /proc ticks in hundredths


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what processes share")
def test_what_two_processes_share_counts_once(started: Started) -> None:
    process = started(SHARING_CHILD)
    subject = Subject.of(process.pid)
    _, before = sampled(subject)
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()
    assert told(process) == "done"
    assert len(subject.process.children()) == 1
    _, after = sampled(subject)
    assert 60 < after - before < 100
    _, alone = sampled(Subject.of(process.pid, family=False))
    assert alone - before < 60


def test_a_meter_ends_with_what_it_measures(started: Started) -> None:
    process = started("input()")
    subject = Subject.of(process.pid)
    with Meter({"it": subject}) as meter:
        until(lambda: len(meter.samples["it"]) >= 2, what="two samples")
        process.communicate("\n", timeout=30)
    assert subject.sample() is None
    found = meter.usage["it"]
    assert 0 < found.mb <= found.peak_mb
    assert found.cores >= 0


def test_nobody_can_measure_what_has_ended(started: Started) -> None:
    process = started("pass")
    subject = Subject.of(process.pid)
    process.communicate(timeout=30)
    with Meter({"it": subject}) as meter:
        pass
    with pytest.raises(RuntimeError, match="it ended before"):
        _ = meter.usage
    with pytest.raises(psutil.NoSuchProcess):
        Subject.of(process.pid)


def test_cores_are_those_between_first_and_last_sample() -> None:
    samples = [(10.0, 5.0, 30.0), (11.0, 5.0, 90.0), (14.0, 7.0, 40.0)]
    assert usage("it", samples) == Usage(40, 90, 0.5)
