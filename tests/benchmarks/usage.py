"""Memory and CPU of real processes, sampled while they do something."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from threading import Event, Thread
from typing import Self

import psutil

SAMPLE_SECONDS = 0.25
MB = 2**20
Sample = tuple[float, float, float]


@dataclass(frozen=True)
class Usage:
    """The usual and the highest memory in MB, and CPU as cores: 1 is all the time of one core."""

    mb: float
    peak_mb: float
    cores: float


@dataclass(frozen=True)
class Subject:
    """A process, alone or with all that it has started: their memory and CPU are added."""

    process: psutil.Process
    family: bool = True

    @classmethod
    def of(cls, pid: int, *, family: bool = True) -> Self:
        """Take a process by its number; raises psutil.NoSuchProcess."""
        return cls(psutil.Process(pid), family)

    def sample(self) -> Sample | None:
        """Return the time, the CPU seconds used so far, and MB; None when it has ended."""
        try:
            members = [self.process, *(self.process.children(recursive=True) if self.family else [])]
            memory = sum(map(_mb, members))
            used = sum(_cpu_seconds(one, ended_children=self.family) for one in members)
        except psutil.Error:
            return None
        return (time.monotonic(), used, memory) if memory else None


class Meter:
    """Samples subjects as long as the ``with`` lasts, or they do; ``usage`` then has what each of them took."""

    def __init__(self, subjects: dict[str, Subject]) -> None:
        self.samples: dict[str, list[Sample]] = {name: [] for name in subjects}
        self._subjects = subjects
        self._ended = Event()
        self._thread = Thread(target=self._sample, name="meter", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def usage(self) -> dict[str, Usage]:
        """Return what each subject took; raises RuntimeError where one ended before there was anything to measure."""
        return {name: usage(name, samples) for name, samples in self.samples.items()}

    def _sample(self) -> None:
        last = False
        while not last:
            last = self._ended.wait(SAMPLE_SECONDS)  # and once more at the end
            for name, subject in self._subjects.items():
                if (sample := subject.sample()) is not None:
                    self.samples[name].append(sample)


def usage(name: str, samples: list[Sample]) -> Usage:
    """Make one figure of many samples; the CPU is that between the first and the last."""
    if len(samples) < 2:
        raise RuntimeError(f"{name} ended before it could be measured")
    (began, before, _), (ended, after, _) = samples[0], samples[-1]
    memory = [sample[2] for sample in samples]
    return Usage(median(memory), max(memory), (after - before) / (ended - began))


def _mb(process: psutil.Process) -> float:
    """Return what is its own and its share of what it has in common with others; 0 when it has ended."""
    try:
        found = process.memory_full_info()
        return float(getattr(found, "pss", found.uss)) / MB
    except psutil.NoSuchProcess:
        return 0.0
    except (psutil.AccessDenied, AttributeError):
        return float(process.memory_info().rss) / MB


def _cpu_seconds(process: psutil.Process, *, ended_children: bool) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    own = float(times.user + times.system)
    # What a child has used is its parent's when it has ended: so nothing is lost, and nothing counted twice.
    return own + float(times.children_user + times.children_system) if ended_children else own
