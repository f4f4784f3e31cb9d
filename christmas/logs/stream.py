"""The handler that sends a process's log lines to one capped stream in Redis, where ``christmas logs`` finds them.

``emit`` only puts a line into a list; a thread writes what is there twice a second. While Redis is down the newest
lines are kept back, so nothing here is an error, and nothing waits.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

from christmas import valkey
from christmas.errors import RedisUnavailable
from christmas.logs.lines import fields_of

if TYPE_CHECKING:
    from redis import Redis

    from christmas.config import Config
    from christmas.logs.lines import Context

logger = logging.getLogger(__name__)

STREAM = "christmas:logs"
EVERY_SECONDS = 0.5
# After a failure Redis is left alone for so long.
AWAY_SECONDS = 5.0
# What a process waits at its end for its last lines to be written.
END_SECONDS = 2.0
KEPT_BACK_MAX = 10_000
BATCH = 500
# Below a warning these say one thing for every request, or the same in every run, and would push out the rest.
CHATTY = {"twisted", "scrapy.addons", "scrapy.crawler", "scrapy.middleware"}


class StreamHandler(logging.Handler):
    """Sends lines to the stream; ``finish`` writes the last of them."""

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__()
        self.addFilter(lambda record: record.name not in CHATTY or record.levelno >= logging.WARNING)
        self.config = config
        self.context = context
        self.lines: deque[dict[str, str]] = deque()
        self.dropped = 0
        self.client: Redis | None = None
        self.away = False
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, name="logs", daemon=True)
        self.thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line for the thread; the oldest is dropped, and counted, where too many wait."""
        if record.thread == self.thread.ident and record.name != __name__:
            return  # what the writing itself logs would go round for ever
        self.lines.append(fields_of(record, self.context))
        self._drop_surplus()

    def finish(self) -> None:
        """Write what is left, unless Redis takes longer than ``END_SECONDS``, and end."""
        if not self.ended.is_set():
            self.ended.set()
            self.thread.join(END_SECONDS)
        super().close()

    def close(self) -> None:
        """End with the process; a server is not started for its last lines."""
        if self.client is None:
            self.lines.clear()
        self.finish()

    def _run(self) -> None:
        try:
            while not self.ended.wait(AWAY_SECONDS if self.away else EVERY_SECONDS):
                self._write()
            self._write()
        except RuntimeError:  # what Python raises where a process that is ending begins something
            if threading.main_thread().is_alive():
                raise
        if self.client is not None:
            self.client.close()

    def _write(self) -> None:
        if not self.lines:
            return
        from redis import RedisError  # not before there is something to write: it takes a tenth of a second

        while batch := self._taken():
            try:
                self._send(batch)
            except (RedisError, RedisUnavailable, OSError) as error:
                self._put_back(batch)
                if not self.away:
                    self.away = True
                    logger.warning("Log lines are kept back, %d at most, until Redis answers: %s", KEPT_BACK_MAX, error)
                return
            if self.away:
                self.away = False
                dropped, self.dropped = self.dropped, 0
                logger.warning("Redis answers again; %d log lines were dropped", dropped)

    def _send(self, batch: list[dict[str, str]]) -> None:
        if self.client is None:
            self.client = valkey.connect(self.config)
            atexit.register(self.close)  # behind the embedded server's, and so called before it is left
        with self.client.pipeline(transaction=True) as pipeline:
            for line in batch:
                fields = {name: text.encode("utf-8", "backslashreplace") for name, text in line.items()}
                pipeline.xadd(STREAM, fields, maxlen=self.config.logs.stream_max_lines, approximate=True)  # type: ignore[arg-type]
            pipeline.execute()

    def _taken(self) -> list[dict[str, str]]:
        self.acquire()
        try:
            return [self.lines.popleft() for _ in range(min(BATCH, len(self.lines)))]
        finally:
            self.release()

    def _put_back(self, batch: list[dict[str, str]]) -> None:
        self.acquire()
        try:
            self.lines.extendleft(reversed(batch))
            self._drop_surplus()
        finally:
            self.release()

    def _drop_surplus(self) -> None:
        while len(self.lines) > KEPT_BACK_MAX:
            self.lines.popleft()
            self.dropped += 1
