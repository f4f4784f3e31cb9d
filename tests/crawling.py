"""Whole crawls for tests: a real Scrapy process against a sample shop, and the catalog it leaves."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine

from christmas.catalog import changes, product_lists
from christmas.catalog.changes import ChangeRow
from christmas.catalog.filters import Filters
from christmas.catalog.products import ProductRow
from christmas.db import database
from christmas.demo.shops import Shop
from christmas.jobs import records
from christmas.jobs.records import JobRow
from tests import warm
from tests.farm import Process

ROOT = Path(__file__).parent.parent
TIMEOUT_SECONDS = 180


@dataclass
class Site:
    """A folder with its own catalog, and the shop that is crawled into it."""

    folder: Path
    shop: Shop
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def engine(self) -> Engine:
        url = self.variables.get("CHRISTMAS__DATABASE__URL", f"sqlite:///{self.folder / 'christmas.db'}")
        engine = database.open_engine(url)
        database.upgrade(engine)
        return engine

    def environment(self) -> dict[str, str]:
        """Return the variables of a crawl without any delay, unless ``variables`` say otherwise."""
        name = self.shop.vendor.upper()
        return {
            **os.environ,
            "CHRISTMAS__VAR_PATH": str(self.folder),
            f"CHRISTMAS__VENDORS__{name}__BASE_URL": self.shop.base_url,
            "CHRISTMAS__POLITENESS__DOWNLOAD_DELAY_SECONDS": "0",
            "CHRISTMAS__POLITENESS__CONCURRENCY": "4",
            "CHRISTMAS__POLITENESS__BACKOFF_BASE_SECONDS": "0.01",
            **self.variables,
        }

    def command(self, job_id: str, **arguments: object) -> list[str]:
        """Return what ``python -m`` runs."""
        command = ["scrapy", "crawl", self.shop.vendor, "-a", f"_job={job_id}"]
        for name, value in arguments.items():
            command += ["-a", f"{name}={value}"]
        return command

    def christmas(self, *arguments: str) -> CompletedProcess[str]:
        """Run ``christmas ARGUMENTS`` to its end."""
        return warm.run("christmas", *arguments, environment=self.environment(), timeout=TIMEOUT_SECONDS)

    def start(self, job_id: str, **arguments: object) -> Crawl:
        """Start a crawl without waiting for anything; the shop's list of requests is cleared first."""
        self.shop.requests.clear()
        self.folder.mkdir(parents=True, exist_ok=True)
        log_path = self.folder / f"{job_id}.log"
        with log_path.open("wb") as log:
            command = self.command(job_id, **arguments)
            return Crawl(warm.start(*command, environment=self.environment(), output=log), log_path)

    def crawl(self, **arguments: object) -> Result:
        """Crawl to the end; the shop's list of requests is cleared first."""
        self.shop.requests.clear()
        job_id = uuid4().hex
        command = self.command(job_id, **arguments)
        done = warm.run(*command, environment=self.environment(), timeout=TIMEOUT_SECONDS)
        with database.read(self.engine) as connection:
            job = records.get(connection, job_id)
        return Result(done.returncode, done.stderr, job, [hit.path for hit in self.shop.requests])

    def products(self) -> dict[str, ProductRow]:
        with database.read(self.engine) as connection:
            return {row.key: row for row in product_lists.find(connection, Filters(gone=True))}

    def changes(self) -> list[ChangeRow]:
        """Return every change, the oldest first."""
        with database.read(self.engine) as connection:
            return changes.latest(connection, limit=10_000)[::-1]

    def differences(self) -> list[str]:
        """Return every field of the catalog that is not what the shop sells, [] where all is right."""
        stored, truth, found = self.products(), self.shop.truth(), []
        for key in stored.keys() ^ truth.keys():
            found.append(f"{key}: {'not stored' if key in truth else 'not sold'}")
        names = ("name", "sku", "release_year", "price_minor", "price_min_minor", "price_max_minor", "list_price_minor")
        for key in stored.keys() & truth.keys():
            row, offer = stored[key], truth[key]
            for name in (*names, "availability"):
                if getattr(row, name) != getattr(offer, name):
                    found.append(f"{key} {name}: {getattr(row, name)!r} is not {getattr(offer, name)!r}")
        return found


@dataclass
class Crawl:
    """A crawl that may still be running."""

    process: Process
    log_path: Path

    def end(self) -> tuple[int, str]:
        """Wait for its end and return its status and log."""
        try:
            status = self.process.wait(TIMEOUT_SECONDS)
        finally:
            self.process.kill()
        return status, self.log_path.read_text(encoding="utf-8", errors="replace")


@dataclass
class Result:
    """How one crawl went."""

    status: int
    log: str
    job: JobRow | None
    paths: list[str]

    @property
    def state(self) -> str:
        return self.job.state if self.job else "no report"

    @property
    def outcome(self) -> dict[str, Any]:
        return (self.job.outcome or {}) if self.job else {}

    def product_pages(self, shop: Shop) -> list[str]:
        known = {offer.path for offer in shop.truth().values()}
        return [path for path in self.paths if path in known]
