"""``christmas node``."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from christmas.commands.common import UntilStdinCloses
from christmas.config import PREFIX
from christmas.node import service


def node(
    consumers: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated consumers whose jobs to run: integrator, integrator.browser, auditor; default all."
        ),
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port of Scrapyd's API.")] = None,
    name: Annotated[str | None, typer.Option(help="The name of the node.")] = None,
    until_stdin_closes: UntilStdinCloses = False,
) -> None:
    """Run a node: Scrapyd with the jobs table as its queue. Ctrl-C releases running jobs."""
    chosen = {"PORT": port, "NAME": name, "CONSUMERS": _listed(consumers)}
    for key, value in chosen.items():
        if value is not None:
            os.environ[f"{PREFIX}NODE__{key}"] = str(value)

    service.run(watch_parent=until_stdin_closes)


def _listed(text: str | None) -> str | None:
    return None if text is None else json.dumps([part.strip() for part in text.split(",") if part.strip()])
