"""``christmas read``: what the readers read from any page."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from christmas import config as configuration
from christmas.errors import ChristmasError, ReadingError
from christmas.items import UNREAD
from christmas.reading.facts import ProductFacts
from christmas.reading.money import format_amount
from christmas.reading.product import read_product_fully

FIELDS = (
    "name", "sku", "gtin", "brand", "price", "price_min", "price_max", "list_price", "currency", "availability",
    "release_year", "series", "series_number", "box", "source",
)  # fmt: skip
_AMOUNTS = {"price", "price_min", "price_max", "list_price"}
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


def show(names: list[str], url: str, output: str) -> bool:
    """Read every page and print it; False where any of them gave no product."""
    fine = True
    for name in names:
        shown: dict[str, Any] = {"file": name} if len(names) > 1 else {}
        try:
            page = _fetch(name) if name.startswith(("http://", "https://")) else _open(name, url)
            shown |= as_json(read_product_fully(page.body, page.url, page.encoding))
        except (ReadingError, PageUnavailable) as error:
            fine = False
            shown = {"file": name, "error": {"type": type(error).__name__, "message": str(error)}}
        if output == "json":
            print(json.dumps(shown, ensure_ascii=False))  # noqa: T201
        else:
            _table(name, shown)
    return fine


def as_json(facts: ProductFacts) -> dict[str, Any]:
    """Give the fields as JSON has them: prices as decimal strings, null where the page does not say."""
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
    try:
        if path.stat().st_size > PAGE_MAX_BYTES:
            raise PageUnavailable(f"{name} is larger than {PAGE_MAX_BYTES >> 20} MB; no product page is.")
        body = path.read_bytes()
    except OSError as error:
        raise PageUnavailable(f"{name} cannot be read: {error.strerror}.") from error
    return Page(name, url or path.absolute().as_uri(), body)


def _fetch(address: str) -> Page:
    contact = configuration.current().contact_url
    if urlsplit(address).hostname not in {"127.0.0.1", "localhost", "::1"} and not contact:
        raise ChristmasError("Fetching a page needs a contact its owner can reach: set CHRISTMAS__CONTACT_URL.")
    agent = f"christmas (+{contact})" if contact else "christmas"
    request = urllib.request.Request(address, headers={"User-Agent": agent})  # noqa: S310  # http(s) only, see show
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            body = response.read(PAGE_MAX_BYTES + 1)
            encoding = response.headers.get_content_charset() or "utf-8"
            final = response.url
    except urllib.error.HTTPError as error:
        with error:
            body, encoding, final = error.read(PAGE_MAX_BYTES), "utf-8", address
            status = error.code
        from christmas.reading.challenge import raise_if_challenge

        raise_if_challenge(body, address)
        raise PageUnavailable(f"{address} answered {status}.") from error
    except (OSError, ValueError) as error:
        raise PageUnavailable(f"{address} cannot be fetched: {getattr(error, 'reason', error)}.") from error
    if len(body) > PAGE_MAX_BYTES:
        raise PageUnavailable(f"{address} is larger than {PAGE_MAX_BYTES >> 20} MB; no product page is.")
    return Page(address, final, body, encoding)


def _table(name: str, shown: dict[str, Any]) -> None:
    if "error" in shown:
        print(f"{name}: {shown['error']['type']}: {shown['error']['message']}", file=sys.stderr)  # noqa: T201
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("Field", "Value", title=name, show_header=False)
    for field in (*FIELDS, "disagreements"):
        if field in shown:
            table.add_row(field, "-" if shown[field] is None else str(shown[field]))
    Console().print(table)
