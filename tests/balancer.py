"""A small load balancer for tests: requests go to the servers that say they are ready, and none is tried twice."""

from __future__ import annotations

import http.client
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread

LOOK_SECONDS = 0.1
PASSED = ("authorization", "content-type", "cookie")


class Balancer:
    """Keeps connections to its servers, as a real one does; ``answered`` counts by the server's port."""

    def __init__(self) -> None:
        self.port = 0
        self.answered: Counter[int] = Counter()
        self._ready: dict[int, bool] = {}
        self._kept: dict[int, deque[http.client.HTTPConnection]] = {}
        self._turn = 0
        self._lock = Lock()

    def add(self, port: int) -> None:
        """Send requests to one more server, as soon as it is ready."""
        self._kept[port] = deque()
        self._ready[port] = False

    def remove(self, port: int) -> None:
        """Forget a server that has ended."""
        with self._lock:
            del self._ready[port]
            for connection in self._kept.pop(port):
                connection.close()

    def ready(self) -> list[int]:
        """Return the ports of those that get requests."""
        return [port for port, is_ready in list(self._ready.items()) if is_ready]

    def look(self) -> None:
        """Ask every server whether it is ready."""
        for port in list(self._ready):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            try:
                connection.request("GET", "/health/ready")
                is_ready = connection.getresponse().status == 200
            except OSError:
                is_ready = False
            finally:
                connection.close()
            with self._lock:
                if port in self._ready:
                    self._ready[port] = is_ready

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        """Return what the next server answers: status, media type, body. Raises what goes wrong on the way."""
        with self._lock:
            ready = self.ready()
            if not ready:
                raise ConnectionError("no server is ready")
            self._turn += 1
            port = ready[self._turn % len(ready)]
            kept = self._kept[port]
            connection = kept.pop() if kept else http.client.HTTPConnection("127.0.0.1", port, timeout=90)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.headers.get("Content-Type", ""), answer.read()
        with self._lock:
            self.answered[port] += 1
            if answer.will_close:
                connection.close()
            else:
                kept.append(connection)
        return found


@contextmanager
def balancing() -> Iterator[Balancer]:
    """Run a balancer without servers."""
    balancer = Balancer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() in PASSED}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                status, kind, content = balancer.send(self.command, self.path, headers, body)
            except (OSError, http.client.HTTPException) as error:
                status, kind, content = 502, "text/plain", repr(error).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    server, ended = Server(("127.0.0.1", 0), Handler), Event()
    balancer.port = server.server_address[1]

    def watch() -> None:
        while not ended.wait(LOOK_SECONDS):
            balancer.look()

    threads = [Thread(target=watch), Thread(target=server.serve_forever)]
    for thread in threads:
        thread.start()
    try:
        yield balancer
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        for thread in threads:
            thread.join()
        for port in list(balancer._kept):
            balancer.remove(port)
