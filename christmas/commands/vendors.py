"""``christmas vendors``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from christmas.catalog import vendors
from christmas.commands.common import Demo, console, engine
from christmas.db import database
from christmas.errors import ArgumentError
from christmas.jobs import records, spider_files, submission

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from christmas.catalog.vendor_health import HealthRow
    from christmas.jobs.records import JobRow


def list_vendors(demo: Demo = False) -> None:
    """List the vendors with products, stock and last run."""
    vendors_table(engine(demo=demo))


def vendors_table(catalog: Engine) -> None:
    """Print one line per vendor."""
    table = Table("Vendor", "Products", "In stock", "Without price", "Health", "Last run", "Result")
    with database.read(catalog) as connection:
        for row in vendors.overview(connection, submission.known_vendors(connection, None)):
            job = records.last(connection, row.name)
            when = job.started_at.strftime("%Y-%m-%d %H:%M UTC") if job and job.started_at else "never"
            numbers = (row.count.products, row.count.in_stock, row.count.without_price)
            table.add_row(row.name, *map(str, numbers), _health(row.health), when, _result(job) if job else "")
    console().print(table)


def _health(row: HealthRow | None) -> str:
    if row is None:
        return ""
    return f"{row.state} ({row.kind})" if row.kind else row.state


def _result(job: JobRow) -> str:
    error = (job.outcome or {}).get("error")
    return f"{job.state}: {error}" if error else job.state


def known_vendors(wanted: list[str] | None) -> list[str]:
    """Return these vendors, or all; raise ArgumentError where one of them is unknown."""
    known = sorted(spider_files.installed())
    for name in wanted or []:
        if name not in known:
            raise ArgumentError(f"No vendor {name!r}; there are {', '.join(known)}.")
    return wanted or known
