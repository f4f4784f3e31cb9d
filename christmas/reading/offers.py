"""What schema.org offers ask: one price, a range, or none; never the low end of a range as the price."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from christmas.items import UNREAD, Availability
from christmas.reading.facts import ProductFacts
from christmas.reading.money import PriceText, amount, read_price_text
from christmas.reading.stock import availability_of
from christmas.reading.values import LINKS, listed, mappings, scalar, text, types

_OLD_PRICES = ("listprice", "strikethroughprice", "msrp", "srp", "rrp", "regularprice")
_AMOUNTS = ("price", "lowPrice", "highPrice", "minPrice", "maxPrice")
# Said where the price should be: there is none, or only a range's low end.
_NO_PRICE = re.compile(r"\b(?:call|contact|ask|inquire|enquire|quote|request|from|starting at|as low as)\b", re.I)
# What a buyer of a product with variants can get decides: one in stock is in stock.
_BEST_FIRST = (
    Availability.IN_STOCK, Availability.LOW_STOCK, Availability.PREORDER, Availability.OUT_OF_STOCK,
    Availability.DISCONTINUED,
)  # fmt: skip


@dataclass(slots=True)
class _Ask:
    """One offer's ends, the same where it has one price; ``told`` where it names a price at all."""

    low: Decimal | None
    high: Decimal | None
    old: Decimal | None
    told: bool


def offers_of(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a product's offers; an aggregate that names its ends stands for those in it."""
    found: list[dict[str, Any]] = []
    for offer in mappings(node.get("offers")):
        inner = mappings(offer.get("offers"))
        whole = any(name in offer for name in (*_AMOUNTS, "priceSpecification"))
        found += [offer] if whole or not inner else inner
    return found


def read_offers(facts: ProductFacts, offers: list[dict[str, Any]]) -> None:
    """Set prices, currency and availability; UNREAD where no offer speaks of it. Raise PriceUnreadable."""
    stocks = {stock for offer in offers for stock in _stocks(offer)}
    facts.availability = next((stock for stock in _BEST_FIRST if stock in stocks), UNREAD)
    currencies = [currency_of(offer) for offer in offers]
    currency = next(filter(None, currencies), "")
    facts.currency = currency or UNREAD
    # The same price in another currency is neither a range nor a sale.
    asks = [_ask(offer) for offer, own in zip(offers, currencies, strict=True) if own in ("", currency)]
    if any(ask.told for ask in asks):
        facts.price = facts.price_min = facts.price_max = None
        _settle(facts, [ask for ask in asks if ask.low is not None or ask.high is not None])


def _settle(facts: ProductFacts, asks: list[_Ask]) -> None:
    lows = {ask.low for ask in asks}
    highs = {ask.high for ask in asks}
    if len(lows | highs) == 1:
        (price,) = lows
        olds = {ask.old for ask in asks}
        old = olds.pop() if len(olds) == 1 else None
        facts.price = price
        if price is not None and old is not None and old > price:
            facts.list_price = old
    elif asks:
        facts.price_min = None if None in lows else min(low for low in lows if low is not None)
        facts.price_max = None if None in highs else max(high for high in highs if high is not None)


def _ask(offer: dict[str, Any]) -> _Ask:
    """Read one offer; an end that is not named is None."""
    specifications = _specifications(offer)
    price = _first_amount([offer], "price")
    old = price.list_price
    for specification in specifications:
        kind = text(specification.get("priceType"), LINKS).rpartition("/")[2].lower()
        if kind in _OLD_PRICES:
            old = _amount(specification.get("price")).price
        elif price == PriceText():
            price = _amount(specification.get("price"))
            old = old or price.list_price
    old = old or _amount(offer.get("strikethroughPrice")).price
    low = _first_amount((offer, *specifications), "lowPrice", "minPrice").price
    high = _first_amount((offer, *specifications), "highPrice", "maxPrice").price
    told = any(name in one for one in (offer, *specifications) for name in _AMOUNTS)
    if price.price_min is not None:
        low, high = price.price_min, price.price_max
    if low is not None and high is not None:
        return _Ask(min(low, high), max(low, high), old, told)
    count = text(offer.get("offerCount"))
    if price.price is not None and (low is None or count == "1" or "aggregateoffer" not in types(offer)):
        return _Ask(price.price, price.price, old, told)
    if low is not None and count == "1":
        return _Ask(low, low, old, told)
    return _Ask(low, high, old, told)


def _first_amount(nodes: Iterable[dict[str, Any]], *names: str) -> PriceText:
    found = (_amount(node.get(name)) for node in nodes for name in names)
    return next((one for one in found if one != PriceText()), PriceText())


def _amount(value: Any) -> PriceText:
    """Read one price, however it is written; several different ones are a range."""
    if isinstance(value, list):
        found = [one.price for one in map(_amount, value) if one.price is not None]
        if len(set(found)) > 1:
            return PriceText(price_min=min(found), price_max=max(found))
        return PriceText(price=found[0]) if found else PriceText()
    value = scalar(value)
    if isinstance(value, str) and not value.strip().isdecimal() and not _plain(value):
        if _NO_PRICE.search(value):
            return PriceText()
        told = read_price_text(value)
        if told != PriceText():
            return told
    return PriceText(price=amount(value))


def _plain(words: str) -> bool:
    return re.fullmatch(r"\s*\d+\.\d+\s*", words) is not None


def _specifications(offer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the prices' specifications: no delivery charges, and none that only members of a programme pay."""
    return [
        one
        for one in mappings(offer.get("priceSpecification"))
        if not any("charge" in kind for kind in types(one)) and not one.get("validForMemberTier")
    ]


def currency_of(offer: dict[str, Any]) -> str:
    """Return an offer's currency; '' where it tells none."""
    texts = [text(one.get("priceCurrency")) for one in (offer, *mappings(offer.get("priceSpecification")))]
    return next((word.upper() for word in texts if re.fullmatch(r"[A-Za-z]{3}", word)), "")


def _stocks(offer: dict[str, Any]) -> Iterator[Availability]:
    """Yield what an offer, or those in an aggregate, say of the stock."""
    for one in (offer, *mappings(offer.get("offers"))):
        for word in listed(one.get("availability")):
            if stock := availability_of(text(word, LINKS)):
                yield stock
