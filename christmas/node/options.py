"""What the node's parts share: the configuration, the database, the node's name, where logs and eggs are kept."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from christmas import config, logs
from christmas.access import bootstrap
from christmas.db import database
from christmas.errors import ConfigurationError
from christmas.policy import rules

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from christmas.config import Config

SERVICE = "integrator"
SLOTS_PER_PROCESSOR = 2
ALL = "all"


@dataclass(frozen=True)
class Options:
    """The configuration as a node reads it."""

    config: Config

    @cached_property
    def engine(self) -> Engine:
        """Return the catalog's engine."""
        return database.get_engine(self.config)

    @cached_property
    def name(self) -> str:
        """Return the node's name, which is different for every node."""
        return self.config.node.name or f"{socket.gethostname()}:{self.config.node.port}"

    @property
    def slots(self) -> int:
        """Return how many runs there are at the same time."""
        return self.config.node.slots or SLOTS_PER_PROCESSOR * (os.cpu_count() or 1)

    @property
    def consumers(self) -> list[str] | None:
        """Return whose jobs the node takes; None for everybody's."""
        chosen = self.config.node.consumers
        return None if ALL in chosen else list(chosen)

    @property
    def logs(self) -> Path:
        """Return the folder of the runs' log files."""
        return self.config.var_path / "logs"

    @property
    def eggs(self) -> Path:
        """Return the folder that eggs are unpacked into for the spider processes."""
        return self.config.var_path / "eggs"


@cache
def current() -> Options:
    """Return the options of this process, prepared at the first call; raise ChristmasError where it cannot start.

    With them its log is set up, whose lines have the node's name.
    """
    chosen = config.current()
    check_consumers(chosen)
    if not chosen.node.port:  # chosen here once: the node's name holds it
        node = chosen.node.model_copy(update={"port": _free_port(chosen.node.bind_address)})
        chosen = chosen.model_copy(update={"node": node})
    logs.set_up(chosen, service="node", node=Options(chosen).name)
    return Options(bootstrap.prepare(chosen, SERVICE))


def check_consumers(config: Config) -> None:
    """Refuse a consumer that no job can have, or that has no rights in the policy."""
    prefix = f"{rules.SPIDER}:"
    subjects = rules.load(config).subjects()
    known = [ALL, *(name.removeprefix(prefix) for name in subjects if name.startswith(prefix))]
    for name in config.node.consumers or [""]:
        if name not in known:
            raise ConfigurationError(f"There is no consumer {name!r} (node.consumers); there are {', '.join(known)}.")


def _free_port(address: str) -> int:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        return int(listener.getsockname()[1])
