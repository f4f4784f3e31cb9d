"""What of docs/ is made from the code: ``python -m tests.documents`` writes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from christmas import config
from tests import access_matrix, rooms, routes

ROOT = Path(__file__).parents[1]
DRAWING = ROOT / "docs" / "pictures" / "rooms.svg"


def configuration_keys() -> str:
    """Return the table of configuration keys."""
    rows = ["| key | default | meaning |", "| --- | --- | --- |"]
    for key, default, meaning in config.documentation():
        rows.append(f"| `{key}` | {f'`{default}`' if default else ''} | {meaning} |")
    return "\n".join(rows)


# File and mark of each part, with what makes it.
PARTS: dict[tuple[str, str], Callable[[], str]] = {
    ("configuration.md", "keys"): configuration_keys,
    ("routes.md", "routes"): routes.table,
    ("permissions.md", "matrix"): access_matrix.matrix,
    ("permissions.md", "tables"): access_matrix.tables,
    ("permissions.md", "functions"): access_matrix.functions,
}


def files() -> dict[Path, str]:
    """Return every file that is generated, or has generated parts, with the text it must have."""
    texts = {DRAWING: rooms.drawing()}
    for (name, mark), make in PARTS.items():
        path = ROOT / "docs" / name
        between = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
        text, count = between.subn(
            lambda found, make=make: f"{found[1]}{make()}\n{found[2]}",
            texts.get(path) or path.read_text(encoding="utf-8"),
        )
        assert count == 1, f"{name} has no marks {mark}"
        texts[path] = text
    return texts


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
