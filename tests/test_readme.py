"""The commands of README and tutorial run as they are written."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm
from tests.farm import Farm, until

ROOT = Path(__file__).parent.parent
TEXTS = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/tutorial.md")]
BIN = Path(sys.executable).parent
SIZE = 84  # with the one product that a page names


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run `christmas demo --once` as `make run` does, on smaller shops; return what the further commands need."""
    variables = os.environ | {"CHRISTMAS__VAR_PATH": str(tmp_path_factory.mktemp("var"))}
    done = subprocess.run(
        [BIN / "christmas", "demo", "--once", "--size", str(SIZE)], env=variables, cwd=ROOT, capture_output=True,
        text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Refreshing" in done.stdout
    assert "price: " in done.stdout
    return variables


def commands(title: str = "with the demonstration") -> list[str]:
    """Return the commands in the blocks of that title, each once."""
    blocks = [re.findall(rf'```sh title="{title}"\n(.*?)```', text, re.DOTALL) for text in TEXTS]
    assert all(blocks), f"a page has no block {title}"
    return list(dict.fromkeys(line for found in blocks for block in found for line in block.splitlines()))


@pytest.mark.parametrize("command", commands())
def test_command_runs(command: str, demonstration: dict[str, str]) -> None:
    program, *arguments = shlex.split(command)
    assert program == ".venv/bin/christmas"
    done = warm.run("christmas", *arguments, environment=demonstration)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_commands_beside_a_running_system(farm: Farm) -> None:
    del farm.variables["CHRISTMAS__SCHEDULES"]  # those that come with christmas
    farm.node()
    scheduler = farm.start("scheduler")
    until(lambda: "The scheduler has started" in scheduler.log, 30, "the start")
    for command in commands("in another shell"):
        done = farm.run(*shlex.split(command)[1:])
        assert done.returncode == 0, (command, done.stderr, farm.services[0].log)
        assert done.stdout.strip(), command


def test_products_as_data(demonstration: dict[str, str], tmp_path: Path) -> None:
    command = [BIN / "christmas", "products", "--demo", "--format", "json", "--vendor", "ornament_shop_com"]
    done = subprocess.run(command, env=demonstration, cwd=tmp_path, capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)
    assert len(rows) == SIZE
    assert re.fullmatch(r"\d+\.\d\d", rows[0]["price"])
