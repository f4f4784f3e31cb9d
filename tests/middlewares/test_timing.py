"""Latency and time to first byte against servers whose delays are known, for Scrapy's own handler and for a browser."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import ssl
import subprocess
import sys
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
from tests.crawling import ROOT

pytestmark = pytest.mark.serial

FIRST_BYTE, BODY, TLS_ACCEPT = 0.2, 0.3, 0.25
REQUESTS = 8
SCRIPT = Path(__file__).with_name("timed_crawl.py")
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
    done = subprocess.run(
        [sys.executable, str(SCRIPT), url, str(count), how], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("how", HANDLERS)
def test_neither_contains_the_wait_for_a_turn(how: str) -> None:
    with server() as url:
        found = measured(url, how)
    assert found["requests"] == {"requests|200": REQUESTS}
    assert found["ttfb"] == pytest.approx(FIRST_BYTE, abs=0.02)
    assert found["latency"] == pytest.approx(FIRST_BYTE + BODY, abs=0.03)


@pytest.mark.parametrize("how", HANDLERS)
def test_a_slow_tls_accept_is_in_both(how: str, tmp_path: Path) -> None:
    with server(_certificate(tmp_path)) as url:
        found = measured(url, how, 4)
    assert found["ttfb"] == pytest.approx(TLS_ACCEPT + FIRST_BYTE, abs=0.05)
    assert found["latency"] == pytest.approx(TLS_ACCEPT + FIRST_BYTE + BODY, abs=0.06)


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
