"""HTTP as uvicorn speaks it, with a limit on how long the head of a request may become."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Of its lines before the body; proxies allow 8 to 64 KB. What comes in one piece, up to 256 KB, is not counted.
HEAD_MAX_BYTES = 64 * 2**10
_BODY = b"The head of the request is too large."
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_BODY)
) + _BODY


class BoundedProtocol(HttpToolsProtocol):
    """Answers 431 and closes, where uvicorn keeps whatever comes before the body."""

    head_bytes = 0
    in_head = True

    def data_received(self, data: bytes) -> None:
        """Take the next piece of what the client sends."""
        if self.in_head and self.head_bytes > HEAD_MAX_BYTES:
            self.transport.write(TOO_LARGE)
            self.transport.close()
            return
        self.head_bytes += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        self.in_head, self.head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the head is over."""
        self.in_head = False
        super().on_headers_complete()
