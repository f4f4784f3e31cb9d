"""The last source: a platform's own selectors; they never guess on other pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree

from christmas.errors import PriceUnreadable
from christmas.items import UNREAD, Availability
from christmas.reading.facts import ProductFacts
from christmas.reading.markup import text_of
from christmas.reading.money import read_price_text
from christmas.reading.stock import availability_of
from christmas.reading.values import name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml import html

    from christmas.reading.marks import Marks, Price, ProductPage

_HEADING = etree.XPath("//h1[@itemprop='name']")
_ANY_HEADING = etree.XPath("//h1")
_CALL_FOR_PRICE = re.compile(r"\bcall for pric", re.IGNORECASE)


def heading(document: html.HtmlElement, marks: Sequence[Marks] = ()) -> str:
    """Return the text of the product's heading: a marked one, else the page's only h1; '' where there is none."""
    marked = [*_HEADING(document), *(found for one in marks for found in one.product.heading(document))]
    marked = marked or (found if len(found := _ANY_HEADING(document)) == 1 else [])
    return name_of(text_of(marked[0])) if marked else ""


def read_selectors(document: html.HtmlElement, marks: Sequence[Marks] = ()) -> ProductFacts | None:
    """Read a product page of one of the platforms; None on any other page."""
    for one in marks:
        if views := one.product.view(document):
            return _read(document, views[0], one.product, heading(document, marks))
    return None


def _read(document: html.HtmlElement, view: html.HtmlElement, page: ProductPage, title: str) -> ProductFacts:
    facts = ProductFacts(source="selectors", name=title or UNREAD)
    facts.sku = first_text(page.sku(view)) or UNREAD
    facts.gtin = first_text(page.gtin(view)) or UNREAD
    facts.brand = first_text(page.brand(view)) or UNREAD
    set_prices(facts, *price_texts(page.prices, view))
    if facts.price is UNREAD and _CALL_FOR_PRICE.search(first_text(page.call_for_price(view))):
        facts.price = None
    for button in page.buttons(view) or page.buttons(document):
        stock = availability_of(button.get("value") or text_of(button))
        facts.availability = Availability.OUT_OF_STOCK if button.get("disabled") is not None else stock
    if facts.availability is UNREAD:
        stocks = [stock for element in page.stock(view) if (stock := availability_of(text_of(element)))]
        facts.availability = next(iter(stocks), UNREAD)
    for value in page.year(view):
        found = re.fullmatch(r"(?:19|20)\d\d", text_of(value))
        facts.release_year = int(found[0]) if found else UNREAD
    return facts


def price_texts(prices: Sequence[Price], scope: html.HtmlElement) -> tuple[str, str]:
    """Return the texts of the price that counts and of the old one beside it; '' where there is none.

    Themes leave an empty element where there is no sale.
    """
    for price in prices:
        if now := first_text(price.now(scope)):
            return now, next((text for find in price.old if (text := first_text(find(scope)))), "")
    return "", ""


def set_prices(facts: ProductFacts, now: str, old: str) -> None:
    """Set the prices from the texts of the current and the old one; an unreadable one is named."""
    if not now:
        return
    try:
        found, former = read_price_text(now), read_price_text(old).price if old else None
    except PriceUnreadable as error:
        facts.disagreements = (f"selectors: {error}",)
        return
    facts.price, facts.price_min, facts.price_max = found.price, found.price_min, found.price_max
    former = former or found.list_price
    if former and found.price and former > found.price:
        facts.list_price = former


def first_text(elements: list[html.HtmlElement]) -> str:
    """Return the first text that one of the elements has."""
    return next((text for element in elements if (text := text_of(element))), "")
