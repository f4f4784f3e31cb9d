"""The drawing of the rooms, made from the import contract in pyproject.toml and each package's docstring."""

from __future__ import annotations

import ast
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
WIDTH, ROW_HEIGHT, GAP, LABEL = 960, 56, 10, 24
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1b2a20; } .room { font-weight: 600; font-size: 14px; }
.say { font-size: 11px; fill: #46564c; } rect { fill: #e8f2ea; stroke: #3f7d54; rx: 8px; }
.page { fill: #fbfdfb; stroke: none; } path { stroke: #3f7d54; fill: none; marker-end: url(#tip); }
@media (prefers-color-scheme: dark) {
  text { fill: #e6efe8; } .say { fill: #a9b9ae; } rect { fill: #24352a; } .page { fill: #151b17; }
}
"""


def layers() -> list[list[str]]:
    """Return the rows of the contract from the outermost to the innermost, each with its modules' names."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    rows = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    found = [row.replace("|", ":").split(":") for row in rows]
    return [[name.strip().removeprefix("christmas.") for name in row if "__main__" not in name] for row in found]


def purpose(name: str) -> str:
    """Return the first sentence of a room's docstring."""
    places = [folder / name for folder in (ROOT / "christmas", ROOT)]
    path = next(path for place in places for path in (place / "__init__.py", place.with_suffix(".py")) if path.exists())
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.split("\n")[0].rstrip(".").replace("``", "")


def drawing() -> str:
    """Return the SVG: a row for each layer, a box for each room; who is above may import who is below."""
    rows = [row for row in layers() if row]
    height = len(rows) * (ROW_HEIGHT + GAP) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>The rooms of christmas: a room imports rooms below it, never above</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="6" refY="3" orient="auto">'
        '<path d="M0,0 L6,3 L0,6" style="marker-end:none"/></marker></defs>',
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<path d="M{LABEL / 2},{GAP} L{LABEL / 2},{height - GAP}"/>',
    ]
    for place, row in enumerate(rows):
        top = GAP + place * (ROW_HEIGHT + GAP)
        width = (WIDTH - LABEL - GAP * (len(row) + 1)) / len(row)
        for column, name in enumerate(row):
            parts += _box(LABEL + GAP + column * (width + GAP), top, width, name)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _box(left: float, top: float, width: float, name: str) -> list[str]:
    return [
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW_HEIGHT}"/>',
        f'<text class="room" x="{left + 10:.1f}" y="{top + 19}">{name}</text>',
        *(
            f'<text class="say" x="{left + 10:.1f}" y="{top + 34 + 13 * number}">{escape(line)}</text>'
            for number, line in enumerate(_wrapped(purpose(name), letters=int(width / 5.9)))
        ),
    ]


def _wrapped(text: str, letters: int) -> list[str]:
    """Return at most two lines; what does not fit ends with an ellipsis."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > letters and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    if len(lines) > 2:
        lines = [lines[0], lines[1][: letters - 2] + " …"]
    return lines
