"""Reading the stream: the newest lines of a job, vendor or level, and those that come."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from christmas.errors import RedisUnavailable
from christmas.logs.lines import FIELDS
from christmas.logs.stream import STREAM

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from redis import Redis

CHUNK = 1000
CHUNKS = 20
BLOCK_SECONDS = 1.0
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_NUMBERS = logging.getLevelNamesMapping()
# Before every line that there is.
BEGINNING = "0-0"

Line = dict[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines: of these jobs, of a vendor, at least of a level, not older than ``since``; all where None."""

    jobs: Collection[str] | None = None
    vendor: str | None = None
    level: str | None = None
    since: datetime | None = None

    def has(self, line: Line) -> bool:
        """Return whether a line is one of them; ``since`` is not looked at."""
        return (
            (self.jobs is None or line["job"] in self.jobs)
            and (self.vendor is None or line["vendor"] == self.vendor)
            and (self.level is None or _NUMBERS.get(line["level"], 0) >= _NUMBERS[self.level])
        )


def newest_id(client: Redis) -> str:
    """Return the ID of the newest line; ``BEGINNING`` where there is none. Raise RedisUnavailable."""
    with _answering():
        found = cast("list[Any]", client.xrevrange(STREAM, count=1))
    return found[0][0].decode() if found else BEGINNING


def read(client: Redis, wanted: Wanted, *, limit: int, until: str = "+") -> list[Line]:
    """Return the newest lines up to an ID, at most ``limit``, the newest last; raise RedisUnavailable.

    It reads the whole stream where fewer are wanted; ``before`` is for answers that must not take long.
    """
    found: list[Line] = []
    reached: str | None = until
    while reached is not None and len(found) < limit:
        some, position = before(client, wanted, limit=limit - len(found), until=reached)
        found = some + found
        reached = None if position is None else f"({position}"
    return found


def before(client: Redis, wanted: Wanted, *, limit: int, until: str = "+") -> tuple[list[Line], str | None]:
    """Return the newest lines up to an ID, ``(ID`` for those before it, the newest last, and before which ID to go on.

    At most ``limit`` lines, of at most ``CHUNKS`` chunks of the stream; None where there are no earlier ones. Raises
    RedisUnavailable.
    """
    if until.startswith("(") and not any(int(part) for part in until[1:].split("-")):
        return [], None  # nothing is before all lines, and Redis refuses the bound
    found: list[Line] = []
    first = "-" if wanted.since is None else str(int(wanted.since.timestamp() * 1000))
    for _ in range(CHUNKS):
        with _answering():
            chunk = cast("list[Any]", client.xrevrange(STREAM, until, first, count=CHUNK))
        for number, fields in chunk:
            line = _line(fields)
            if wanted.has(line):
                found.append(line)
            if len(found) == limit:
                return found[::-1], number.decode()
        if len(chunk) < CHUNK:
            return found[::-1], None
        until = f"({chunk[-1][0].decode()}"
    return found[::-1], until.removeprefix("(")


def after(client: Redis, wanted: Wanted, position: str, *, limit: int) -> tuple[list[Line], str]:
    """Return what has come after an ID, the oldest first, and the ID to go on from; raise RedisUnavailable.

    At most ``limit`` lines, of at most ``CHUNKS`` chunks of the stream: an answer never takes long.
    """
    found: list[Line] = []
    for _ in range(CHUNKS):
        with _answering():
            chunk = cast("list[Any]", client.xrange(STREAM, f"({position}", count=CHUNK))
        for number, fields in chunk:
            position = number.decode()
            line = _line(fields)
            if wanted.has(line):
                found.append(line)
            if len(found) == limit:
                return found, position
        if len(chunk) < CHUNK:
            break
    return found, position


def follow(client: Redis, after: str) -> Iterator[list[Line]]:
    """Yield all lines after an ID as they come, [] after each second without; raise RedisUnavailable."""
    while True:
        with _answering():
            answer = cast("list[Any]", client.xread({STREAM: after}, count=CHUNK, block=int(BLOCK_SECONDS * 1000)))
        chunk = answer[0][1] if answer else []
        if chunk:
            after = chunk[-1][0].decode()
        yield [_line(fields) for _, fields in chunk]


def _line(fields: dict[bytes, bytes]) -> Line:
    found = {name.decode(): text.decode("utf-8", "replace") for name, text in fields.items()}
    return {name: found.get(name, "") for name in FIELDS}


@contextmanager
def _answering() -> Iterator[None]:
    from redis import RedisError

    try:
        yield
    except (RedisError, OSError) as error:
        raise RedisUnavailable(f"Redis has stopped answering: {error}. The logs are there when it is back.") from error
