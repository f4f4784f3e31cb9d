"""``christmas server``."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from christmas import logs
from christmas.commands.common import UntilStdinCloses
from christmas.config import PREFIX, current
from christmas.server import service


def server(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port of the API and pages.")] = None,
    until_stdin_closes: UntilStdinCloses = False,
    descriptor: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the server: web pages, and the API at /api/v1."""
    if port is not None:
        os.environ[f"{PREFIX}SERVER__PORT"] = str(port)

    config = current()
    logs.set_up(config, service="server")
    try:
        service.run(config, watch_parent=until_stdin_closes, descriptor=descriptor)
    finally:
        logs.close()
