"""Sample shops over real HTTP on loopback: one port per shop, in a thread of their own."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from base64 import b64encode
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from christmas.demo import bigcommerce, shift4shop
from christmas.demo.drawings import drawing
from christmas.demo.faults import CHALLENGE, HUGE_BYTES
from christmas.demo.shops import KINDS, Hit, Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from christmas.demo.breakages import PageKind
    from christmas.demo.faults import Fault
    from christmas.demo.shops import Kind

_REASONS = {200: "OK", 302: "Found", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests", 503: "Unavailable"}
_TYPES = {"txt": "text/plain", "svg": "image/svg+xml"}
# How often delayed answers check whether they still have to wait.
LOOK_SECONDS = 0.05
_S4_LISTING = re.compile(r"/(\d{4})_c_\d+(?:-(\d+)-\d+)?\.html")
_S4_PRODUCT = re.compile(r"_p_(\d+)\.html")
_BC_LISTING = re.compile(r"/(\d{4})-hallmark-ornaments/")
_BC_PRODUCT = re.compile(r"/.*-(\d+)/")
_PHOTO = re.compile(r"/(?:images|thumb)/(years/)?(\d+)\.svg")


def page(shop: Shop, target: str) -> str | None:
    """Render a shop's page at a path, breakage included; None where it has none."""
    edit = shop.breakage.edits.get(_kind_of(shop, target)) if shop.breakage else None
    return edit(partial(_healthy_page, shop), target) if edit else _healthy_page(shop, target)


def _healthy_page(shop: Shop, target: str) -> str | None:
    parts = urlsplit(target)
    query = parse_qs(parts.query)
    if parts.path == "/robots.txt":
        return shop.robots
    if parts.path == "/sitemap.xml":
        return _sitemap(shop)
    if match := _PHOTO.fullmatch(parts.path):
        return _photo(shop, match[2], of_year=match[1] is not None)
    if parts.path == "/":
        return shift4shop.home(shop) if shop.kind.platform == "shift4shop" else bigcommerce.home(shop)
    if shop.kind.platform == "shift4shop":
        return _shift4shop(shop, parts.path, query)
    return _bigcommerce(shop, parts.path, query)


def _photo(shop: Shop, number: str, *, of_year: bool) -> str | None:
    """Draw an ornament by its key, or the first one of a year."""
    if not of_year:
        sold = shop.number_of_key(number)
        return None if sold is None else drawing(shop.ornament(sold))
    return drawing(shop.ornament(shop.numbers(int(number))[0])) if int(number) in shop.release_years() else None


def _kind_of(shop: Shop, target: str) -> PageKind:
    path = urlsplit(target).path
    listing, product = (_S4_LISTING, _S4_PRODUCT) if shop.kind.platform == "shift4shop" else (_BC_LISTING, _BC_PRODUCT)
    if path == shop.kind.year_index:
        return "index"
    if listing.fullmatch(path) or path == "/view_category.asp":
        return "listing"
    if product.search(path) or "itemid=" in target:
        return "product"
    kinds: dict[str, PageKind] = {"/": "home", "/robots.txt": "robots"}
    return kinds.get(path, "other")


def _shift4shop(shop: Shop, path: str, query: dict[str, list[str]]) -> str | None:
    if path == shop.kind.year_index:
        return shift4shop.year_index(shop)
    if match := _S4_LISTING.fullmatch(path):
        year = int(match[1])
        if year in shop.release_years():
            return shift4shop.listing(shop, year, int(match[2] or 1), "viewall" in query)
    if path == "/view_category.asp":
        wanted = {str(shift4shop.category(year)): year for year in shop.release_years()}
        year_asked = wanted.get(query.get("cat", [""])[0])
        return None if year_asked is None else shift4shop.listing(shop, year_asked, _page_asked(query), False)
    key = match[1] if (match := _S4_PRODUCT.search(path)) else query.get("itemid", [""])[0]
    number = shop.number_of_key(key)
    return None if number is None else _finished(shop, shift4shop.product(shop, shop.shown(number)))


def _page_asked(query: dict[str, list[str]]) -> int:
    text = query.get("page", ["1"])[0]
    return int(text) if text.isdigit() else 1


def _bigcommerce(shop: Shop, path: str, query: dict[str, list[str]]) -> str | None:
    if path == shop.kind.year_index:
        return bigcommerce.year_index(shop)
    if match := _BC_LISTING.fullmatch(path):
        year = int(match[1])
        return bigcommerce.listing(shop, year, _page_asked(query)) if year in shop.release_years() else None
    if match := _BC_PRODUCT.fullmatch(path):
        number = shop.number_of_key(str(shop.kind.first_key + int(match[1])))
        if number is not None and (offer := shop.shown(number)).path == path:
            return _finished(shop, bigcommerce.product(shop, offer))
    return None


def _finished(shop: Shop, text: str) -> str:
    if not shop.scripted:
        return text
    hidden = b64encode(text.encode()).decode()
    script = (
        f"const text = new TextDecoder().decode(Uint8Array.from(atob('{hidden}'), c => c.charCodeAt(0)));"
        "document.open(); document.write(text); document.close();"
    )
    return f"<!DOCTYPE html><html><head><title>Loading</title></head><body><script>{script}</script></body></html>"


def _sitemap(shop: Shop) -> str:
    links = "".join(f"<url><loc>{shop.base_url}{shop.offer(number).path}</loc></url>\n" for number in shop.numbers())
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{links}</urlset>'


class DemoServer:
    """The sample shops: ``with DemoServer(size=300) as server: server.shops["ornament_shop_com"].base_url``."""

    def __init__(
        self, size: int = 300, seed: int = 1973, per_page: int = 12, kinds: Sequence[Kind] = KINDS
    ) -> None:  # fmt: skip
        self.shops = {kind.vendor: Shop(kind, size, seed, per_page) for kind in kinds}
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Transport] = set()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sample shops", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *exception: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        for shop in self.shops.values():
            connect = partial(_Connection, shop, self._connections)
            server = await self._loop.create_server(connect, "127.0.0.1", 0)
            self._servers.append(server)
            shop.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for transport in list(self._connections):
            transport.abort()
        await asyncio.sleep(0)  # the transports say goodbye to their protocols


class _Connection(asyncio.Protocol):
    """One client: requests without a body, answered one after the other on a kept-alive connection."""

    def __init__(self, shop: Shop, connections: set[asyncio.Transport]) -> None:
        self.shop = shop
        self.connections = connections
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # a stream server's kind
        self.transport = transport
        self.connections.add(transport)
        self.shop.connections += 1
        self.number = self.shop.connections
        self.in_flight = 0

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self.transport)
        self.shop.in_flight -= self.in_flight

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            self.in_flight += 1
            self.shop.in_flight += 1
            self.shop.in_flight_max = max(self.shop.in_flight_max, self.shop.in_flight)
            self.shop.asked += 1
            self._answer(head.decode("latin-1"))

    def _answer(self, head: str) -> None:
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        agent = headers.get("user-agent", "")
        fault = self.shop.take_fault(target) or self._fault_of_breakage(target)
        if fault is not None:
            self._misbehave(fault, target, agent)
            return
        text = page(self.shop, target)
        status = 404 if text is None else 200
        body = (text if text is not None else "<html><body><h1>Page not found</h1></body></html>").encode()
        kind = _TYPES.get(target.rpartition(".")[2] if text is not None else "", "text/html; charset=utf-8")
        send = partial(self._send, status, b"" if method == "HEAD" else body, target, agent)
        send = partial(send, {"Content-Type": kind}, length=len(body))
        if delay_seconds := self.shop.delay_seconds * (self.shop.breakage.delay_factor if self.shop.breakage else 1):
            asyncio.get_running_loop().call_later(delay_seconds, self._when_open, send)
        else:
            self._when_open(send)

    def _when_open(self, send: Callable[[], None]) -> None:
        if self.shop.waits:
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._when_open, send)
        else:
            send()

    def _fault_of_breakage(self, target: str) -> Fault | None:
        breakage = self.shop.breakage
        if breakage is None or not breakage.faults or self.shop.asked % breakage.one_in:
            return None
        return breakage.faults.get(_kind_of(self.shop, target))

    def _misbehave(self, fault: Fault, target: str, agent: str) -> None:
        body = (page(self.shop, target) or "").encode()
        loop = asyncio.get_running_loop()
        if fault.kind == "status":
            self._send(fault.status or 500, b"<html><body>Try again later</body></html>", target, agent, fault.headers)
        elif fault.kind == "slow":
            loop.call_later(fault.seconds, self._send, 200, body, target, agent)
        elif fault.kind == "slow_body":
            half = len(body) // 2
            self._send(200, body[:half], target, agent, length=len(body))
            loop.call_later(fault.seconds, self.transport.write, body[half:])
        elif fault.kind == "truncated":
            self._send(200, body[: len(body) // 2], target, agent, length=len(body))
            self.transport.close()
        elif fault.kind == "challenge":
            self._send(fault.status or 403, CHALLENGE, target, agent)
        elif fault.kind == "huge":
            self._send(200, b"<html><body>" + b"x" * (HUGE_BYTES - 12), target, agent)
        elif fault.kind == "charset":
            declared = {"Content-Type": "text/html; charset=utf-16"}
            self._send(200, body.decode().encode("cp1252", "replace"), target, agent, declared)
        elif fault.kind == "elsewhere":
            self._send(302, b"", target, agent, {"Location": "http://other-shop.invalid/"})
        else:
            self._send(200, {"empty": b"", "binary": bytes(range(256)) * 64}[fault.kind], target, agent)

    def _send(
        self,
        status: int,
        body: bytes,
        target: str,
        agent: str,
        headers: dict[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        if self.transport.is_closing():
            return
        self.in_flight -= 1
        self.shop.in_flight -= 1
        self.shop.requests.append(Hit(time.monotonic(), target, status, agent, self.number))
        fields = {"Content-Type": "text/html; charset=utf-8", **(headers or {})}
        fields["Content-Length"] = str(len(body) if length is None else length)
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        start = f"HTTP/1.1 {status} {_REASONS.get(status, 'Error')}\r\n{lines}\r\n".encode("latin-1")
        self.transport.write(start + body)
