"""Crawls as processes of their own, with a progress bar each, for the commands that run several at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from christmas.db import database
from christmas.errors import ChristmasError, DatabaseUnavailable
from christmas.jobs import records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import Console
    from sqlalchemy import Engine

# Between two looks at the processes and their records.
LOOK_SECONDS = 0.2
STOP_SECONDS = 20.0


@dataclass
class Crawl:
    """One ``scrapy crawl`` and how it went; ``outcome`` is the job's record, empty until it has one."""

    vendor: str
    job_id: str
    log: Path
    process: subprocess.Popen[bytes]
    state: str = "running"
    outcome: dict[str, Any] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether the run's own report says so; the exit status of a crawl says nothing."""
        return self.state == "succeeded"


def run(
    engine: Engine,
    vendors: Iterable[str],
    arguments: Mapping[str, object],
    *,
    environment: Mapping[str, str],
    logs: Path,
    console: Console,
    title: str,
) -> list[Crawl]:
    """Crawl all vendors at once, show their progress, and give each with its outcome; stops them on Ctrl-C."""
    logs.mkdir(parents=True, exist_ok=True)
    console.print(f"[bold]{title}")
    crawls: list[Crawl] = []
    try:
        for vendor in vendors:
            crawls.append(_start(vendor, arguments, environment, logs))
        _watch(engine, crawls, console)
    finally:
        _stop(crawls)
    for crawl in crawls:
        _look(engine, crawl)
        if crawl.state == "running":
            crawl.state = "failed"  # no report means failed
            crawl.outcome["error"] = f"The crawl ended without a report; its log is {crawl.log}."
    return crawls


def raise_if_failed(crawls: Iterable[Crawl]) -> None:
    """Raise ChristmasError naming every crawl that failed, why, and its log."""
    failed = [crawl for crawl in crawls if not crawl.succeeded]
    if failed:
        lines = [f"{one.vendor}: {one.outcome.get('error', 'failed')} (log: {one.log})" for one in failed]
        raise ChristmasError("\n".join(lines))


def _start(vendor: str, arguments: Mapping[str, object], environment: Mapping[str, str], logs: Path) -> Crawl:
    job_id = uuid4().hex
    log = logs / f"{vendor}-{job_id[:8]}.log"
    command = [sys.executable, "-m", "scrapy", "crawl", vendor, "-a", f"_job={job_id}", "--logfile", str(log)]
    for name, value in arguments.items():
        command += ["-a", f"{name}={value}"]
    output: IO[bytes] = log.open("ab")
    with output:
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "SCRAPY_SETTINGS_MODULE": "christmas.settings", **environment},
        )
    return Crawl(vendor, job_id, log, process)


def _watch(engine: Engine, crawls: list[Crawl], console: Console) -> None:
    with Progress(
        TextColumn("{task.description:22}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("pages"),
        TextColumn("{task.fields[products]:>4} products {task.fields[rate]:>5.1f}/s"),
        TimeRemainingColumn(),
        console=console,
        refresh_per_second=5,
    ) as progress:
        started = time.monotonic()
        tasks = {one.job_id: progress.add_task(one.vendor, total=None, products=0, rate=0.0) for one in crawls}
        while True:
            alive = bool([one for one in crawls if one.process.poll() is None])
            for one in crawls:
                _look(engine, one)
                pages, planned = records.pages_of(one.outcome)
                ended = one.process.poll() is not None
                products = one.outcome.get("store_new_products", 0) or one.outcome.get("store_entries", 0)
                progress.update(
                    tasks[one.job_id],
                    completed=pages,
                    total=pages if ended else planned,
                    products=products,
                    rate=pages / max(time.monotonic() - started, 0.1),
                )
            if not alive:
                return
            time.sleep(LOOK_SECONDS)


def _look(engine: Engine, crawl: Crawl) -> None:
    try:
        with database.read(engine) as connection:
            record = records.get(connection, crawl.job_id)
    except DatabaseUnavailable:
        return  # looked at again in a moment; at the end "no report" is said
    if record is not None:
        crawl.state, crawl.outcome = record.state, record.outcome or crawl.outcome


def _stop(crawls: list[Crawl]) -> None:
    running = [one for one in crawls if one.process.poll() is None]
    for one in running:
        one.process.terminate()  # Scrapy stores what it has and reports
    for one in running:
        try:
            one.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            one.process.kill()
            one.process.wait()
