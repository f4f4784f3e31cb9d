"""README and docs/ are true: generated parts are current, links lead somewhere, commands take their options."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from christmas import cli
from tests import documents

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
README_BYTES = 10_000
# `christmas ...` in a block of shell or between backticks, up to what ends the command.
CALL = re.compile(r"(?:^ *|[|;&(] ?|bin/|exec server |-- )christmas ([a-z-][^`#|>&;)\\\n]*)", re.MULTILINE)
COMMANDS: Any = typer.main.get_command(cli.app)
COMMANDS.commands = {name: cli.load(name) for name in cli.COMMANDS}


def calls(text: str) -> set[str]:
    """Return what stands behind ``christmas`` in the code of a page."""
    code = re.findall(r"^```(?:sh|text)[^\n]*\n(.*?)^```|^    (.*?)$|`([^`\n]+)`", text, re.MULTILINE | re.DOTALL)
    found = set()
    for parts in code:
        for part in parts:
            found |= {match.strip() for match in CALL.findall(part.replace("\\\n", " "))}
    return found


def unknown(call: str) -> str | None:
    """Return why a call would be refused: no such command, or no such option; None where it is right."""
    command, words = COMMANDS, call.split()
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name = words.pop(0)
        if not name.islower() or (found := command.commands.get(name)) is None:
            return f"christmas {call}: no command {name}"
        command = found
    options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
    wrong = [word for word in words if re.match(r"--?[a-z]", word) and word.split("=")[0] not in options]
    return f"christmas {call}: no option {', '.join(wrong)}" if wrong else None


def test_what_is_generated_is_current() -> None:
    stale = [path.name for path, text in documents.files().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run `python -m tests.documents`"


def test_every_command_in_the_pages_exists_and_takes_its_options() -> None:
    found = {
        f"{page.name}: {why}" for page in PAGES for call in calls(page.read_text("utf-8")) if (why := unknown(call))
    }
    assert found == set()


def test_a_wrong_command_would_be_noticed() -> None:
    text = "Run `christmas nope`, then:\n\n    christmas products --wrong 1\n\n```sh\nchristmas jobs | head\n```\n"
    assert calls(text) == {"nope", "products --wrong 1", "jobs"}
    assert [why is None for why in map(unknown, sorted(calls(text)))] == [True, False, False]


def test_every_command_is_described() -> None:
    text = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    named = set(re.findall(r"[a-z-]+", " ".join(re.findall(r"`([^`]*)`", text))))
    assert [name for name in COMMANDS.commands if name not in named] == []


def test_links_of_pages_outside_the_site_lead_to_files() -> None:
    broken = [
        f"{page.name}: {target}"
        for page in PAGES[:3]
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (ROOT / target).exists()
    ]
    assert broken == []


def test_the_readme_can_be_read_in_some_minutes() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= README_BYTES


@pytest.mark.integration
def test_the_site_builds_and_no_link_in_it_is_broken(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)', page)
    assert loaded == [], "the site loads something from elsewhere"


def test_the_tables_of_the_benchmark_are_full_ones() -> None:
    bench = (ROOT / "docs" / "measured.md").read_text(encoding="utf-8")
    sizes = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8").partition("<!-- sizes -->")[2]
    rows = ("12 a page", "24 a page", "100 a page", "bare Scrapy spider", "SQLite, new", "1,000,000 keys")
    services = ("node", "scheduler", "server", "PostgreSQL", "Valkey", "run: listings", "run: product pages")
    assert [words for words in rows if words not in bench] == []
    assert [service for service in services if f"| {service}" not in sizes] == []
