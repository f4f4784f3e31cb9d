"""docs/deployment.md as data: its blocks by the words behind the three ticks."""

from __future__ import annotations

import re
import shlex
from functools import cache

from tests.container.image import ROOT

PATH = ROOT / "docs" / "deployment.md"
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@cache
def text() -> str:
    return PATH.read_text(encoding="utf-8")


def blocks(language: str) -> dict[str, str]:
    """Return the blocks of a language by name; one without a name is called by its number."""
    found = [(name, body) for kind, name, body in BLOCK.findall(text()) if kind == language]
    return {name or str(number): body for number, (name, body) in enumerate(found)}


def variables(name: str) -> dict[str, str]:
    """Return the variables of a block as systemd reads them."""
    return dict(line.split("=", 1) for line in blocks("env")[name].splitlines())


def unit(name: str) -> dict[str, str]:
    """Return the settings of a unit file; none of those that are asked for is there twice."""
    return dict(line.split("=", 1) for line in blocks("ini")[name].splitlines() if re.match(r"\w+=", line))


def commands(program: str) -> list[list[str]]:
    """Return the words behind a program, wherever it is called in a block of shell."""
    shell = "\n".join(blocks("sh").values()).replace("\\\n", " ")
    found = []
    for line in shell.splitlines():
        for part in re.split(r"[|;&()]|\$\(| -- | > | < ", line):
            words = shlex.split(part, comments=True) if part.count('"') % 2 == 0 and part.count("'") % 2 == 0 else []
            while words and re.match(r"[A-Z_]+=", words[0]):
                words.pop(0)
            if words and words[0].rpartition("/")[2] == program and "{" not in words:
                found.append(words[1:])
    return found
