"""The tables of the documents are what was measured last, row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.figures import Size, against, into_documents, show

README = """Before.
<!-- bench -->
| figure | value | versus | ratio | goal | met |
| --- | --- | --- | --- | --- | --- |
| old | 1 s |  |  |  |  |
| quick | 9 s |  |  |  |  |
<!-- /bench -->
After.
"""


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """Return a folder with both documents and what was measured."""
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "deployment.md").write_text("# Sizes\n<!-- sizes -->\n<!-- /sizes -->\nEnd.\n")
    rows = [
        against("quick", [2.0, 1.0, 3.0], "s", 4.0, 1, more_is_better=False),
        Size("node", 89.4, 0.0046, 95.6, 0.0341, "8 runs"),
        Size("run", None, None, 1129.0, 0.75, "pages"),
    ]
    show(rows, tmp_path / "bench.json", keep=False)
    return tmp_path


def test_each_table_gets_its_own_rows_and_keeps_the_others(measured: Path) -> None:
    for _ in range(2):  # doing it again changes nothing
        into_documents(measured / "bench.json", measured / "README.md", measured / "deployment.md")
        assert (measured / "README.md").read_text() == README.replace(
            "| quick | 9 s |  |  |  |  |", "| quick | 2 s | 4 | 0.50 | 1 | yes |"
        )
        assert (measured / "deployment.md").read_text() == (
            "# Sizes\n<!-- sizes -->\n"
            "| service | idle MB | idle CPU | load MB (peak) | load CPU | load was |\n"
            "| --- | --- | --- | --- | --- | --- |\n"
            "| node | 89 | 0.005 | 96 | 0.034 | 8 runs |\n"
            "| run |  |  | 1,129 | 0.750 | pages |\n"
            "<!-- /sizes -->\nEnd.\n"
        )


def test_a_document_without_marks_is_left_alone(measured: Path) -> None:
    (measured / "deployment.md").write_text("nothing\n")
    with pytest.raises(SystemExit, match="has no marks <!-- sizes -->"):
        into_documents(measured / "bench.json", measured / "README.md", measured / "deployment.md")
    assert (measured / "deployment.md").read_text() == "nothing\n"
