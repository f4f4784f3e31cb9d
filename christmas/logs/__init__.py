"""JSON lines of every process, on stdout and in one capped stream in Redis.

``set_up`` is for services; a spider process has ``christmas.extensions.logs``, because Scrapy sets up its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from typing import TYPE_CHECKING

from christmas.logs import redaction
from christmas.logs.lines import TEXT_FORMAT, Context, JsonFormatter
from christmas.logs.stream import StreamHandler

if TYPE_CHECKING:
    from christmas.config import Config

__all__ = ["close", "own_name", "set_up"]


class OutputHandler(logging.StreamHandler):  # type: ignore[type-arg]  # generic for type checkers alone
    """Writes to stdout as it was when the service started: Twisted puts something of its own in its place."""

    def __init__(self) -> None:
        super().__init__(sys.stdout)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Say on stderr that a line could not be written; Twisted's own stderr would lead back here."""
        with contextlib.suppress(OSError):  # stderr is closed, too
            print(f"christmas: a log line could not be written: {sys.exception()}", file=sys.__stderr__)


def set_up(config: Config, *, service: str, node: str = "") -> None:
    """Send all that this process logs to stdout and to the stream, without secrets; once per service."""
    redaction.install(config)
    context = Context(service, node or own_name())
    output = OutputHandler()
    output.setFormatter(logging.Formatter(TEXT_FORMAT) if _for_people(config) else JsonFormatter(context))
    for handler in (output, StreamHandler(config, context)):
        logging.root.addHandler(handler)
    logging.root.setLevel(config.log_level)


def close() -> None:
    """Write the last lines of a service; for its end."""
    for handler in logging.root.handlers[:]:
        if isinstance(handler, StreamHandler):
            handler.finish()
            logging.root.removeHandler(handler)


def own_name() -> str:
    """Return the name of a process that is no node."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _for_people(config: Config) -> bool:
    return config.logs.format == "text" or (config.logs.format == "auto" and sys.stdout.isatty())
