"""Prices: from the texts and numbers of pages to decimals and minor units; nothing is guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from christmas.errors import PriceUnreadable

NO_DECIMALS = {"JPY", "KRW", "VND", "CLP", "ISK"}
AMOUNT_MAX = Decimal(10_000_000)
_SIGNS = {
    "US$": "USD", "CA$": "CAD", "C$": "CAD", "AU$": "AUD", "A$": "AUD", "NZ$": "NZD", "HK$": "HKD", "$": "USD",
    "€": "EUR", "£": "GBP", "¥": "JPY", "₩": "KRW", "₹": "INR",
}  # fmt: skip
_CODES = ("USD", "CAD", "AUD", "NZD", "HKD", "EUR", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "MXN", "KRW", "INR")
_SIGN = r"(?:(?:US|CA|AU|NZ|HK|C|A)\s?\$|[$€£¥₩₹]|\b(?:" + "|".join(_CODES) + r")\b)"
_NUMBER = r"(?:\d{1,3}(?:[,.\u00a0\u202f ]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?|[.,]\d{1,2})(?!\d)"
_AMOUNT = re.compile(
    rf"(?P<minus>-\s?)?(?:(?P<before>{_SIGN})\s?(?P<minus2>-)?(?P<a>{_NUMBER})|(?P<b>{_NUMBER})\s?(?P<after>{_SIGN}))"
)
_BARE = re.compile(rf"\s*(?P<a>{_NUMBER})\s*")
_PLAIN = re.compile(r"\s*\$(\d{1,6}\.\d\d)\s*")
_NO_ONE_PRICE = re.compile(r"\bfrom\b|\bstarting at\b|\bas low as\b|\b\d+\s+for\b|\bup to\b|\bfree\b", re.I)
_SAVING = re.compile(r"(?:you\s+)?sav(?:e|ings?)\W*$|\bshipping\W*$|\boff\W*$", re.I)
_OLD = re.compile(r"(?:\bwas|\breg(?:ular)?\.?|\bmsrp|\brrp|\bretail|\blist|\bold|\boriginal(?:ly)?|\bcompare at)"
                  r"(?:\s+price)?\W*$", re.I)  # fmt: skip
_RANGE = re.compile(r"^\s*(?:-|\u2013|\u2014|to)\s*$", re.I)


@dataclass(frozen=True, slots=True)
class PriceText:
    """What a price text says; all None where it names no one price."""

    price: Decimal | None = None
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    list_price: Decimal | None = None
    currency: str | None = None


def read_price_text(text: str) -> PriceText:
    """Read a price as shops write it; raise PriceUnreadable where a currency sign stands with no readable amount."""
    if plain := _PLAIN.fullmatch(text):
        value = Decimal(plain[1])
        return PriceText(price=value, currency="USD") if value else PriceText()
    if bare := _BARE.fullmatch(text):
        value = _decimal(bare["a"], text)
        return PriceText(price=value) if value else PriceText()
    matches = list(_AMOUNT.finditer(text))
    if not matches:
        if re.search(_SIGN, text) and re.search(r"\d", text):
            raise PriceUnreadable(f"{text!r} looks like a price and none can be read in it.")
        return PriceText()
    if len(matches) > 1 and _RANGE.match(text[matches[0].end() : _without_minus(matches[1])]):
        low, high = (_decimal(m["a"] or m["b"], text) for m in matches[:2])
        return PriceText(price_min=low, price_max=high)
    if _NO_ONE_PRICE.search(text):
        return PriceText()
    return _labelled(text, matches)


def _labelled(text: str, matches: list[re.Match[str]]) -> PriceText:
    now: list[Decimal] = []
    old: list[Decimal] = []
    currency = None
    end = 0
    for match in matches:
        label, end = text[end : match.start()], match.end()
        if _SAVING.search(label):
            continue
        value = _decimal(match["a"] or match["b"], text)
        if match["minus"] or match["minus2"] or not value:
            continue
        (old if _OLD.search(label) else now).append(value)
        currency = currency or _currency(match["before"] or match["after"])
    if not now:
        return PriceText()
    price = now[0] if old else min(now)
    former = old[0] if old else max(now)
    return PriceText(price=price, list_price=former if former > price else None, currency=currency)


def _without_minus(match: re.Match[str]) -> int:
    return match.start("before") if match["before"] else match.start("b")


def _currency(sign: str) -> str:
    compact = sign.replace(" ", "")
    return _SIGNS.get(compact, compact)


def _decimal(number: str, text: str) -> Decimal:
    digits = re.sub(r"[\s\u00a0\u202f]", "", number)
    if match := re.fullmatch(r"(.*)[.,](\d{1,2})", digits):
        digits = re.sub(r"[.,]", "", match[1]) + "." + match[2]
    else:
        digits = re.sub(r"[.,]", "", digits)
    value = Decimal(digits)
    if value > AMOUNT_MAX:
        raise PriceUnreadable(f"{text!r} is too much to be a price.")
    return value


def amount(value: object) -> Decimal | None:
    """Read an amount of structured data; None for '', 0 and None. Raises PriceUnreadable naming anything else."""
    if value is None or isinstance(value, bool):
        return None
    text = str(value).strip()
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        found = read_price_text(text).price
        if found is None:
            raise PriceUnreadable(f"{text!r} stands where a price should and is none.") from None
        return found
    if not number.is_finite() or number > AMOUNT_MAX:
        raise PriceUnreadable(f"{text!r} stands where a price should and is none.")
    return number if number > 0 else None


def decimals(currency: str | None) -> int:
    """Give how many decimals a currency has."""
    return 0 if currency in NO_DECIMALS else 2


def quantize(value: Decimal, currency: str | None) -> Decimal:
    """Round to the currency's decimals."""
    return value.quantize(Decimal(1).scaleb(-decimals(currency)))


def to_minor(value: Decimal, currency: str) -> int:
    """Give an amount in minor units: 24.95 USD is 2495."""
    return int(quantize(value, currency).scaleb(decimals(currency)))


def from_minor(minor: int, currency: str) -> Decimal:
    """Give an amount from minor units: 2495 USD is 24.95."""
    return Decimal(minor).scaleb(-decimals(currency))


def format_amount(value: Decimal, currency: str | None) -> str:
    """Write an amount with the currency's decimals: 9.5 is '9.50'."""
    return str(quantize(value, currency))
