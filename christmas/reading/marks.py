"""Marks: what is true of one shop platform's pages only. Each platform declares its own; the readers take them.

``Find`` is an XPath, or a function like one: from an element to what it finds, in page order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lxml import etree, html

from christmas.reading.facts import ProductFacts

Find = Callable[[html.HtmlElement], list[Any]]
NOTHING: Find = etree.XPath("/..")


@dataclass(frozen=True, slots=True)
class Price:
    """Where a price stands; the first of ``old`` that has a text is the old price beside it."""

    now: Find
    old: tuple[Find, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    """The cards of a listing, and what is found within each.

    The first of ``links`` that leads anywhere, else of ``more_links``, is the product's address; the first text of
    ``links``, else of ``names``, its name. The first of ``prices`` that is there counts. ``ids`` are texts and what of
    them is the platform's number.
    """

    cards: Find = NOTHING
    links: Find = NOTHING
    more_links: Find = NOTHING
    names: Find = NOTHING
    prices: tuple[Price, ...] = ()
    stock: Find = NOTHING
    ids: tuple[tuple[Find, re.Pattern[str]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How a listing goes on: addresses of the next page, or links of which one has the next ``number``.

    ``view_all`` are addresses of a page that has all entries, ``all_in_url`` what such an address contains.
    """

    next: Find = NOTHING
    links: Find = NOTHING
    number: re.Pattern[str] | None = None
    view_all: Find = NOTHING
    all_in_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductPage:
    """A product's own page: the ``view`` is there on such a page only, and the rest is found within it."""

    view: Find = NOTHING
    heading: Find = NOTHING
    sku: Find = NOTHING
    gtin: Find = NOTHING
    brand: Find = NOTHING
    prices: tuple[Price, ...] = ()
    call_for_price: Find = NOTHING
    buttons: Find = NOTHING
    stock: Find = NOTHING
    year: Find = NOTHING


@dataclass(frozen=True, slots=True)
class Script:
    """A script variable that holds an object, and what it says of the page's product."""

    variable: str
    read: Callable[[dict[str, Any]], ProductFacts | None]


def _no_price(_body: bytes) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quick:
    """What the fast path looks for in a page's bytes, since it builds no DOM.

    ``more`` are marks, by field, that the page may say of it what its JSON-LD does not; ``old_price`` returns the text
    of the old price, '' where there is none.
    """

    more: Mapping[str, tuple[bytes | re.Pattern[bytes], ...]] = field(default_factory=dict)
    old_price: Callable[[bytes], str] = _no_price


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """One platform's marks; what is left out is not looked for, and the readers of any page remain.

    ``number_in_path`` and ``number_parameters`` find a product's number in an address, ``page_parameters`` are what of
    a query says which page it is. ``shop`` is in the bytes of the shop's pages and of no bot challenge. ``ids`` are the
    numbers of a product page: a mark in the bytes, and where the number is. ``looked_for`` names the cards in errors.
    """

    name: str
    looked_for: str = ""
    number_in_path: re.Pattern[str] | None = None
    number_parameters: tuple[str, ...] = ()
    page_parameters: frozenset[str] = frozenset()
    shop: tuple[bytes, ...] = ()
    year_links: Find = NOTHING
    subcategories: Find = NOTHING
    cards: Cards = Cards()
    paging: Paging = Paging()
    product: ProductPage = ProductPage()
    ids: tuple[tuple[bytes, re.Pattern[bytes]], ...] = ()
    scripts: tuple[Script, ...] = ()
    quick: Quick = field(default_factory=Quick)


def platforms(marks: Sequence[Marks]) -> str:
    """Return the platforms' names, for errors."""
    return " or ".join(one.name for one in marks) or "no platform"
