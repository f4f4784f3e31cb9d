"""The Dockerfile says what it should, and everything that it names exists."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from importlib.util import find_spec
from pathlib import PurePosixPath

import pytest
import typer

from christmas import cli
from christmas.config import Config
from tests.container.image import HOME, ROOT, stages, tracked, variables

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IGNORED = [
    line
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
IMAGES = ("christmas", "browser")


def ignored(path: str) -> bool:
    """Return whether a file stays out of a build: the last pattern that fits it or a folder above it decides."""
    parts = PurePosixPath(path).parts
    above = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    out = False
    for pattern in IGNORED:
        words = re.escape(pattern.removeprefix("!")).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(words, one) for one in above):
            out = not pattern.startswith("!")
    return out


def commands() -> set[str]:
    """Return the commands of `christmas`."""
    return set(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]


def test_there_are_a_build_stage_and_two_images() -> None:
    assert list(stages()) == ["build", *IMAGES]
    assert stages()["browser"].base == "christmas"


def test_the_base_is_pinned_and_has_a_python_that_christmas_supports() -> None:
    base = stages()["christmas"].base
    assert base == stages()["build"].base
    found = re.fullmatch(r"python:(\d+\.\d+)\.\d+-slim-bookworm", base)
    assert found, base
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert found[1] in {"3.11", "3.12", "3.13"}
    [compiled] = [text for text in stages()["christmas"].texts("RUN") if "compileall" in text]
    assert f"/usr/local/lib/python{found[1]} " in compiled


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_runs_as_a_user_without_rights(name: str) -> None:
    assert stages()[name].texts("USER")[-1] == "10001:10001"
    after = [word for word, _ in stages()[name].steps]
    assert "RUN" not in after[len(after) - after[::-1].index("USER") :]
    [made] = [text for text in stages()["christmas"].texts("RUN") if "useradd" in text]
    assert "--gid 10001 christmas" in made
    assert f"--uid 10001 --gid christmas --home-dir {HOME} " in made


def test_one_folder_belongs_to_the_user() -> None:
    [made] = [text for text in stages()["christmas"].texts("RUN") if "useradd" in text]
    [folder] = re.findall(r"install --directory --owner=christmas --group=christmas --mode=0700 (\S+)", made)
    assert folder == variables()["CHRISTMAS__VAR_PATH"]
    assert not any(word in text for text in stages()["christmas"].texts("COPY") for word in ("--chown", "--chmod"))


@pytest.mark.integration
@pytest.mark.parametrize("name", ["build", *IMAGES])
def test_everything_that_is_copied_is_part_of_the_project_and_gets_into_the_build(name: str) -> None:
    for source in stages()[name].copied:
        assert tracked(source), source
        assert not ignored(source), source
        assert not [file for file in tracked(source) if ignored(file)], source


def test_what_is_copied_from_the_build_stage_is_made_there() -> None:
    [text] = [text for text in stages()["christmas"].texts("COPY") if text.startswith("--from")]
    stage, made, place = shlex.split(text)
    assert stage == "--from=build"
    assert f"python -m venv --without-pip {made}" in stages()["build"].texts("RUN")
    assert made == place  # the scripts of a virtual environment name it
    assert variables()["PATH"].startswith(f"{place}/bin:")


@pytest.mark.parametrize(
    "path",
    [
        ".env", ".git/config", "var/christmas.db", "var/keys/server.key", "server.key", "config/test.json",
        "christmas/server.key", "christmas/.env", "christmas/__pycache__/cli.pyc", "spiders/old.pyc", "tests/farm.py",
        ".venv/bin/python", "docker-compose.yml", "README.md.key", "bench.json",
    ],
)  # fmt: skip
def test_nothing_private_gets_into_a_build(path: str) -> None:
    assert ignored(path)


def test_a_build_gets_nothing_that_it_does_not_copy() -> None:
    assert IGNORED[0] == "*"
    copied = {source.rstrip("/") for name in stages() for source in stages()[name].copied}
    assert {pattern[1:] for pattern in IGNORED if pattern.startswith("!")} == copied


def test_everything_is_a_package_of_the_wheel() -> None:
    """What setuptools is told to find is copied, so that nothing is missing from the image."""
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    wanted = {name.rstrip("*") for name in setuptools["packages"]["find"]["include"]}
    wanted |= {f"{name}.py" for name in setuptools["py-modules"]}
    wanted |= {"pyproject.toml", "setup.py", PROJECT["readme"], *PROJECT["license-files"]}
    assert wanted | {"requirements.lock"} == set(stages()["build"].copied)


@pytest.mark.parametrize("name", IMAGES)
def test_the_variables_are_keys_of_the_configuration(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in variables(name).items():
        monkeypatch.setenv(variable, value)
    config = Config()
    sections = (config.node, config.server, config.scheduler)
    assert [section.bind_address for section in sections] == ["0.0.0.0"] * 3
    exposed = [int(port) for port in stages()["christmas"].texts("EXPOSE")[0].split()]
    assert [section.port for section in sections] == [exposed[0], exposed[1], exposed[2]] == [6800, 8000, 8001]
    assert config.logs.format == "json"
    assert config.access.key == config.database.url == config.redis.url == ""
    assert (config.browser_path == "") == (name == "christmas")


def test_the_commands_exist() -> None:
    image = stages()["christmas"]
    assert json.loads(image.texts("ENTRYPOINT")[0]) == [*PROJECT["scripts"]] == ["christmas"]
    assert json.loads(image.texts("CMD")[0]) == ["--help"]
    options, _, check = image.texts("HEALTHCHECK")[0].partition("CMD ")
    assert "--timeout=15s" in options
    assert json.loads(check) == ["python", "-m", "christmas.health.check"]
    assert find_spec("christmas.health.check")
    assert json.loads(stages()["browser"].texts("ENTRYPOINT")[0]) == ["tini", "--", "christmas"]
    installed = " ".join(stages()["browser"].texts("RUN"))
    for package in ("chromium", "fonts-liberation", "tini"):
        assert f" {package} " in installed
    assert variables("browser")["CHRISTMAS__BROWSER_PATH"] == "/usr/bin/chromium"


def test_the_labels_are_true() -> None:
    labels = dict(pair.split("=", 1) for text in stages()["christmas"].texts("LABEL") for pair in shlex.split(text))
    told = {name.rpartition(".")[2]: value for name, value in labels.items() if name.startswith("org.opencontainers.")}
    assert told.pop("name") == f"docker.io/library/{stages()['christmas'].base}"
    assert told == {
        "title": PROJECT["name"],
        "description": PROJECT["description"].rstrip("."),
        "version": PROJECT["version"],
        "licenses": PROJECT["license"],
    }
