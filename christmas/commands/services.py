"""``christmas node``, ``scheduler`` and ``up``."""

from __future__ import annotations

import os
import signal
import threading
from typing import Annotated

import typer

from christmas import config as configuration
from christmas import logs
from christmas.leash import watch

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


def up(
    once: Annotated[bool, typer.Option("--check", help="Start everything, see that it answers, and stop.")] = False,
) -> None:
    """Run everything on this machine: Valkey, a node for all consumers, the scheduler. Ctrl-C stops it all."""
    from christmas import services

    config = configuration.current()
    logs.set_up(config, service="up")
    try:
        services.run(config, check_only=once)
    finally:
        logs.close()


def _listed(text: str | None) -> str | None:
    import json

    return None if text is None else json.dumps([part.strip() for part in text.split(",") if part.strip()])
