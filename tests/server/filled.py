"""A catalog for the server's tests: three vendors with the same pieces, a history, and what operators see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from christmas.catalog import vendor_health
from christmas.catalog.writing import store
from christmas.config import default_schedules
from christmas.db import database
from christmas.demo.ornaments import ornament
from christmas.demo.shops import KINDS
from christmas.items import Availability, Product
from christmas.jobs import queue, schedules
from tests.catalog.watches import Doubting

VENDORS = tuple(kind.vendor for kind in KINDS)
# One piece that all shops have, and whose prices have moved.
YEAR, PIECE, NAME = 1985, "QX4822", "1985 Frosty Friends #6"
DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
STARTED = NOW - 40 * DAY
RUN, FAILED, RUNNING, QUEUED = "run-1", "run-2", "run-3", "run-4"


def item(vendor: str, key: str, days: float = 0, **values: Any) -> Product:
    """Return what a vendor's page told so many days after the start."""
    common: dict[str, Any] = {
        "vendor": vendor, "key": key, "url": f"https://{vendor.replace('_com', '.example')}/{key}.html",
        "brand": "Hallmark", "currency": "USD", "list_price_minor": None, "availability": Availability.IN_STOCK,
        "source": "json-ld", "read_at": STARTED + days * DAY,
    }  # fmt: skip
    return Product(**(common | values))


def made_up(vendor: str, number: int) -> Product:
    """Return one of the made-up ornaments in one of the shops."""
    one = ornament(number, 7, 20)
    kind = next(kind for kind in KINDS if kind.vendor == vendor)
    series, _, part = one.title.partition(" #")
    return item(
        vendor, str(number), name=f"{one.year} {one.title}", sku=one.sku, release_year=one.year,
        price_minor=one.retail_minor * kind.price_percent // 100, series=series if part else None,
        series_number=int(part) if part else None,
        availability=Availability.OUT_OF_STOCK if number % 5 == 0 else Availability.IN_STOCK,
    )  # fmt: skip


def the_piece(vendor: str, days: float = 0, **values: Any) -> Product:
    """Return the piece that all shops have, as one of them told of it."""
    sku = {"hookedonhallmark_com": "1295QX4822", "ornament_shop_com": "QX4822NB"}.get(vendor, "QX 4822")
    box = "NB" if vendor == "ornament_shop_com" else None
    common = {
        "name": NAME,
        "sku": sku,
        "release_year": YEAR,
        "series": "Frosty Friends",
        "series_number": 6,
        "box": box,
    }
    return item(vendor, "9001", days, **(common | {"price_minor": 2500} | values))


def fill(connection: Connection, size: int = 40) -> None:
    """Write so many ornaments of each vendor, and everything else."""
    items = [made_up(vendor, number) for vendor in VENDORS for number in range(1, size + 1)]
    pieces = [the_piece(vendor, price_minor=price) for vendor, price in zip(VENDORS, (3895, 2495, 1595), strict=True)]
    _write(connection, *items, *pieces)
    first, second, third = VENDORS
    _write(connection, the_piece(first, 5, price_minor=3595))
    _write(connection, the_piece(first, 12, price_minor=3595, availability=Availability.OUT_OF_STOCK))
    _write(connection, the_piece(second, 15, price_minor=2795))
    _write(connection, the_piece(first, 20, price_minor=2995))
    _write(connection, the_piece(third, 39.9, price_minor=1495))
    doubtful = [the_piece(second, 39.5, price_minor=99500), made_up(third, 1), made_up(third, 2)]
    for one in doubtful[1:]:
        one.price_minor, one.read_at = 100, STARTED + 39 * DAY
    for one in doubtful:
        watch = Doubting(("price_minor",))
        store.write(connection, [one], job_id=RUN, now=NOW, watch=watch)
    _operators(connection)


def _write(connection: Connection, *items: Product) -> None:
    store.write(connection, items, job_id=RUN, now=max(one.read_at for one in items if one.read_at))


def _operators(connection: Connection) -> None:
    first, second, third = VENDORS
    reasons = {first: ("healthy", None, "As usual."), second: ("broken", "no_prices", "No product has a price."),
               third: ("degraded", "slow", "Answers take ten times as long as usual.")}  # fmt: skip
    for vendor, (state, kind, reason) in reasons.items():
        vendor_health.record(connection, vendor, state=state, kind=kind, reason=reason, job_id=RUN, now=NOW)
    progress = {"pages_read": 30, "pages_planned": 120}
    for job_id, vendor, state, outcome in (
        (RUN, first, "succeeded", {"store_entries": 41, "store_changes": 5}),
        (FAILED, second, "failed", {"error": "The year index gave no listing."}),
        (RUNNING, third, None, progress),
    ):
        new = queue.NewJob(job_id, "integrator.sync_links", vendor, "integrator", {"year": 1985}, attempts_max=3)
        queue.submit(connection, new, NOW - timedelta(minutes=10))
        claimed = queue.claim(connection, None, "node-1", NOW - timedelta(minutes=9))
        assert claimed is not None
        assert claimed.id == job_id
        if state is None:
            queue.heartbeat(connection, job_id, 1, outcome=outcome, now=NOW)
        else:
            queue.complete(connection, job_id, 1, state=state, outcome=outcome, now=NOW - timedelta(minutes=5))
    waiting = queue.NewJob(QUEUED, "integrator.sync_products", first, "integrator", {"which": "stale"}, attempts_max=3)
    queue.submit(connection, waiting, NOW)
    schedules.sync(connection, default_schedules(), NOW)


def file(folder: Path, size: int = 40) -> str:
    """Make a filled catalog in a folder, and give its URL."""
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder / 'christmas.db'}"
    engine = database.open_engine(url)
    database.upgrade(engine)
    with database.begin(engine) as connection:
        fill(connection, size)
    engine.dispose()
    return url
