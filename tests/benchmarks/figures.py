"""One figure of the benchmark, and how figures are shown and kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any


@dataclass
class Figure:
    """A measured value beside what it is compared with.

    ``ratio`` is what the goal is about; ``goal`` is its bound, at least for a rate (``more_is_better``), else at most.
    A figure without a goal is told for comparison. ``runs`` is how many runs the medians are from.
    """

    figure: str
    value: float
    unit: str
    versus: float | None
    ratio: float | None
    goal: float | None
    met: bool | None
    runs: int


@dataclass
class Size:
    """What a service takes, for the table of sizes: MB, and CPU as cores; the memory under load is the highest.

    ``load`` says what the load was. Nothing is known of it idle where there is no such thing.
    """

    figure: str
    idle_mb: float | None
    idle_cores: float | None
    load_mb: float
    load_cores: float
    load: str


def against(
    figure: str,
    values: list[float],
    unit: str,
    versus: list[float] | float | None,
    goal: float | None,
    *,
    more_is_better: bool = True,
) -> Figure:
    """Make a figure from the runs of both sides, by their medians."""
    value = median(values)
    other = median(versus) if isinstance(versus, list) else versus
    ratio = value / other if other else None
    met = None
    if goal is not None and ratio is not None:
        met = ratio >= goal if more_is_better else ratio <= goal
    return Figure(
        figure, round(value, 3), unit, other and round(other, 3), ratio and round(ratio, 3), goal, met, len(values)
    )


def show(measured: Sequence[Figure | Size], path: Path, *, keep: bool) -> None:
    """Print the tables and write ``bench.json``; ``keep`` leaves in it what was not measured now."""
    from rich.console import Console
    from rich.table import Table

    table = Table("Figure", "Value", "Versus", "Ratio", "Goal", "Met", title="christmas, measured")
    sizes = Table("Service", "Idle MB", "CPU", "Load MB", "CPU", "Load was", title="memory and CPU")
    for one in measured:
        if isinstance(one, Size):
            sizes.add_row(*_cells(asdict(one)))
            continue
        table.add_row(
            one.figure,
            f"{one.value:,.6g} {one.unit}",
            "-" if one.versus is None else f"{one.versus:,.6g}",
            "-" if one.ratio is None else f"{one.ratio:.3f}",
            "-" if one.goal is None else f"{one.goal:g}",
            {True: "yes", False: "NO", None: "-"}[one.met],
        )
    Console(width=120).print(table)
    if sizes.row_count:
        Console(width=120).print(sizes)
    rows = {one.figure: asdict(one) for one in measured}
    if keep and path.exists():
        rows = {row["figure"]: row for row in json.loads(path.read_text(encoding="utf-8"))} | rows
    path.write_text(json.dumps(list(rows.values()), indent=1) + "\n", encoding="utf-8")


def into_documents(source: Path, measured: Path, deployment: Path) -> None:
    """Put the figures of ``bench.json`` into one document and the sizes into the other."""
    found = json.loads(source.read_text(encoding="utf-8"))
    figures = {one["figure"]: _row(one) for one in found if "goal" in one}
    sizes = {one["figure"]: f"| {' | '.join(_cells(one))} |" for one in found if "load" in one}
    _put(measured, "bench", ("figure", "value", "versus", "ratio", "goal", "met"), figures)
    _put(deployment, "sizes", ("service", "idle MB", "idle CPU", "load MB (peak)", "load CPU", "load was"), sizes)


def _put(path: Path, mark: str, columns: tuple[str, ...], rows: dict[str, str]) -> None:
    """Write a table between two marks; a row that was not measured anew stays."""
    head, begin, rest = path.read_text(encoding="utf-8").partition(f"<!-- {mark} -->\n")
    table, end, tail = rest.partition(f"<!-- /{mark} -->")
    if not end:
        raise SystemExit(f"{path} has no marks <!-- {mark} --> and <!-- /{mark} -->")
    known = {row.split(" | ")[0].removeprefix("| "): row for row in table.strip().splitlines()[2:]}
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|", *(known | rows).values()]
    path.write_text("".join([head, begin, "\n".join(lines), "\n", end, tail]), encoding="utf-8")


def _cells(size: dict[str, Any]) -> list[str]:
    idle_mb = "" if size["idle_mb"] is None else f"{size['idle_mb']:,.0f}"
    idle_cores = "" if size["idle_cores"] is None else f"{size['idle_cores']:.3f}"
    return [
        size["figure"], idle_mb, idle_cores, f"{size['load_mb']:,.0f}", f"{size['load_cores']:.3f}", size["load"],
    ]  # fmt: skip


def _row(one: dict[str, Any]) -> str:
    met = {True: "yes", False: "**no**", None: ""}[one["met"]]
    versus = "" if one["versus"] is None else f"{one['versus']:,.6g}"
    ratio = "" if one["ratio"] is None else f"{one['ratio']:.2f}"
    goal = "" if one["goal"] is None else f"{one['goal']:g}"
    return f"| {one['figure']} | {one['value']:,.6g} {one['unit']} | {versus} | {ratio} | {goal} | {met} |"
