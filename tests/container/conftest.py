"""The image, built once for the tests of a file, and a way to PostgreSQL over TCP."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.container.image import Image, needs_boxes


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the image's files are."""
    needs_boxes()
    image = Image(tmp_path_factory.mktemp("image"))
    image.build()
    return image.folder


@pytest.fixture
def image(built: Path) -> Iterator[Image]:
    """Provide the image; what is started from it is ended."""
    image = Image(built)
    yield image
    image.close()


class Relay(socketserver.ThreadingTCPServer):
    """A port of loopback that leads to a Unix socket: the tests' PostgreSQL listens on nothing else."""

    daemon_threads = True
    path = ""


class Relayed(socketserver.BaseRequestHandler):
    """One connection, both ways."""

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as far:
            far.connect(self.server.path)  # type: ignore[attr-defined]
            back = threading.Thread(target=_pass_on, args=(far, self.request), daemon=True)
            back.start()
            _pass_on(self.request, far)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while read := source.recv(65536):
            target.sendall(read)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # the one or the other has gone: both go
        for one in (source, target):
            one.close()


@pytest.fixture
def postgresql_url(new_postgresql: Callable[[], str]) -> Iterator[str]:
    """Provide the URL of an empty database, as somebody reaches it who does not see this machine's files."""
    url = urlsplit(new_postgresql())
    with Relay(("127.0.0.1", 0), Relayed) as relay:
        relay.path = f"{parse_qs(url.query)['host'][0]}/.s.PGSQL.5432"
        thread = threading.Thread(target=relay.serve_forever, daemon=True)
        thread.start()
        address: Any = relay.server_address
        yield f"postgresql://postgres:x@127.0.0.1:{address[1]}{url.path}"
        relay.shutdown()
