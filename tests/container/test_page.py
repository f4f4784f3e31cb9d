"""docs/deployment.md is true: what it names exists, its unit files are valid, its commands are commands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from christmas import cli
from christmas.commands.up import STOP_MARGIN_SECONDS
from christmas.config import Config
from tests.container import compose, page
from tests.container.image import ROOT, stages
from tests.container.image import variables as image_variables

UNITS = {"christmas.service": "small", "christmas@.service": "services"}


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", page.text())
    assert len(links) > 10
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.PATH.parent / path).resolve() if path else page.PATH
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_path_in_a_command_exists() -> None:
    found = set(re.findall(r"\b(?:config|docs)/[\w./-]+", page.text()))
    assert found
    for name in found:
        assert (ROOT / name.rstrip(".")).exists(), name


@pytest.mark.integration
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_file_is_valid(name: str, tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    bin_ = Path(page.unit(name)["ExecStart"].split()[0]).parent
    assert str(bin_) == image_variables()["PATH"].partition(":")[0]  # the page and the image have one place
    path = tmp_path / name.replace("@.", "@node.")
    path.write_text(page.blocks("ini")[name].replace(str(bin_), str(Path(sys.executable).parent)))
    done = subprocess.run([tool, "verify", path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    path.write_text(path.read_text().replace("KillMode=", "KillMood="))
    assert "KillMood" in subprocess.run([tool, "verify", path], capture_output=True, text=True, timeout=60).stderr


@pytest.mark.parametrize(("name", "variables"), UNITS.items())
def test_a_unit_starts_what_there_is_and_gives_it_time_to_stop(
    name: str, variables: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in page.variables(variables).items():
        monkeypatch.setenv(variable, value)
    node = Config().node
    unit = page.unit(name)
    assert unit["KillMode"] == "mixed"
    assert int(unit["TimeoutStopSec"]) >= node.finish_seconds + node.grace_seconds + STOP_MARGIN_SECONDS
    [command] = unit["ExecStart"].split()[1:]
    started = re.findall(r"enable --now (christmas@\w+.*)`", page.text())
    names = re.findall(r"christmas@(\w+)", " ".join(started)) if command == "%i" else [command]
    assert names
    assert set(names) <= set(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["small", "services"])
def test_the_variables_are_keys_of_the_configuration(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in page.variables(name).items():
        monkeypatch.setenv(variable, value)
    config = Config()
    assert config.contact_url
    assert config.scheduler.port == 8001
    assert str(config.var_path) == image_variables()["CHRISTMAS__VAR_PATH"]
    assert bool(config.database.url) == bool(config.redis.url) == (name == "services")


def called() -> list[list[str]]:
    """Return the words behind `christmas`, in whatever it is called."""
    found = [words for words in page.commands("christmas") if words]
    for words in page.commands("docker"):
        if words[:2] == ["compose", "exec"] and words[2] in compose.ours():
            assert words[3] == "christmas"
            found.append(words[4:])
        elif words[0] == "run":
            image = next(place for place, word in enumerate(words) if re.search(r"(^|/)christmas:[\w.]+$", word))
            found.append(words[image + 1 :])
    return found


@pytest.mark.parametrize("words", called(), ids=" ".join)
def test_every_christmas_command_is_one(words: list[str]) -> None:
    command = typer.main.get_command(cli.app)
    context = command.make_context("christmas", list(words))
    while hasattr(command, "commands") and (below := [*context._protected_args, *context.args]):
        name, command, rest = command.resolve_command(context, below)
        assert command is not None
        context = command.make_context(name, rest, parent=context)
    assert not hasattr(command, "commands") or command.invoke_without_command


def test_the_commands_were_found() -> None:
    assert {words[0] for words in called()} >= {"db", "keys", "jobs", "sign-in", "doctor", "logs", "health"}


def test_every_service_of_compose_that_is_named_is_one() -> None:
    asked = 0
    for words in page.commands("docker"):
        if words[0] != "compose":
            continue
        rest = [word for word in words[1:] if not word.startswith("-")]
        if rest[0] in {"exec", "run", "logs"}:
            assert rest[1] in compose.services(), words
            asked += 1
        elif rest[0] == "stop":
            assert set(rest[1:]) == set(compose.ours()) - {"migrate"}
        elif rest[0] == "browser":
            assert rest[0] in compose.services()["browser"].fields["profiles"]
        else:
            assert rest[0] in {"up", "ps", "build"}, words
    assert asked > 5


def test_what_is_built_are_targets_of_the_dockerfile() -> None:
    built = {words[words.index("--target") + 1] for words in page.commands("docker") if words[0] == "build"}
    assert built == {"christmas", "browser"} <= set(stages())


@pytest.mark.integration
def test_the_env_file_holds_what_compose_asks_for(tmp_path: Path) -> None:
    subprocess.run(["sh", "-euc", page.blocks("sh")["compose-env"]], cwd=tmp_path, check=True, timeout=60)
    path = tmp_path / ".env"
    found = dict(line.split("=", 1) for line in path.read_text().splitlines())
    assert set(found) == set(compose.ENV)
    assert path.stat().st_mode & 0o777 == 0o600
    for name, value in found.items():
        assert name == "CHRISTMAS__CONTACT_URL" or re.fullmatch(r"[0-9a-f]{64}", value)
    assert found["POSTGRES_PASSWORD"] != found["VALKEY_PASSWORD"]


def test_the_table_of_sizes_has_its_place() -> None:
    assert page.text().count("<!-- sizes -->\n") == page.text().count("<!-- /sizes -->\n") == 1
