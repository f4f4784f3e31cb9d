"""``christmas read``: what is read from a product page."""

from __future__ import annotations

import http.client
import json
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from christmas.catalog import kept_pages
from christmas.commands.common import TableOrJson, engine
from christmas.config import current
from christmas.db import database
from christmas.errors import ArgumentError, ChristmasError, ReadingError
from christmas.items import DECLARED, UNREAD, Kind
from christmas.platforms.known import all_marks
from christmas.reading.challenge import raise_if_challenge
from christmas.reading.facts import ProductFacts
from christmas.reading.money import format_amount
from christmas.reading.product import read_product_fully

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

FIELDS = (*(one.public_name for one in DECLARED if one.kind is not Kind.URL), "source")
_AMOUNTS = {one.public_name for one in DECLARED if one.kind is Kind.AMOUNT}
# No product page is larger; more would only fill the memory.
PAGE_MAX_BYTES = 8 * 2**20
TIMEOUT_SECONDS = 30


@dataclass
class Page:
    """One page to read: where it came from, its address, its bytes and declared encoding."""

    name: str
    url: str
    body: bytes
    encoding: str = "utf-8"


def read(
    pages: Annotated[list[str] | None, typer.Argument(help="Files or URLs of product pages.")] = None,
    kept: Annotated[
        list[int] | None, typer.Option(help="ID of a page kept by a run, from `christmas held --format json`.")
    ] = None,
    url: Annotated[str, typer.Option(help="The URL a file was saved from; it may contain the product key.")] = "",
    output: TableOrJson = "table",
) -> None:
    """Show what is read from a product page, without a database or Redis."""
    if not pages and not kept:
        raise ArgumentError("Name a file, a URL, or a kept page with --kept ID.")
    found = [kept_page(engine(), number) for number in kept or []]
    if not show([*(pages or []), *found], url, output):
        raise typer.Exit(1)


def kept_page(catalog: Engine, id_: int) -> Page:
    """Return a page that a run kept; raise PageUnavailable where there is none."""
    with database.read(catalog) as connection:
        found = kept_pages.get(connection, id_)
    if found is None:
        raise PageUnavailable(f"No page {id_} is kept; `christmas held --format json` names those of held changes.")
    about = f"{found.page.url}, kept by job {found.job_id} at {found.at:%Y-%m-%d %H:%M} UTC: {found.reason}"
    print(about, file=sys.stderr)  # noqa: T201
    return Page(f"kept page {id_}", found.page.url, found.page.body, found.page.encoding)


def show(sources: Sequence[str | Page], url: str, output: str) -> bool:
    """Read every page, a file, an address or one that was kept, and print it; False where one gave no product."""
    fine = True
    marks = all_marks()
    for source in sources:
        name = source if isinstance(source, str) else source.name
        shown: dict[str, Any] = {"file": name} if len(sources) > 1 else {}
        try:
            page = source if isinstance(source, Page) else _read(source, url)
            shown |= as_json(read_product_fully(page.body, page.url, page.encoding, marks))
        except (ReadingError, PageUnavailable) as error:
            fine = False
            shown = {"file": name, "error": {"type": type(error).__name__, "message": str(error)}}
        if output == "json":
            print(_line(shown))  # noqa: T201
        else:
            _table(name, shown)
    return fine


def _read(name: str, url: str) -> Page:
    return _fetch(name) if name.startswith(("http://", "https://")) else _open(name, url)


def as_json(facts: ProductFacts) -> dict[str, Any]:
    """Return the fields as JSON has them: prices as decimal strings, null where the page does not say."""
    shown: dict[str, Any] = {}
    for name in FIELDS:
        value = getattr(facts, name)
        if value is UNREAD or value is None:
            shown[name] = None
        elif name in _AMOUNTS:
            shown[name] = format_amount(value, facts.currency or None)
        else:
            shown[name] = getattr(value, "value", value)
    return shown | ({"disagreements": list(facts.disagreements)} if facts.disagreements else {})


class PageUnavailable(ChristmasError):
    """Raised when a page to read cannot be opened or fetched, from ``christmas read``."""


def _open(name: str, url: str) -> Page:
    path = Path(name)
    _check(url)
    try:
        if path.stat().st_size > PAGE_MAX_BYTES:
            raise PageUnavailable(f"{name} is larger than {PAGE_MAX_BYTES >> 20} MB; no product page is.")
        body = path.read_bytes()
    except OSError as error:
        raise PageUnavailable(f"{name} cannot be read: {error.strerror}.") from error
    return Page(name, url or path.absolute().as_uri(), body)


def _check(address: str) -> None:
    try:
        urlsplit(address)
    except ValueError as error:
        raise PageUnavailable(f"{address} is not a URL: {error}.") from error


def _fetch(address: str) -> Page:
    _check(address)
    request = urllib.request.Request(address, headers={"User-Agent": _user_agent(address)})  # noqa: S310  # http(s)
    # A shop on this machine is reached directly, whatever proxy the environment names.
    proxies = urllib.request.ProxyHandler({} if _is_local(address) else None)
    try:
        with urllib.request.build_opener(proxies).open(request, timeout=TIMEOUT_SECONDS) as response:
            body = response.read(PAGE_MAX_BYTES + 1)
            announced = int(response.headers.get("Content-Length") or len(body))
            page = Page(address, response.url, body, response.headers.get_content_charset() or "utf-8")
    except urllib.error.HTTPError as error:
        with error:
            raise_if_challenge(error.read(PAGE_MAX_BYTES), address, all_marks())
        raise PageUnavailable(f"{address} answered {error.code} {error.reason}.") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise PageUnavailable(f"{address} cannot be fetched: {getattr(error, 'reason', error)}.") from error
    if len(body) > PAGE_MAX_BYTES:
        raise PageUnavailable(f"{address} is larger than {PAGE_MAX_BYTES >> 20} MB; no product page is.")
    if len(body) < announced:
        raise PageUnavailable(f"{address} ended after {len(body)} of {announced} bytes.")
    return page


def _is_local(address: str) -> bool:
    return urlsplit(address).hostname in {"127.0.0.1", "localhost", "::1"}


def _user_agent(address: str) -> str:
    """Return our User-Agent; a shop on this machine needs no contact, nor a configuration with one."""
    if _is_local(address):
        return "christmas"
    contact = current().contact_url
    if not contact:
        raise PageUnavailable("Fetching a page needs a contact its owner can reach: set CHRISTMAS__CONTACT_URL.")
    return f"christmas (+{contact})"


def _line(shown: dict[str, Any]) -> str:
    """Write one object as JSON, with escapes where the screen or pipe cannot take its letters."""
    line = json.dumps(shown, ensure_ascii=False)
    try:
        line.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(shown)
    return line


def _table(name: str, shown: dict[str, Any]) -> None:
    if "error" in shown:
        print(f"{name}: {shown['error']['type']}: {shown['error']['message']}", file=sys.stderr)  # noqa: T201
        return
    table = Table("Field", "Value", title=Text(name), show_header=False)
    for field in (*FIELDS, "disagreements"):
        if field in shown:
            table.add_row(field, Text("-" if shown[field] is None else _words(shown[field])))
    Console().print(table)


def _words(value: Any) -> str:
    return "\n".join(value) if isinstance(value, list) else str(value)
