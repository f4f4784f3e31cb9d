"""One ornament: its offers, and their prices over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from christmas.access.gate import Caller
from christmas.catalog import offers, page_schedule, price_history
from christmas.catalog.price_history import Step
from christmas.catalog.products import ProductRow
from christmas.items import NOT_BUYABLE
from christmas.reading.identity import normal_sku
from christmas.reading.money import decimals
from christmas.server import auth
from christmas.server.auth import needs
from christmas.server.problems import NotFound
from christmas.server.state import state_of
from christmas.server.web import filters, render, words

router = APIRouter()

PIECE_MAX = 80
# How many of the newest are in the table and the chart; daily changes of five shops fill them in three months.
STEPS_MAX = 500
CHANGES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Event:
    """A change of one shop's price or stock; ``before`` is None for the first step."""

    offer: ProductRow
    step: Step
    before: Step | None

    @property
    def price_change(self) -> int:
        """Return the difference in minor units; 0 where the prices cannot be compared."""
        if self.before is None or self.before.currency != self.step.currency:
            return 0
        return (self.step.price_minor or 0) - (self.before.price_minor or 0) if self._priced else 0

    @property
    def _priced(self) -> bool:
        return self.before is not None and None not in {self.before.price_minor, self.step.price_minor}


@dataclass(frozen=True, slots=True)
class Past:
    """The history of an ornament since it was first seen; amounts in minor units of ``currency``."""

    currency: str
    since: datetime
    events: list[Event]
    more: bool
    lowest: tuple[int, datetime, str] | None
    usual: tuple[int, int] | None
    chart: dict[str, Any]

    @property
    def covers_usual(self) -> bool:
        """Return whether it was observed for as long as the usual range looks back."""
        return self.since <= datetime.now(UTC) - timedelta(days=price_history.USUAL_DAYS)


@router.get("/pieces/{year}/{piece}")
def piece(
    request: Request, year: str, piece: str, caller: Annotated[Caller, Depends(needs("products.read", page=True))]
) -> Response:
    """Show an ornament of a year, or of an unknown one."""
    number = None if year == "unknown" else filters.number(year, "year", 1900, 2100)
    name = piece[:PIECE_MAX].replace("\0", "")
    may_see_changes = auth.may(request, caller, "changes.read")
    with state_of(request).read() as connection:
        found = offers.of_piece(connection, name, number, caller.vendors)
        normal = normal_sku(name)
        if not found and normal != name and offers.of_piece(connection, normal, number, caller.vendors):
            return RedirectResponse(words.piece_address(number, normal), 308)
        if not found:
            raise NotFound(f"There is no ornament {name} of {year}; the search finds a SKU in any spelling.")
        seen = page_schedule.last_seen(connection, [one.key_id for one in found])
        currency = offers.usual_currency(found)
        may_see_jobs = auth.may(request, caller, "jobs.read")
        past = _past(connection, found, currency, may_see_jobs) if may_see_changes else None
    shown = offers.ranked(found, currency)
    named = next((one for one in shown if one.image_url), shown[0])
    series = next((one for one in shown if one.series), named)
    return render.page(
        request, caller, "piece.html", year=number, piece=name, offers=shown, named=named, series=series, past=past,
        best=offers.best(shown, currency), skus=sorted({one.sku for one in found if one.sku}), newest=CHANGES_SHOWN,
        seen=seen,
    )  # fmt: skip


def _past(connection: Connection, found: Sequence[ProductRow], currency: str, may_see_jobs: bool) -> Past:
    steps = price_history.of_products(connection, found)
    by_id = {one.id: one for one in found}
    ended = {one.id: one.gone_since for one in found if one.gone_since}
    lowest = price_history.lowest(steps, currency)
    events = [
        Event(by_id[product], step, before)
        for product, some in steps.items()
        for before, step in zip([None, *some], some, strict=False)
    ]
    events.sort(key=lambda one: one.step.at, reverse=True)
    return Past(
        currency=currency,
        since=events[-1].step.at,
        events=events[:STEPS_MAX],
        more=len(events) > STEPS_MAX,
        lowest=(lowest[0], lowest[1], by_id[lowest[2]].vendor) if lowest else None,
        usual=price_history.usual_range(steps, datetime.now(UTC), currency, ended=ended),
        chart=_chart(events[:STEPS_MAX], currency, may_see_jobs),
    )


def _chart(events: Sequence[Event], currency: str, may_see_jobs: bool) -> dict[str, Any]:
    """Return what chart.js draws: for each shop its steps, the oldest first; times in seconds since 1970.

    While a shop asks in another currency its line has a gap; one that never asked in the chart's has no line.
    """
    lines: dict[UUID, dict[str, Any]] = {}
    comparable = {one.offer.id for one in events if one.step.currency in {currency, None}}
    for one in reversed(events):
        if one.offer.id in comparable:
            line = lines.setdefault(one.offer.id, _line(one.offer))
            line["steps"].append(_point(one.step, currency, may_see_jobs))
    return {
        "currency": currency,
        "decimals": decimals(currency),
        "until": int(datetime.now(UTC).timestamp()),
        "lines": sorted(lines.values(), key=lambda line: line["shop"]),
    }


def _point(step: Step, currency: str, may_see_jobs: bool) -> dict[str, Any]:
    return {
        "at": int(step.at.timestamp()),
        "when": words.moment(step.at),
        "minor": step.price_minor if step.currency == currency else None,
        "text": "no price" if step.price_minor is None else render.money(step.price_minor, step.currency or currency),
        "stock": words.stock(step.availability),
        "out": step.availability in NOT_BUYABLE,
        "job": step.job if may_see_jobs else None,
    }


def _line(offer: ProductRow) -> dict[str, Any]:
    # A shop may have a piece twice, in different boxes.
    name = f"{words.shop(offer.vendor)}, {words.box(offer.box)}" if offer.box else words.shop(offer.vendor)
    return {"shop": name, "ended": offer.gone_since and int(offer.gone_since.timestamp()), "steps": []}
