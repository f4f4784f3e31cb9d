"""One figure of the benchmark, and how figures are shown and kept."""

from __future__ import annotations

import json
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


def show(figures: list[Figure], path: Path, *, keep: bool) -> None:
    """Print the table and write ``bench.json``; ``keep`` leaves the figures in it that were not measured now."""
    from rich.console import Console
    from rich.table import Table

    table = Table("Figure", "Value", "Versus", "Ratio", "Goal", "Met", title="christmas, measured")
    for one in figures:
        table.add_row(
            one.figure,
            f"{one.value:,.6g} {one.unit}",
            "-" if one.versus is None else f"{one.versus:,.6g}",
            "-" if one.ratio is None else f"{one.ratio:.3f}",
            "-" if one.goal is None else f"{one.goal:g}",
            {True: "yes", False: "NO", None: "-"}[one.met],
        )
    Console(width=120).print(table)
    rows = {one.figure: asdict(one) for one in figures}
    if keep and path.exists():
        rows = {row["figure"]: row for row in json.loads(path.read_text(encoding="utf-8"))} | rows
    path.write_text(json.dumps(list(rows.values()), indent=1) + "\n", encoding="utf-8")


def into_readme(source: Path, readme: Path) -> None:
    """Put the rows of ``bench.json`` between the README's two marks; a row that was not measured anew stays."""
    text = readme.read_text(encoding="utf-8")
    head, _, rest = text.partition("<!-- bench -->")
    table, _, tail = rest.partition("<!-- /bench -->")
    title, line, *known = table.strip().splitlines()
    rows = {row.split(" | ")[0].removeprefix("| "): row for row in known}
    rows |= {one["figure"]: _row(one) for one in json.loads(source.read_text(encoding="utf-8"))}
    shown = "\n".join([title, line, *rows.values()])
    readme.write_text(f"{head}<!-- bench -->\n{shown}\n<!-- /bench -->{tail}", encoding="utf-8")


def _row(one: dict[str, Any]) -> str:
    met = {True: "yes", False: "**no**", None: ""}[one["met"]]
    versus = "" if one["versus"] is None else f"{one['versus']:,.6g}"
    ratio = "" if one["ratio"] is None else f"{one['ratio']:.2f}"
    goal = "" if one["goal"] is None else f"{one['goal']:g}"
    return f"| {one['figure']} | {one['value']:,.6g} {one['unit']} | {versus} | {ratio} | {goal} | {met} |"
