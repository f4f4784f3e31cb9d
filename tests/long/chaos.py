"""Random kill -9 over nodes and spider processes, and three questions about what is left.

Is any job lost? Is anything recorded twice? Was any vendor ever read by two runs at once?

    python -m tests.long.chaos --kills 100 [--database postgresql://...] [--seed 1]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from christmas.db import database, tables
from christmas.jobs.records import JobRow
from tests import eggs, many_vendors
from tests.farm import Farm, Node, killed, until

VENDORS = 8
NODES = 3
SLOTS = 4
# Jobs that are open at any time, until the last kill; each is one of a vendor's three.
OPEN_JOBS = 12
# A kill waits until so many runs have processes, and then for a moment, to hit every part of a run's life.
RUNNING = 3
MOMENT_SECONDS = (0.0, 1.0)
END_SECONDS = 240


@dataclass
class Chaos:
    """A farm under attack, and what was found afterwards."""

    farm: Farm
    chance: random.Random
    nodes: list[Node] = field(default_factory=list)
    submitted: set[str] = field(default_factory=set)
    kills: Counter[str] = field(default_factory=Counter)

    def run(self, kills: int) -> list[str]:
        """Submit and kill, wait for the end, and give one sentence for everything that is wrong."""
        self.nodes = [self._node() for _ in range(NODES)]
        for _ in range(kills):
            until(self._is_busy, 60, "so many runs at once")
            time.sleep(self.chance.uniform(*MOMENT_SECONDS))
            for shop in self.farm.server.shops.values():
                shop.change_some(self.chance, 2)
            self._kill()
        deadline = time.monotonic() + END_SECONDS
        while (left := self.farm.jobs("queued", "running")) and time.monotonic() < deadline:
            time.sleep(0.2)
        return [
            *(f"job {job.id} ({job.name} {job.vendor}) is still {job.state}" for job in left),
            *self._lost(),
            *self._twice(),
            *(one for shop in self.farm.server.shops.values() for one in many_vendors.overlaps(shop)),
        ]

    def _node(self) -> Node:
        return self.farm.node(CHRISTMAS__NODE__SLOTS=str(SLOTS), wait=False)

    def _is_busy(self) -> bool:
        self._submit()
        return len(self._running()) >= RUNNING

    def _submit(self) -> None:
        vendors = list(self.farm.server.shops)
        while len(self.farm.jobs("queued", "running")) < OPEN_JOBS:
            name, arguments = self.chance.choice(
                [
                    ("integrator.sync_links", {"which": "all"}),
                    ("integrator.sync_products", {"which": "all", "limit": 8}),
                    ("integrator.sync_products", {"which": "unscraped", "limit": 8}),
                ]
            )
            job = self.farm.submit(name, vendor=self.chance.choice(vendors), **arguments)
            self.submitted.add(job.id)

    def _kill(self) -> None:
        running = self._running()
        if running and self.chance.random() < 0.5:
            job = self.chance.choice(running)
            self.kills["spider"] += killed(str(job.process))
            return
        place = self.chance.randrange(NODES)
        self.nodes[place].kill()
        self.kills["node"] += 1
        self.nodes[place] = self._node()

    def _running(self) -> list[JobRow]:
        return [job for job in self.farm.jobs("running") if job.process]

    def _lost(self) -> list[str]:
        found = {job.id: job for job in self.farm.jobs()}
        missing = [f"job {job_id} has no record" for job_id in self.submitted - found.keys()]
        return missing + [f"job {job.id} {job.state}: {job.outcome}" for job in found.values() if not _fine(job)]

    def _twice(self) -> list[str]:
        changes = tables.changes.c
        query = select(changes.product_id, changes.field, changes.old, changes.new).order_by(changes.id)
        with database.read(self.farm.engine) as connection:
            rows = connection.execute(query).all()
        last: dict[tuple[object, str], str | None] = {}
        wrong = [] if rows else ["nothing has changed, so this says nothing"]
        for row in rows:
            before = last.get((row.product_id, row.field), row.old)
            if row.old != before or row.new == row.old:
                wrong.append(f"{row} does not follow {before!r}: a change is missing or recorded twice")
            last[row.product_id, row.field] = row.new
        return wrong


def _fine(job: JobRow) -> bool:
    return job.state == "succeeded"


def attack(folder: Path, kills: int, seed: int, database_url: str | None = None) -> Chaos:
    """Run the whole of it in a folder; raises AssertionError with what is wrong."""
    variables = {
        "CHRISTMAS__POLITENESS__CONCURRENCY": "1",
        "CHRISTMAS__JOBS__ATTEMPTS": "10",
        "CHRISTMAS__JOBS__LEASE_SECONDS": "5",
        **({"CHRISTMAS__DATABASE__URL": database_url} if database_url else {}),
    }
    with many_vendors.shops(VENDORS, size=36) as server:
        farm = Farm(folder, server, variables)
        for shop in server.shops.values():
            shop.delay_seconds = 0.05
        eggs.store(farm, many_vendors.egg(VENDORS))
        chaos = Chaos(farm, random.Random(seed))
        try:
            wrong = chaos.run(kills)
        finally:
            farm.close()
    assert not wrong, "\n".join(wrong)
    return chaos


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.long.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="PostgreSQL's URL of an empty database; SQLite without it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        began = time.monotonic()
        chaos = attack(Path(name) / "farm", given.kills, given.seed, given.database)
    seconds = time.monotonic() - began
    print(f"{dict(chaos.kills)} killed, {len(chaos.submitted)} jobs submitted and succeeded, in {seconds:.0f} s")  # noqa: T201


if __name__ == "__main__":
    main()
