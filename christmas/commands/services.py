"""``christmas node``, ``scheduler``, ``server``, ``up`` and ``sign-in``."""

from __future__ import annotations

import logging
import os
import signal
import threading
from datetime import UTC, datetime
from typing import Annotated

import typer

from christmas import config as configuration
from christmas import logs
from christmas.health.parent import watch
from christmas.logs.lines import JsonFormatter, as_json

Consumers = Annotated[
    str | None, typer.Option(help="Whose jobs to take: integrator, integrator.browser, auditor; all unless told.")
]
# Of `christmas up`: its services end when it dies, however it dies.
Leash = Annotated[bool, typer.Option("--until-stdin-closes", hidden=True)]


def node(
    consumers: Consumers = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port of Scrapyd's API.")] = None,
    name: Annotated[str | None, typer.Option(help="How the node calls itself.")] = None,
    leash: Leash = False,
) -> None:
    """Run a node: Scrapyd with the jobs table as its queue, and keys. Ctrl-C hands running jobs back."""
    chosen = {"PORT": port, "NAME": name, "CONSUMERS": _listed(consumers)}
    for key, value in chosen.items():
        if value is not None:
            os.environ[f"{configuration.PREFIX}NODE__{key}"] = str(value)
    from christmas.node import service

    service.run(leash=leash)


def scheduler(leash: Leash = False) -> None:
    """Run the scheduler; as many as you like may run, each firing happens once."""
    from christmas.scheduler import service

    config = configuration.current()
    logs.set_up(config, service="scheduler")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if leash:
        watch(stop.set)
    try:
        service.run(config, stop)
    finally:
        logs.close()


def server(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port of API and pages.")] = None,
    leash: Leash = False,
    descriptor: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the server: the API under /api/v1 and the web pages."""
    if port is not None:
        os.environ[f"{configuration.PREFIX}SERVER__PORT"] = str(port)
    from christmas.server import service

    config = configuration.current()
    logs.set_up(config, service="server")
    try:
        service.run(config, leash=leash, descriptor=descriptor)
    finally:
        logs.close()


def up(
    once: Annotated[bool, typer.Option("--check", help="Start everything, see that it answers, and stop.")] = False,
) -> None:
    """Run everything on this machine: Valkey, a node for all consumers, scheduler, server. Ctrl-C stops it all."""
    from christmas.commands import up as services

    config = configuration.current()
    logs.set_up(config, service="up")
    try:
        services.run(config, tell, check_only=once)
    finally:
        logs.close()


def sign_in(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The server's, where it is not server.port.")
    ] = None,
) -> None:
    """Print a link that signs in once, as the operator of this machine; it works for 15 minutes."""
    if port is not None:
        os.environ[f"{configuration.PREFIX}SERVER__PORT"] = str(port)
    from christmas.commands import up as services
    from christmas.commands.common import engine

    address = services.server_address(configuration.current())
    typer.echo(services.sign_in_link(engine(), address))


def tell(text: str) -> None:
    """Print what is in no log, as a line like those of the log around it."""
    if any(isinstance(handler.formatter, JsonFormatter) for handler in logging.root.handlers):
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = as_json({"time": now, "level": "INFO", "service": "up", "event": text})
    typer.echo(text)


def _listed(text: str | None) -> str | None:
    import json

    return None if text is None else json.dumps([part.strip() for part in text.split(",") if part.strip()])
