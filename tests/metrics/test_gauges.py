"""What stands at this moment, on both databases; and the nodes' slots in a real Valkey."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from christmas import valkey
from christmas.config import Config
from christmas.db import database
from christmas.jobs import queue
from christmas.jobs.queue import NewJob
from christmas.metrics import gauges

NOW = datetime.now(UTC).replace(microsecond=0)


def test_the_queue_by_consumer_and_its_oldest_job(engine: Engine) -> None:
    assert gauges.read(engine, NOW) == gauges.Gauges({}, {}, 0.0, {}, [])
    waiting = (("a", "one", "integrator", 60), ("b", "one", "integrator", 90), ("c", "two", "auditor", 30))
    with database.begin(engine) as connection:
        for job_id, vendor, consumer, seconds in waiting:
            new = NewJob(job_id, "integrator.sync_links", vendor, consumer, {"id": job_id})
            queue.submit(connection, new, NOW - timedelta(seconds=seconds))
        queue.submit(connection, NewJob("root", "integrator.sync_all", None, None, {}), NOW - timedelta(days=1))
    with database.begin(engine) as connection:
        assert queue.claim(connection, ["auditor"], "node", NOW) is not None
    found = gauges.read(engine, NOW)
    assert (found.queued, found.running) == ({"integrator": 2}, {"auditor": 1})
    assert found.oldest_seconds == pytest.approx(90)
    assert gauges.read(engine, NOW, ["two"]).queued == {}
    assert gauges.read(engine, NOW, ["two"]).running == {"auditor": 1}
    assert gauges.read(engine, NOW, []).oldest_seconds == 0


@pytest.mark.integration
def test_a_node_that_is_silent_is_forgotten(tmp_path: Path) -> None:
    with valkey.connect(Config(var_path=tmp_path)) as client:
        gauges.announce(client, "old", 2, 4, NOW - timedelta(seconds=gauges.GONE_SECONDS + 1))
        gauges.announce(client, "new", 1, 4, NOW - timedelta(seconds=gauges.GONE_SECONDS - 1))
        gauges.announce(client, "newest", 0, 8, NOW)
        assert gauges.slots(client, NOW) == {"new": (1, 4), "newest": (0, 8)}
        assert client.hkeys(gauges.NODES) == [b"new", b"newest"]
    valkey.release(tmp_path / "valkey")
