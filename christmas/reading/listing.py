"""Listing pages of all platforms: entries, the next page, sub-categories."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree, html

from christmas.errors import NothingReadable, PriceUnreadable
from christmas.items import UNREAD
from christmas.reading import json_ld, schema_org
from christmas.reading.challenge import raise_if_challenge
from christmas.reading.facts import EntryFacts, ListingFacts
from christmas.reading.identity import key_in_url
from christmas.reading.markup import absolute, decode, has_class, parse, text_of
from christmas.reading.money import read_price_text
from christmas.reading.stock import availability_of

_CARDS = etree.XPath(f"//article[{has_class('card')}]")
_CARD_TITLE = etree.XPath(f".//*[{has_class('card-title')}]//a[@href]")
_CARD_FIGURE = etree.XPath(f".//*[{has_class('card-figure')}]//a[@href][not({has_class('button')})]")
_CARD_PRICES = etree.XPath(".//*[@data-product-price-without-tax or @data-product-price-with-tax]")
_CARD_OLD = etree.XPath(
    ".//*[@data-product-non-sale-price-without-tax or @data-product-non-sale-price-with-tax"
    " or @data-product-rrp-price-without-tax or @data-product-rrp-with-tax]"
)
_CARD_BUTTONS = etree.XPath(f".//*[{has_class('button')} or {has_class('card-figcaption-button')}]")
_CARD_IMAGE_ID = re.compile(r"/products/(\d+)/")
_CART_ID = re.compile(r"[?&]product_id=(\d+)")

_ITEMS = etree.XPath(
    f"//*[{has_class('product-item')}][not(ancestor::aside)]"
    f"[not(ancestor::*[contains(@class, 'related') or contains(@id, 'related')])]"
)
_ITEM_LINK = etree.XPath(f".//*[{has_class('name')}]//a[@href]")
_ITEM_PRICE = etree.XPath(f".//*[{has_class('price')}]")
_SALE = etree.XPath(f".//*[{has_class('sale-price')}]")
_REGULAR = etree.XPath(f".//*[{has_class('regular-price')}]")
_ITEM_STOCK = etree.XPath(f".//*[{has_class('availability')}]")

_NEXT = etree.XPath(f"//link[@rel='next']/@href | //*[{has_class('pagination-item--next')}]//a/@href")
_PAGING = etree.XPath(f"//*[{has_class('paging')}]//a[@href]")
_ALL = "viewall=1"
_VIEW_ALL = etree.XPath(f"//a[@href][{has_class('category-viewall')} or contains(@href, '{_ALL}')]/@href")
_SUBCATEGORIES = etree.XPath(
    f"//*[{has_class('sub-categories')}]//a/@href | //*[{has_class('subcategories')}]//li//a/@href"
    f" | //a[{has_class('subcat')}]/@href"
)
_PAGE_NUMBER = re.compile(r"_c_\d+-(\d+)-\d+\.html|[?&]page=(\d+)", re.IGNORECASE)
_EMPTY = re.compile(rb"no products (?:listed|found|in this)|there are no products", re.IGNORECASE)


def read_listing(body: bytes, url: str, encoding: str = "utf-8") -> ListingFacts:
    """Read one page; raise NothingReadable where it neither lists products nor sub-categories nor says it is empty."""
    raise_if_challenge(body, url)
    document = parse(body, encoding)
    cards = _CARDS(document)
    entries = [_card(card, url) for card in cards] or [_item(item, url) for item in _main_items(document)]
    subcategories = dict.fromkeys(absolute(url, href) for href in _SUBCATEGORIES(document))
    facts = ListingFacts(
        entries=[entry for entry in entries if entry],
        next_url=_next(document, url),
        view_all_url=next(filter(None, (absolute(url, href) for href in _VIEW_ALL(document))), None),
        subcategories=[target for target in subcategories if target],
        source="cards" if cards else "items",
    )
    if not facts.entries:
        listed = (entry for entry in _item_lists(body, url, encoding) if entry.url not in subcategories)
        facts.entries, facts.source = list(listed), "json-ld"
    if not facts.entries and not facts.subcategories and not _EMPTY.search(body):
        raise NothingReadable(f"{url} lists nothing: looked for article.card, .product-item and an ItemList.")
    return facts


def _card(card: html.HtmlElement, base: str) -> EntryFacts | None:
    titles = _CARD_TITLE(card)
    url = next((target for link in (*titles, *_CARD_FIGURE(card)) if (target := absolute(base, link.get("href")))), "")
    if not url:
        return None
    name = next((text for link in titles if (text := text_of(link))), card.get("data-name"))
    entry = EntryFacts(url=url, ids=_card_ids(card), name=name or UNREAD)
    _prices(entry, _texts(_CARD_PRICES(card)), _texts(_CARD_OLD(card)))
    buttons = [text_of(button) for button in _CARD_BUTTONS(card)]
    stocks = [stock for text in buttons if (stock := availability_of(text))]
    # Pre-order and Add to Cart may both be shown; the first says more.
    entry.availability = next((stock for stock in stocks if stock.value == "preorder"), next(iter(stocks), UNREAD))
    return entry


def _card_ids(card: html.HtmlElement) -> tuple[str, ...]:
    if number := card.get("data-entity-id"):
        return (number,)
    if numbers := card.xpath(".//@data-product-id"):
        return (str(numbers[0]),)
    for pattern, values in ((_CART_ID, card.xpath(".//a/@href")), (_CARD_IMAGE_ID, card.xpath(".//img/@*"))):
        for value in values:
            if match := pattern.search(value):
                return (match[1],)
    return ()


def _main_items(document: html.HtmlElement) -> list[html.HtmlElement]:
    items = _ITEMS(document)
    main = [item for item in items if item.xpath(f"ancestor::*[{has_class('category-products')}]")]
    return main or items


def _item(item: html.HtmlElement, base: str) -> EntryFacts | None:
    links = [link for link in _ITEM_LINK(item) if absolute(base, link.get("href"))]
    if not links:
        return None
    url = absolute(base, links[0].get("href"))
    number = item.get("data-catalogid") or key_in_url(url)
    entry = EntryFacts(url=url, ids=(number,) if number else (), name=text_of(links[0]) or UNREAD)
    sale, regular, whole = (_texts(find(item)) for find in (_SALE, _REGULAR, _ITEM_PRICE))
    _prices(entry, sale or regular or whole, regular if sale else [])
    stocks = [stock for element in _ITEM_STOCK(item) if (stock := availability_of(text_of(element)))]
    entry.availability = next(iter(stocks), UNREAD)
    return entry


def _prices(entry: EntryFacts, prices: list[str], old: list[str]) -> None:
    if not prices:
        return
    try:
        found = read_price_text(prices[0])
        former = read_price_text(old[0]).price if old else found.list_price
    except PriceUnreadable:
        return  # this entry's price stays unread; the page is not lost for it
    entry.price, entry.ranged = found.price, found.price_min is not None
    entry.list_price = former if former and found.price and former > found.price else None
    entry.currency = found.currency or UNREAD


def _texts(elements: list[html.HtmlElement]) -> list[str]:
    """Return the texts of those elements that have one; themes leave an empty one where there is no sale."""
    return [text for element in elements if (text := text_of(element))]


def _item_lists(body: bytes, base: str, encoding: str) -> list[EntryFacts]:
    nodes = json_ld.nodes(json_ld.blocks(decode(body, encoding).encode()))
    nodes += [node["mainEntity"] for node in nodes if isinstance(node.get("mainEntity"), dict)]
    entries: dict[str, EntryFacts] = {}
    for node in nodes:
        elements = node.get("itemListElement")
        if "ItemList" in str(node.get("@type")) and isinstance(elements, list):
            for element in elements:
                entry = _list_item(element, base) if isinstance(element, dict) else None
                if entry:
                    entries.setdefault(entry.url, entry)
    return list(entries.values())


def _list_item(element: dict[str, Any], base: str) -> EntryFacts | None:
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
    number = key_in_url(url)
    return EntryFacts(
        url=url,
        ids=(number,) if number else (),
        name=found.name or schema_org.facts_of(element, url, "json-ld").name,
        price=found.price,
        list_price=found.list_price,
        currency=found.currency,
        availability=found.availability,
    )


def _next(document: html.HtmlElement, url: str) -> str | None:
    if target := next(filter(None, (absolute(url, href) for href in _NEXT(document))), None):
        return target
    current = _page(url)
    # A View All page still shows the paging of the others.
    following = [
        target for link in _PAGING(document) if (_ALL in (target := absolute(url, link.get("href")))) == (_ALL in url)
    ]
    return next((target for target in following if _page(target) == current + 1), None)


def _page(url: str) -> int:
    match = _PAGE_NUMBER.search(url)
    return int(match[1] or match[2]) if match else 1
