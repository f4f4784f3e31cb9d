"""Prices and stock over time: the steps of products, the lowest price ever, and what is usual."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from christmas.catalog import changes
from christmas.items import BUYABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from christmas.catalog.changes import ChangeRow
    from christmas.catalog.products import ProductRow

# The fields of a change that make a step, and what a step calls them.
_FIELDS = {"price": "price_minor", "currency": "currency", "availability": "availability"}
USUAL_DAYS = 365
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Step:
    """What a product cost and whether it was in stock from a moment on, and the run and page that said so.

    ``job`` and ``url`` are None where no change has them: when the product was seen first.
    """

    at: datetime
    price_minor: int | None
    currency: str | None
    availability: str
    job: str | None = None
    url: str | None = None


def steps(product: ProductRow, rows: Sequence[ChangeRow]) -> list[Step]:
    """Return a product's steps from its changes, in any order and of any fields, the oldest first.

    The first step is when the product was seen first, with the oldest values known; the last one is the product now.
    """
    relevant = sorted((row for row in rows if row.field in _FIELDS), key=lambda row: (row.at, row.id))
    found = [_first(product, relevant)]
    for at, together in groupby(relevant, key=lambda row: row.at):
        moment = list(together)
        values: dict[str, Any] = {_FIELDS[row.field]: _values(row)[1] for row in moment}
        _add(found, replace(found[-1], **values, at=at, job=moment[-1].job, url=moment[-1].url))
    # A held change that was released is of when it was read: what was read later may stand in the catalog no more.
    now = {name: getattr(product, name) for name in _FIELDS.values()}
    _add(found, replace(found[-1], **now, at=max(product.last_changed, found[-1].at), job=None, url=None))
    return found


def _first(product: ProductRow, rows: Sequence[ChangeRow]) -> Step:
    values: dict[str, Any] = {name: getattr(product, name) for name in _FIELDS.values()}
    values |= {_FIELDS[row.field]: _values(row)[0] for row in reversed(rows)}
    return Step(at=product.first_seen, **values)


def _values(row: ChangeRow) -> tuple[int | str | None, int | str | None]:
    return (row.old_minor, row.new_minor) if row.field == "price" else (row.old, row.new)


def _add(found: list[Step], step: Step) -> None:
    """Add a step that differs from the last one; of one moment only what came last is kept."""
    last = found[-1]
    if all(getattr(step, name) == getattr(last, name) for name in _FIELDS.values()):
        return
    if step.at <= last.at:
        found[-1] = replace(step, at=last.at)
    else:
        found.append(step)


def of_products(connection: Connection, products: Sequence[ProductRow]) -> dict[UUID, list[Step]]:
    """Return the steps of each product by its id, the oldest first."""
    rows: dict[UUID, list[ChangeRow]] = {product.id: [] for product in products}
    for row in changes.of_products(connection, list(rows), list(_FIELDS.values())):
        rows[row.product_id].append(row)
    return {product.id: steps(product, rows[product.id]) for product in products}


def lowest(steps_by_product: Mapping[UUID, Sequence[Step]], currency: str) -> tuple[int, datetime, UUID] | None:
    """Return the lowest price ever in a currency, in minor units, when it was first asked, and for which product.

    None where there never was a price in it.
    """
    asked = [
        (step.price_minor, step.at, product_id)
        for product_id, those in steps_by_product.items()
        for step in those
        if step.price_minor is not None and step.currency == currency
    ]
    return min(asked, default=None)


def usual_range(
    steps_by_product: Mapping[UUID, Sequence[Step]],
    now: datetime,
    currency: str,
    *,
    ended: Mapping[UUID, datetime] | None = None,
) -> tuple[int, int] | None:
    """Return the quartiles of the prices asked in the last 365 days, each as heavy as the time it could be bought for.

    They are in minor units, and prices that were asked. ``ended`` is since when products are delisted, if they are.
    None where nothing could be bought in this currency.
    """
    durations: dict[int, int] = {}
    for product_id, those in steps_by_product.items():
        end = min(now, (ended or {}).get(product_id, now))
        for step, until in _lasting(those, end):
            if step.price_minor is None or step.currency != currency or step.availability not in BUYABLE:
                continue
            lasted = (until - max(step.at, now - timedelta(days=USUAL_DAYS))) // _MICROSECOND
            if lasted > 0:
                durations[step.price_minor] = durations.get(step.price_minor, 0) + lasted
    if not durations:
        return None
    return _quartile(durations, 1), _quartile(durations, 3)


def _lasting(those: Sequence[Step], end: datetime) -> list[tuple[Step, datetime]]:
    """Return each step with when it ended, at the latest ``end``."""
    inner = [(step, min(following.at, end)) for step, following in pairwise(those)]
    return [*inner, *((step, end) for step in those[-1:])]


def _quartile(durations: Mapping[int, int], quarter: int) -> int:
    """Return the lowest price such that ``quarter`` quarters of the time were spent at it or below."""
    total, spent = sum(durations.values()), 0
    for price in sorted(durations):
        spent += durations[price]
        if spent * 4 >= total * quarter:
            return price
    raise ValueError(quarter)
