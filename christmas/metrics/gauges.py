"""What stands at this moment: queue, held changes and health from the database, the nodes' slots from Redis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from christmas.catalog import held_changes, vendor_health
from christmas.db import database
from christmas.jobs import records
from christmas.metrics import store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from redis import Redis
    from sqlalchemy import Engine

    from christmas.catalog.vendor_health import HealthRow

NODES = f"{store.PREFIX}:nodes"
# A node that has said nothing for so long is taken for gone; it does so every 10 s.
GONE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Gauges:
    """``queued`` and ``running`` by consumer; ``oldest_seconds`` is how long the first job in the queue has waited."""

    queued: dict[str, int]
    running: dict[str, int]
    oldest_seconds: float
    held: dict[str, int]
    health: list[HealthRow]


def read(engine: Engine, now: datetime, vendors: Sequence[str] | None = None) -> Gauges:
    """Return what there is, of all vendors or of those that may be seen; raise DatabaseUnavailable."""
    with database.read(engine) as connection:
        queued, oldest = records.queue_depth(connection, "queued", vendors)
        running, _ = records.queue_depth(connection, "running", vendors)
        waiting = held_changes.count(connection)
        states = vendor_health.find(connection, vendors)
    seen = {vendor: count for vendor, count in waiting.items() if vendors is None or vendor in vendors}
    age = max((now - oldest).total_seconds(), 0.0) if oldest else 0.0
    return Gauges(queued, running, age, seen, states)


def announce(client: Redis, node: str, used: int, total: int, now: datetime) -> None:
    """Say how many runs a node has, and may have, at the same time; raise RedisError."""
    client.hset(NODES, node, f"{used} {total} {now.timestamp():.0f}")


def slots(client: Redis, now: datetime) -> dict[str, tuple[int, int]]:
    """Return the used slots and all slots of each node that lives; forget the others. Raise RedisError."""
    values: Any = client.hgetall(NODES)
    found = {}
    for name, value in sorted(values.items()):
        used, total, at = map(int, value.split())
        if now.timestamp() - at <= GONE_SECONDS:
            found[name.decode()] = (used, total)
        else:
            client.hdel(NODES, name)
    return found
