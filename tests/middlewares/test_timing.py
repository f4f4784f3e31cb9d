"""Latency and time to first byte against servers whose delays are known, for Scrapy's own handler and for a browser."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from christmas.middlewares.timing import outcome_of
from christmas.platforms.browser import find_browser
from tests import warm

pytestmark = pytest.mark.integration

FIRST_BYTE, BODY, TLS_ACCEPT = 0.3, 1.5, 1.2
# Less than any of what must not be in a measurement, more than a busy machine takes.
SLACK = 1.0
REQUESTS = 3
HANDLERS = [
    "http",
    pytest.param(
        "browser", marks=pytest.mark.skipif(not find_browser(""), reason="needs Chromium: apt install chromium")
    ),
]


class Slow(socketserver.BaseRequestHandler):
    """Answers one request with known delays."""

    def handle(self) -> None:
        connection: socket.socket = self.request
        context = self.server.context  # type: ignore[attr-defined]  # set below
        with contextlib.suppress(OSError):  # Chromium opens connections that it does not use
            if context is not None:
                time.sleep(TLS_ACCEPT)
                connection = context.wrap_socket(connection, server_side=True)
            asked = b""
            while not asked.endswith(b"\r\n\r\n"):
                received = connection.recv(4096)
                if not received:
                    return
                asked += received
            body = b"<html><body>" + b"x" * 3000 + b"</body></html>"
            time.sleep(FIRST_BYTE)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            connection.sendall(head % len(body) + body[:1500])
            time.sleep(BODY)
            connection.sendall(body[1500:])
            connection.close()


def _certificate(folder: Path) -> ssl.SSLContext:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ) + certificate.public_bytes(serialization.Encoding.PEM)
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@contextmanager
def server(context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run a server with known delays, a thread for each connection; gives its address."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slow) as listener:
        listener.context = context  # type: ignore[attr-defined]
        listener.daemon_threads = True
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        try:
            yield f"http{'s' if context else ''}://127.0.0.1:{listener.server_address[1]}"
        finally:
            listener.shutdown()
            thread.join()


def measured(url: str, how: str, count: int = REQUESTS) -> dict[str, Any]:
    done = warm.run("tests.middlewares.timed_crawl", url, str(count), how, environment=os.environ)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def is_about(seconds: float, wanted: float) -> bool:
    """Say whether a measurement is what it should be; a histogram knows it to five percent."""
    return 0.95 * wanted <= seconds < 1.05 * wanted + SLACK


@pytest.mark.parametrize("how", HANDLERS)
def test_neither_contains_the_wait_for_a_turn(how: str) -> None:
    with server() as url:
        found = measured(url, how)
    assert found["requests"] == {"requests|200": REQUESTS}
    assert is_about(found["ttfb"], FIRST_BYTE)
    assert is_about(found["latency"], FIRST_BYTE + BODY)


@pytest.mark.parametrize("how", HANDLERS)
def test_a_slow_tls_accept_is_in_both(how: str, tmp_path: Path) -> None:
    with server(_certificate(tmp_path)) as url:
        found = measured(url, how, 1)
    assert is_about(found["ttfb"], TLS_ACCEPT + FIRST_BYTE)
    assert is_about(found["latency"], TLS_ACCEPT + FIRST_BYTE + BODY)


def test_what_gave_no_answer_is_counted_by_its_cause() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = measured(f"http://127.0.0.1:{port}", "http", 1)
    assert found == {"ttfb": None, "latency": None, "requests": {"requests|unreachable": 1}}


def test_each_failure_has_a_name() -> None:
    from scrapy import exceptions

    kinds = {
        exceptions.DownloadTimeoutError(): "timeout",
        exceptions.ResponseDataLossError(): "cut",
        exceptions.DownloadConnectionRefusedError(): "unreachable",
        exceptions.DownloadFailedError("tlsv1 alert"): "tls",
        exceptions.DownloadFailedError("lost"): "other",
    }
    assert {error: outcome_of(error) for error in kinds} == kinds
