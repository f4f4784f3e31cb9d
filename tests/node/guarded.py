"""One node with keys of every kind, for the tests of who may do what there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from christmas.access import api_keys, audit_log
from christmas.access.audit_log import AccessRow
from christmas.db import database
from christmas.demo.server import DemoServer
from christmas.jobs import queue
from christmas.jobs.records import JobRow
from christmas.policy import rules
from tests.farm import Farm, Key, Node

MINE, OTHER = "ornament_shop_com", "hookedonhallmark_com"
MARK = "this line is in a log file"


@dataclass
class Guarded:
    """The node, and a key of each role."""

    farm: Farm
    node: Node
    keys: dict[str, Key] = field(default_factory=dict)

    def log(self, limit: int = 1) -> list[AccessRow]:
        """Return the newest lines of the access log."""
        with database.read(self.farm.engine) as connection:
            return audit_log.latest(connection, limit)

    def lines(self) -> int:
        return len(self.log(100_000))

    def write_logs(self) -> None:
        """Write a log file for each of two vendors, as their spiders would have."""
        for vendor in (MINE, OTHER):
            folder = self.farm.folder / "logs" / "christmas" / vendor
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "one.log").write_text(f"{MARK}: {vendor}\n", encoding="utf-8")

    def job(self, job_id: str, vendor: str, state: str) -> JobRow:
        """Make a job of this node in a state, without a process."""
        new = queue.NewJob(
            job_id, "integrator.sync_links", vendor, "integrator", {"year": 1990 + len(job_id)}, attempts_max=3
        )
        now = datetime.now(UTC)
        with database.begin(self.farm.engine) as connection:
            queue.submit(connection, new, now)
            if state != "queued":
                claimed = queue.claim(connection, None, f"node-{self.node.port}", now)
                assert claimed is not None
                assert claimed.id == job_id
            if state == "finished":
                queue.complete(connection, job_id, 1, state="succeeded", outcome={}, now=now)
        return self.farm.job(job_id)

    def revoke(self, key: Key) -> None:
        with database.begin(self.farm.engine) as connection:
            found = api_keys.find_key(connection, key[1])
            assert found is not None
            assert api_keys.revoke(connection, found.id, datetime.now(UTC))


@contextmanager
def guarded(folder: Path, **variables: str) -> Iterator[Guarded]:
    """Run a node that takes no job, forgives wrong keys, and never takes a run for lost."""
    more = {"CHRISTMAS__ACCESS__FAILED_LOGINS_PER_MINUTE": "100000", "CHRISTMAS__JOBS__LEASE_SECONDS": "3600"}
    with DemoServer(size=12, per_page=12) as server:
        farm = Farm(folder, server, more | variables)
        try:
            node = farm.node("--consumers", "auditor")
            found = Guarded(farm, node, {role: farm.key(role) for role in rules.load(farm.config).roles()})
            found.write_logs()
            yield found
        finally:
            farm.close()
