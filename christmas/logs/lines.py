"""One line of the log: its fields, and how it looks on stdout."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

# Every line of the stream has all of them, and in this order: Redis then keeps their names once for many lines.
FIELDS = ("time", "level", "service", "node", "job", "vendor", "logger", "event", "traceback")
# Of a longer text the end is kept, where a traceback has its cause: so the stream's size has a bound.
TEXT_MAX = 8000
# What a shop's page says must not steer the terminal on which a line is read.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
TEXT_FORMAT = "%(asctime)s %(name)s %(levelname)s %(message)s"


@dataclass(frozen=True, slots=True)
class Context:
    """Whose lines they are; job and vendor are empty where the process works for many, and its records say which."""

    service: str
    node: str
    job: str = ""
    vendor: str = ""


class Job(Protocol):
    """What a line can be about."""

    @property
    def id(self) -> str:
        """Its ID."""

    @property
    def vendor(self) -> str | None:
        """Whose pages it reads."""


def about(job: Job) -> dict[str, str]:
    """Return the ``extra`` of a record about one job, in a process that works for many."""
    return {"job": job.id, "vendor": job.vendor or ""}


def fields_of(record: logging.LogRecord, context: Context) -> dict[str, str]:
    """Return a record's line by field, "" where there is nothing; the time is UTC, to the millisecond."""
    time = datetime.fromtimestamp(record.created, UTC)
    trace = [text for text in (record.exc_text, record.stack_info) if text]
    return {
        "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname,
        "service": context.service,
        "node": context.node,
        "job": str(getattr(record, "job", None) or context.job),
        "vendor": str(getattr(record, "vendor", None) or context.vendor),
        "logger": record.name,
        "event": _shortened(record.getMessage()),
        "traceback": _shortened("\n".join(trace)),
    }


def as_json(fields: dict[str, str]) -> str:
    """Return a line as a JSON object without its empty fields."""
    return json.dumps({name: text for name, text in fields.items() if text})


def as_text(fields: dict[str, str]) -> str:
    """Return a line for people: when, how bad, who, and about which vendor; a traceback follows on lines of its own."""
    about = " ".join(fields[name] for name in ("service", "node", "vendor") if fields[name])
    text = f"{fields['time'][:19].replace('T', ' ')} {fields['level']:<7} [{about}] {fields['event']}"
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", "\n".join(part for part in (text, fields["traceback"]) if part))


class JsonFormatter(logging.Formatter):
    """Makes JSON lines."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        return as_json(fields_of(record, self.context))


def _shortened(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"... {text[-TEXT_MAX:]}"
