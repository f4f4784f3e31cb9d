"""Listing pages of all platforms: entries, the next page, sub-categories."""

from __future__ import annotations

import re

from lxml import etree, html

from christmas.errors import NothingReadable, PriceUnreadable
from christmas.items import UNREAD
from christmas.reading.challenge import raise_if_challenge
from christmas.reading.facts import EntryFacts, ListingFacts
from christmas.reading.identity import key_in_url
from christmas.reading.markup import absolute, has_class, parse, text_of
from christmas.reading.money import read_price_text
from christmas.reading.stock import availability_of

_CARDS = etree.XPath(f"//article[{has_class('card')}]")
_CARD_LINK = etree.XPath(f".//*[{has_class('card-title')}]//a[@href] | .//a[@href][{has_class('card-figure__link')}]")
_CARD_PRICES = etree.XPath(f".//*[@data-product-price-without-tax][{has_class('price')}]")
_CARD_OLD = etree.XPath(".//*[@data-product-non-sale-price-without-tax or @data-product-rrp-price-without-tax]")
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
_VIEW_ALL = etree.XPath(f"//a[@href][{has_class('category-viewall')} or contains(@href, 'viewall=1')]/@href")
_SUBCATEGORIES = etree.XPath(
    f"//*[{has_class('sub-categories')}]//a/@href | //*[{has_class('subcategories')}]//li//a/@href"
)
_PAGE_NUMBER = re.compile(r"_c_\d+-(\d+)-\d+\.html|[?&]page=(\d+)", re.IGNORECASE)
_EMPTY = re.compile(rb"no products (?:listed|found|in this)|there are no products", re.IGNORECASE)


def read_listing(body: bytes, url: str, encoding: str = "utf-8") -> ListingFacts:
    """Read one page; raise NothingReadable where it neither lists products nor sub-categories nor says it is empty."""
    raise_if_challenge(body, url)
    document = parse(body, encoding)
    cards = _CARDS(document)
    entries = [_card(card, url) for card in cards] or [_item(item, url) for item in _main_items(document)]
    facts = ListingFacts(
        entries=[entry for entry in entries if entry],
        next_url=_next(document, url),
        view_all_url=next((absolute(url, href) for href in _VIEW_ALL(document)), None),
        subcategories=list(dict.fromkeys(absolute(url, href) for href in _SUBCATEGORIES(document))),
        source="cards" if cards else "items",
    )
    if not facts.entries and not facts.subcategories and not _EMPTY.search(body):
        raise NothingReadable(f"{url} lists nothing: looked for article.card and .product-item.")
    return facts


def _card(card: html.HtmlElement, base: str) -> EntryFacts | None:
    links = _CARD_LINK(card)
    if not links:
        return None
    url = absolute(base, links[0].get("href"))
    named = next((link for link in links if text_of(link)), links[0])
    entry = EntryFacts(url=url, ids=_card_ids(card), name=text_of(named) or card.get("data-name") or UNREAD)
    prices = [text for element in _CARD_PRICES(card) if (text := text_of(element))]
    old = [text for element in _CARD_OLD(card) if (text := text_of(element))]
    _prices(entry, prices, old)
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
    links = _ITEM_LINK(item)
    if not links:
        return None
    url = absolute(base, links[0].get("href"))
    number = item.get("data-catalogid") or key_in_url(url)
    entry = EntryFacts(url=url, ids=(number,) if number else (), name=text_of(links[0]) or UNREAD)
    sale = [text_of(element) for element in _SALE(item)]
    regular = [text_of(element) for element in _REGULAR(item)]
    whole = [text_of(element) for element in _ITEM_PRICE(item)]
    _prices(entry, sale or regular or whole[:1], regular if sale else [])
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
    entry.price = found.price
    if found.price is not None:
        entry.currency = found.currency or UNREAD
        entry.list_price = former if former and former > found.price else None


def _next(document: html.HtmlElement, url: str) -> str | None:
    for href in _NEXT(document):
        return absolute(url, href)
    current = _page(url)
    following = [absolute(url, link.get("href")) for link in _PAGING(document)]
    return next((target for target in following if _page(target) == current + 1), None)


def _page(url: str) -> int:
    match = _PAGE_NUMBER.search(url)
    return int(match[1] or match[2]) if match else 1
