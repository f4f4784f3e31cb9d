"""The auditor notices what breaks in the sample shops, in the very run and by its name, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.auditor.soak import HEALTHY_RUNS, NEW_PIECES, PAGES, STAGES

pytestmark = pytest.mark.serial

ROOT = Path(__file__).parent.parent.parent
HALLMARK = "hallmark_ornaments_com"
ORNAMENT = "ornament_shop_com"
TIMEOUT_SECONDS = 300
SHOPS_AT_ONCE = 2
# breakage -> where it is crawled, and the kind that the auditor gives it
BREAKAGES = {
    "class_renamed": (HALLMARK, "listings_unreadable"),
    "json_ld_dropped": (ORNAMENT, "structured_data_lost"),
    "json_ld_price_removed": (ORNAMENT, "structured_price_lost"),
    "price_range": (ORNAMENT, "prices_became_ranges"),
    "currency_changed": (HALLMARK, "currency_changed"),
    "prices_times_100": (HALLMARK, "prices_scaled"),
    "prices_all_equal": (ORNAMENT, "prices_all_equal"),
    "names_swapped": (HALLMARK, "names_shifted"),
    "skus_gone": (HALLMARK, "sku_lost"),
    "first_page_only": (ORNAMENT, "first_page_only"),
    "paging_loops": (ORNAMENT, "paging_loops"),
    "half_index": (HALLMARK, "index_shrunk"),
    "index_empty": (ORNAMENT, "index_unreadable"),
    "products_redirect": (ORNAMENT, "products_redirect"),
    "all_out_of_stock": (HALLMARK, "all_sold_out"),
    "challenge_on_products": (ORNAMENT, "challenge_on_products"),
    "all_404": (HALLMARK, "not_found"),
    "third_500": (ORNAMENT, "server_errors"),
    "ten_times_slower": (HALLMARK, "slow"),
    "bodies_cut": (HALLMARK, "bodies_cut"),
    "paging_never_ends": (ORNAMENT, "paging_loops"),  # the last: it may take all the time that a crawl has
}


@dataclass
class Soaked:
    """What one process of the soak printed."""

    vendor: str
    status: int
    errors: str
    lines: list[dict[str, Any]]


def soak(vendor: str, *scenarios: str) -> Soaked:
    done = subprocess.run(
        [sys.executable, "-m", "tests.auditor.soak", vendor, *scenarios],
        cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS,
    )  # fmt: skip
    return Soaked(vendor, done.returncode, done.stderr, [json.loads(line) for line in done.stdout.splitlines()])


@pytest.fixture(scope="module")
def soaked() -> Iterator[list[Soaked]]:
    """Run the whole soak once, on two processors at a time."""
    broken = [[name for name, (where, _) in BREAKAGES.items() if where == vendor] for vendor in (HALLMARK, ORNAMENT)]
    wanted = [(HALLMARK, *broken[0]), (ORNAMENT, *broken[1]), (HALLMARK, "healthy"), (ORNAMENT, "healthy")]
    with ThreadPoolExecutor(SHOPS_AT_ONCE) as pool:
        yield list(pool.map(lambda arguments: soak(*arguments), wanted))


def runs(soaked: list[Soaked], scenario: str, step: str | None = None) -> list[dict[str, Any]]:
    lines = [line for one in soaked for line in one.lines]
    return [line for line in lines if line["scenario"] == scenario and step in {None, line["step"]}]


def health(line: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (line["outcome"] or {}).get("health", {})
    return found


def alarms(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return the runs that are not healthy, each by place, what happened before it, its arguments and its health."""
    found = [(place, line["step"], line["arguments"], health(line)) for place, line in enumerate(lines)]
    return [one for one in found if one[-1].get("state") != "healthy"]


def test_every_crawl_came_to_its_end(soaked: list[Soaked]) -> None:
    assert {one.status: one.errors[-2000:] for one in soaked if one.status} == {}


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, (_, kind) in BREAKAGES.items()])
def test_a_breakage_is_noticed_in_its_run(name: str, kind: str, soaked: list[Soaked]) -> None:
    broken = runs(soaked, name, "broken")
    assert [line["arguments"] for line in broken] == list(STAGES[name])
    for line in broken:
        assert health(line).get("kind") == kind, line
        assert health(line)["state"] in {"degraded", "broken", "blocked", "unreachable"}
        assert health(line)["reason"].endswith((".", "?"))


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_mended_shop_is_healthy_again(name: str, soaked: list[Soaked]) -> None:
    mended = runs(soaked, name, "mended")
    assert len(mended) == len(STAGES[name])
    assert alarms(mended) == []


def test_a_hundred_healthy_runs_raise_no_alarm(soaked: list[Soaked]) -> None:
    healthy = runs(soaked, "healthy")
    assert len(healthy) == 2 * HEALTHY_RUNS == 100
    assert alarms(healthy) == []


def test_the_history_raises_no_alarm(soaked: list[Soaked]) -> None:
    history = runs(soaked, "history")
    assert len(history) == 14
    assert alarms(history) == []


def test_the_healthy_runs_contain_what_happens_to_shops(soaked: list[Soaked]) -> None:
    """A sale, a new year, a sold-out year, delisted pieces and another template: each changes what is read."""
    for one in soaked:
        lines = [line for line in one.lines if line["scenario"] == "healthy"]
        if not lines:
            continue
        steps = [line["step"] for line in lines]

        def outcome_after(step: str, lines: list[dict[str, Any]] = lines, steps: list[str] = steps) -> dict[str, Any]:
            found: dict[str, Any] = lines[steps.index(step)]["outcome"]
            return found

        assert outcome_after("a sale of 30 %")["pages_read"] == PAGES
        assert outcome_after("400 new pieces")["store_new_keys"] == NEW_PIECES
        assert outcome_after("20 % delisted")["pages_missing"] > 5
        assert {"a sold-out year", "the end of the sale"} < set(steps)
        assert len([step for step in steps if step.startswith("generation")]) >= 2
