"""docker-compose.yml as data, with its variables put in as compose does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from tests.container.image import ROOT

PATH = ROOT / "docker-compose.yml"
# ${NAME:?what to do where it is not set} and ${NAME:-default}; other forms are not used.
VARIABLE = re.compile(r"\$\{(\w+):([?-])([^}]+)\}")
# What .env holds; docs/deployment.md makes one.
ENV = {
    "POSTGRES_PASSWORD": "of-postgresql", "VALKEY_PASSWORD": "of-valkey",
    "CHRISTMAS__CONTACT_URL": "mailto:you@example.org",
}  # fmt: skip


@cache
def file() -> dict[str, Any]:
    """Return the file as it stands, merged where it says so."""
    found: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True, slots=True)
class Definition:
    """One service: ``command`` and ``environment`` as its process gets them."""

    name: str
    fields: dict[str, Any]

    @property
    def image(self) -> str:
        return str(self.fields["image"])

    @property
    def command(self) -> list[str]:
        return [put_in(word, ENV) for word in self.fields["command"]]

    @property
    def environment(self) -> dict[str, str]:
        return {name: put_in(value, ENV) for name, value in self.fields.get("environment", {}).items()}


def services() -> dict[str, Definition]:
    return {name: Definition(name, fields) for name, fields in file()["services"].items()}


def ours() -> dict[str, Definition]:
    """Return those that run an image of ours."""
    return {name: one for name, one in services().items() if one.image.startswith("christmas")}


def put_in(text: str, values: Mapping[str, str]) -> str:
    """Put variables into a text; ``$$`` is a dollar."""

    def value(found: re.Match[str]) -> str:
        return values.get(found[1], found[3]) if found[2] == "-" else values[found[1]]

    return VARIABLE.sub(value, text).replace("$$", "$")
