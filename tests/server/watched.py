"""What other processes write into Redis: durations and log lines."""

from __future__ import annotations

import time

from redis import Redis

from christmas.logs.stream import STREAM
from christmas.metrics import store
from christmas.metrics.histogram import bucket


def measure(redis: Redis, vendor: str, seconds: float, ago: float = 60) -> None:
    """Add ten answers of a vendor that took so long, so many seconds ago."""
    minute = int((time.time() - ago) // 60)
    store.write(redis, vendor, {minute: {f"{name}|{bucket(seconds)}": 10 for name in ("ttfb", "latency")}})


def say(redis: Redis, event: str, job_id: str = "", vendor: str = "", level: str = "INFO") -> None:
    """Add a line to the log of all processes."""
    line = {"time": "2026-01-02T03:04:05.678Z", "level": level, "service": "node", "node": "here"}
    redis.xadd(STREAM, {**line, "job": job_id, "vendor": vendor, "event": event})  # type: ignore[arg-type]
