"""A schema.org Product, from JSON-LD or microdata, to facts."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from christmas.errors import NothingReadable, PriceUnreadable
from christmas.items import UNREAD, Availability, Read
from christmas.reading.facts import ProductFacts
from christmas.reading.identity import url_path
from christmas.reading.money import amount
from christmas.reading.stock import availability_of

_PRODUCTS = {"product", "productgroup", "productmodel", "individualproduct", "someproducts"}
_PAGES = {"webpage", "itempage", "website"}
_GTINS = ("gtin", "gtin13", "gtin12", "gtin14", "gtin8", "upc", "ean")
_OLD_PRICES = ("listprice", "strikethroughprice", "msrp", "srp", "rrp", "regularprice")
_TAG = re.compile(r"<[^>]+>")


def products(nodes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the products among top-level nodes, those that a page is about included."""
    found = []
    for node in nodes:
        if _types(node) & _PRODUCTS:
            found.append(node)
        elif _types(node) & _PAGES:
            found += [one for one in _list(node.get("mainEntity")) if isinstance(one, dict) and _types(one) & _PRODUCTS]
    return found


def main_product(found: list[dict[str, Any]], url: str, heading: str = "") -> dict[str, Any] | None:
    """Give the one product a page is about; None where there is none. Raises NothingReadable where none of many is."""
    if len(found) <= 1:
        return found[0] if found else None
    path = url_path(url)
    for node in found:
        named = [_text(node.get("url")), _text(node.get("@id")), *(_text(o.get("url")) for o in _offers(node))]
        if any(text and url_path(text.partition("#")[0]) == path for text in named):
            return node
    for node in found:
        if heading and _text(node.get("name")) == heading:
            return node
    if len({(_text(node.get("name")), _text(node.get("sku"))) for node in found}) == 1:
        return found[0]
    raise NothingReadable(f"{url} describes {len(found)} products and is the page of none of them.")


def facts_of(node: dict[str, Any], url: str, source: str) -> ProductFacts:
    """Read one product; a price that cannot be read is left UNREAD and named among the disagreements."""
    node = _variant_asked(node, url)
    facts = ProductFacts(
        name=_given(node.get("name")),
        sku=_first_given(node.get("sku"), node.get("mpn") if "sku" not in node else None),
        gtin=_first_given(*(node.get(name) for name in _GTINS)),
        brand=_given(node.get("brand")) or _given(node.get("manufacturer")),
        image_url=_image(node.get("image")),
        source=source,
    )
    if year := re.match(r"((?:19|20)\d\d)\b", _text(node.get("releaseDate") or node.get("productionDate"))):
        facts.release_year = int(year[1])
    offers = _offers(node)
    variants = [one for one in _list(node.get("hasVariant")) if isinstance(one, dict)]
    if not offers:
        offers = [offer for variant in variants for offer in _offers(variant)]
    if not offers and "price" in node:
        offers = [node]
    try:
        _read_offers(facts, offers)
    except PriceUnreadable as error:
        facts.disagreements = (f"{source}: {error}",)
    if variants and facts.sku is UNREAD and len(variants) == 1:
        facts.sku = _given(variants[0].get("sku"))
    return facts


def has_offers(node: dict[str, Any]) -> bool:
    """Tell whether a product names an offer at all; one without any is sold on request."""
    return bool(_offers(node)) or "price" in node or bool(node.get("hasVariant"))


def _variant_asked(node: dict[str, Any], url: str) -> dict[str, Any]:
    wanted = parse_qs(urlsplit(url).query).get("variant")
    for variant in _list(node.get("hasVariant")) if wanted else []:
        if isinstance(variant, dict) and wanted:
            named = [
                _text(variant.get("@id")),
                _text(variant.get("url")),
                *(_text(o.get("url")) for o in _offers(variant)),
            ]
            if any(f"variant={wanted[0]}" in text for text in named):
                return {**node, "hasVariant": [], **variant}
    return node


def _read_offers(facts: ProductFacts, offers: list[dict[str, Any]]) -> None:
    lows: list[Decimal] = []
    highs: list[Decimal] = []
    old: list[Decimal] = []
    stocks: list[Availability] = []
    for offer in offers:
        low, high, former = _offer_prices(offer)
        if low is not None and high is not None:
            lows.append(low)
            highs.append(high)
        if former is not None:
            old.append(former)
        if stock := availability_of(_text(offer.get("availability"))):
            stocks.append(stock)
        currency = _currency(offer)
        if currency and facts.currency is UNREAD:
            facts.currency = currency
    if stocks:
        facts.availability = next((s for s in stocks if s is Availability.IN_STOCK), stocks[0])
    if not offers:
        return
    facts.price = facts.price_min = facts.price_max = None
    if not lows:
        return
    if min(lows) == max(highs):
        facts.price = lows[0]
        if old and old[0] > lows[0]:
            facts.list_price = old[0]
    else:
        facts.price_min, facts.price_max = min(lows), max(highs)


def _offer_prices(offer: dict[str, Any]) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Give the low end, the high end and the old price of one offer."""
    price = amount(_scalar(offer.get("price")))
    former = None
    low = amount(_scalar(offer.get("lowPrice") or offer.get("minPrice")))
    high = amount(_scalar(offer.get("highPrice") or offer.get("maxPrice")))
    for specification in _list(offer.get("priceSpecification")):
        if not isinstance(specification, dict):
            continue
        value = amount(_scalar(specification.get("price")))
        kind = _text(specification.get("priceType")).rpartition("/")[2].lower()
        if kind in _OLD_PRICES:
            former = value
        elif price is None:
            price = value
        low = low or amount(_scalar(specification.get("minPrice")))
        high = high or amount(_scalar(specification.get("maxPrice")))
    if price is not None and (low is None or high is None or low == high):
        return price, price, former
    if low is not None and high is None and "aggregateoffer" in _types(offer):
        return low, low + 1, former  # "from" a price: a range whose end is not told is still no price
    return low, high, former


def _currency(offer: dict[str, Any]) -> str:
    specifications = [one for one in _list(offer.get("priceSpecification")) if isinstance(one, dict)]
    texts = [_text(one.get("priceCurrency")) for one in (offer, *specifications)]
    return next((text.upper() for text in texts if re.fullmatch(r"[A-Za-z]{3}", text)), "")


def _offers(node: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for offer in _list(node.get("offers")):
        if isinstance(offer, dict):
            inner = [one for one in _list(offer.get("offers")) if isinstance(one, dict)]
            whole = any(name in offer for name in ("price", "lowPrice", "minPrice", "priceSpecification"))
            found += [offer] if whole or not inner else inner
    return found


def _types(node: dict[str, Any]) -> set[str]:
    return {re.split(r"[/:#]", str(one).lower())[-1] for one in _list(node.get("@type"))}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _scalar(value: Any) -> Any:
    value = value[0] if isinstance(value, list) and value else value
    return value.get("@value") if isinstance(value, dict) else value


def _text(value: Any) -> str:
    """Give a value as one line of text: names of things, HTML entities and tags undone."""
    if isinstance(value, list):
        return next((text for one in value if (text := _text(one))), "")
    if isinstance(value, dict):
        return _text(value.get("@value") or value.get("name") or value.get("url") or value.get("@id"))
    if value is None or isinstance(value, bool):
        return ""
    text = str(value)
    if "&" in text:
        text = html.unescape(html.unescape(text))
    if "<" in text:
        text = _TAG.sub(" ", text)
    return " ".join(text.split())


def _given(value: Any) -> Read[str]:
    return _text(value) or UNREAD


def _first_given(*values: Any) -> Read[str]:
    return next((text for value in values if (text := _text(value))), UNREAD)


def _image(value: Any) -> Read[str]:
    for one in _list(value):
        text = _text((one.get("contentUrl") or one.get("url") or one.get("@id")) if isinstance(one, dict) else one)
        if text.startswith(("http://", "https://", "/")):
            return text
    return UNREAD
