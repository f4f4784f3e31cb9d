"""Requests at a steady rate, whatever the answers take (open loop): ``python -m tests.benchmarks.load``.

Reads ``{"url", "headers", "rate", "seconds", "paths"}`` from stdin, and prints ``{"latencies", "late", "errors"}``:
seconds from when each request was due to the end of its answer.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

# What has not been answered by then counts as that long.
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """Latencies in seconds, sorted, and how many were answered with another status than 200, or not at all."""

    latencies: list[float]
    errors: int

    def quantile(self, share: float) -> float:
        """Return the latency in seconds that ``share`` of the requests did not exceed."""
        return self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)]


def run(url: str, headers: dict[str, str], rate: float, seconds: float, paths: list[str]) -> Outcome:
    """Send requests from a process of its own, going through ``paths`` in a circle."""
    order = {"url": url, "headers": headers, "rate": rate, "seconds": seconds, "paths": paths}
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.load"],
        input=json.dumps(order), capture_output=True, text=True, check=True, timeout=seconds + 60,
    )  # fmt: skip
    found = json.loads(done.stdout)
    return Outcome(sorted(found["latencies"]), found["errors"])


async def _main(order: dict[str, Any]) -> dict[str, Any]:
    latencies: list[float] = []
    errors = 0

    async def one(session: aiohttp.ClientSession, path: str, due: float) -> None:
        nonlocal errors
        try:
            async with session.get(order["url"] + path) as answer:
                await answer.read()
                errors += answer.status != 200
        except TimeoutError:
            pass  # its latency says so
        except aiohttp.ClientError:
            errors += 1
        latencies.append(time.perf_counter() - due)

    timeout = aiohttp.ClientTimeout(TIMEOUT_SECONDS)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=order["headers"], timeout=timeout, connector=connector) as session:
        for path in order["paths"][:20]:  # connections, caches and prepared statements are there
            await one(session, path, time.perf_counter())
        latencies.clear()
        errors = 0
        begun = time.perf_counter()
        tasks = []
        for number in range(int(order["rate"] * order["seconds"])):
            due = begun + number / order["rate"]
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            tasks.append(asyncio.create_task(one(session, order["paths"][number % len(order["paths"])], due)))
        await asyncio.gather(*tasks)
    return {"latencies": latencies, "errors": errors}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_main(json.load(sys.stdin)))))
