"""The README is true: its commands run, its tables are what the code says."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from christmas import config
from tests.farm import Farm, until

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


def configuration_table() -> str:
    """Return the table of keys as the README must show it."""
    rows = ["| key | default | meaning |", "| --- | --- | --- |"]
    for key, default, meaning in config.documentation():
        shown = f"`{default}`" if default else ""
        rows.append(f"| `{key}` | {shown} | {meaning} |")
    return "\n".join(rows)


def between(mark: str) -> str:
    return README.partition(f"<!-- {mark} -->")[2].partition(f"<!-- /{mark} -->")[0].strip()


def test_every_key_is_documented_as_the_code_describes_it() -> None:
    assert between("keys") == configuration_table()


def test_the_benchmark_table_is_a_full_one() -> None:
    table = between("bench")
    for words in ("12 a page", "24 a page", "100 a page", "bare Scrapy spider", "SQLite, new", "1,000,000 keys"):
        assert words in table


def test_the_table_of_sizes_is_a_full_one() -> None:
    text = (ROOT / "docs" / "DEPLOY.md").read_text(encoding="utf-8")
    table = text.partition("<!-- sizes -->")[2].partition("<!-- /sizes -->")[0]
    for service in ("node", "scheduler", "server", "PostgreSQL", "Valkey", "run: listings", "run: product pages"):
        assert f"| {service}" in table


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run `christmas demo --once` as `make run` does; give the environment the further commands use."""
    variables = os.environ | {"CHRISTMAS__VAR_PATH": str(tmp_path_factory.mktemp("var"))}
    done = subprocess.run(
        [BIN / "christmas", "demo", "--once"], env=variables, cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert "Refreshing" in done.stdout
    assert "price: " in done.stdout
    return variables


def commands(mark: str = "sh") -> list[str]:
    return re.search(rf"```{mark}\n(.*?)```", README, re.DOTALL)[1].splitlines()  # type: ignore[index]


@pytest.mark.parametrize("command", commands())
def test_command_runs(command: str, demonstration: dict[str, str]) -> None:
    line = command.replace(".venv/bin/", f"{BIN}/")
    done = subprocess.run(line, shell=True, env=demonstration, cwd=ROOT, capture_output=True, text=True, timeout=180)  # noqa: S602
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_commands_beside_a_running_system(farm: Farm) -> None:
    del farm.variables["CHRISTMAS__SCHEDULES"]  # those that come with christmas
    farm.start("up", CHRISTMAS__NODE__PORT="0")
    until(lambda: "Everything runs" in farm.services[0].log, 30, "the start")
    for command in commands("sh up"):
        done = farm.run(*shlex.split(command)[1:])
        assert done.returncode == 0, (command, done.stderr, farm.services[0].log)
        assert done.stdout.strip(), command


def test_products_as_data(demonstration: dict[str, str], tmp_path: Path) -> None:
    command = [BIN / "christmas", "products", "--demo", "--format", "json", "--vendor", "ornament_shop_com"]
    done = subprocess.run(command, env=demonstration, cwd=tmp_path, capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)
    assert len(rows) == 300
    assert re.fullmatch(r"\d+\.\d\d", rows[0]["price"])


@pytest.mark.integration
def test_every_command_is_named_in_the_readme() -> None:
    done = subprocess.run([BIN / "christmas", "--help"], capture_output=True, text=True, check=True)
    names = set(re.findall(r"^│ (\w+) ", done.stdout, re.MULTILINE)) - {"Usage"}
    assert {"demo", "live", "vendors", "products", "history", "read", "db", "doctor"} <= names
    for name in names:
        assert name in README
