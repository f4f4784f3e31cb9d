"""Listing pages: entries, the next page, sub-categories."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lxml import etree

from christmas.errors import NothingReadable, PriceUnreadable
from christmas.items import UNREAD, Availability
from christmas.reading import json_ld, schema_org
from christmas.reading.challenge import raise_if_challenge
from christmas.reading.facts import EntryFacts, ListingFacts
from christmas.reading.markup import absolute, decode, parse, text_of
from christmas.reading.money import read_price_text
from christmas.reading.selectors import price_texts
from christmas.reading.stock import availability_of
from christmas.reading.urls import key_in_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lxml import html

    from christmas.reading.marks import Marks, Paging

_NEXT = etree.XPath("//link[@rel='next']/@href")
_EMPTY = re.compile(rb"no products (?:listed|found|in this)|there are no products", re.IGNORECASE)


def read_listing(body: bytes, url: str, encoding: str = "utf-8", marks: Sequence[Marks] = ()) -> ListingFacts:
    """Read one page; raise NothingReadable where it neither lists products nor sub-categories nor says it is empty."""
    raise_if_challenge(body, url, marks)
    document = parse(body, encoding)
    facts = ListingFacts(next_url=_first_url(_NEXT(document), url), source="cards")
    subcategories: dict[str, None] = {}
    for one in marks:
        cards = [] if facts.entries else one.cards.cards(document)
        facts.entries += [entry for card in cards if (entry := _entry(card, url, one))]
        facts.next_url = facts.next_url or _next(document, url, one.paging)
        facts.view_all_url = facts.view_all_url or _first_url(one.paging.view_all(document), url)
        subcategories |= dict.fromkeys(absolute(url, href) for href in one.subcategories(document))
    facts.subcategories = [target for target in subcategories if target]
    if not facts.entries:
        listed = (entry for entry in _item_lists(body, url, encoding, marks) if entry.url not in subcategories)
        facts.entries, facts.source = list(listed), "json-ld"
    if not facts.entries and not facts.subcategories and not _EMPTY.search(body):
        looked_for = ", ".join(one.looked_for for one in marks if one.looked_for)
        raise NothingReadable(
            f"{url} lists nothing: looked for {f'{looked_for} and ' if looked_for else ''}an ItemList."
        )
    return facts


def _entry(card: html.HtmlElement, base: str, marks: Marks) -> EntryFacts | None:
    find = marks.cards
    links = find.links(card)
    url = _first_url((link.get("href") for link in (*links, *find.more_links(card))), base)
    if not url:
        return None
    name = next((text for link in links if (text := text_of(link))), "") or next(iter(find.names(card)), "")
    matches = (pattern.search(str(text)) for texts, pattern in find.ids for text in texts(card))
    number = next((match[1] for match in matches if match), None) or key_in_url(url, [marks])
    entry = EntryFacts(url=url, ids=(number,) if number else (), name=name or UNREAD)
    _set_prices(entry, *price_texts(find.prices, card))
    stocks = [stock for element in find.stock(card) if (stock := availability_of(text_of(element)))]
    # Pre-order and Add to Cart may both be shown; the first says more.
    entry.availability = Availability.PREORDER if Availability.PREORDER in stocks else next(iter(stocks), UNREAD)
    return entry


def _set_prices(entry: EntryFacts, now: str, old: str) -> None:
    if not now:
        return
    try:
        found = read_price_text(now)
        former = read_price_text(old).price if old else found.list_price
    except PriceUnreadable:
        return  # this entry's price stays unread; the page is not lost for it
    entry.price, entry.ranged = found.price, found.price_min is not None
    entry.list_price = former if former and found.price and former > found.price else None
    entry.currency = found.currency or UNREAD


def _item_lists(body: bytes, base: str, encoding: str, marks: Sequence[Marks]) -> list[EntryFacts]:
    nodes = json_ld.nodes(json_ld.blocks(decode(body, encoding).encode()))
    nodes += [node["mainEntity"] for node in nodes if isinstance(node.get("mainEntity"), dict)]
    entries: dict[str, EntryFacts] = {}
    for node in nodes:
        elements = node.get("itemListElement")
        if "ItemList" in str(node.get("@type")) and isinstance(elements, list):
            for element in elements:
                entry = _list_item(element, base, marks) if isinstance(element, dict) else None
                if entry:
                    entries.setdefault(entry.url, entry)
    return list(entries.values())


def _list_item(element: dict[str, Any], base: str, marks: Sequence[Marks]) -> EntryFacts | None:
    """Read a ListItem, with a Product in it or with a name and URL only, or a Product in its place."""
    item = element.get("item", element)
    item = item if isinstance(item, dict) else {"url": item}
    if item is not element and "@type" in item and not schema_org.products([item]):
        return None
    href = item.get("url") or element.get("url") or item.get("@id")
    url = absolute(base, href) if isinstance(href, str) else ""
    if not url:
        return None
    found = schema_org.facts_of(item, url, "json-ld")
    number = key_in_url(url, marks)
    return EntryFacts(
        url=url,
        ids=(number,) if number else (),
        name=found.name or schema_org.facts_of(element, url, "json-ld").name,
        price=found.price,
        list_price=found.list_price,
        currency=found.currency,
        availability=found.availability,
    )


def _next(document: html.HtmlElement, url: str, paging: Paging) -> str | None:
    if target := _first_url(paging.next(document), url):
        return target
    current = _page(url, paging)
    links = (absolute(url, link.get("href")) for link in paging.links(document))
    for target in links:
        # A View All page still shows the paging of the others.
        is_all = [bool(paging.all_in_url) and paging.all_in_url in one for one in (target, url)]
        if is_all[0] == is_all[1] and _page(target, paging) == current + 1:
            return target
    return None


def _page(url: str, paging: Paging) -> int:
    match = paging.number.search(url) if paging.number else None
    return next((int(number) for number in match.groups() if number), 1) if match else 1


def _first_url(hrefs: Iterable[str], base: str) -> str | None:
    return next((target for href in hrefs if (target := absolute(base, href))), None)
