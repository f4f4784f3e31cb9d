"""Prices: from the texts and numbers of pages to decimals and minor units; nothing is guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from christmas.errors import PriceUnreadable

NO_DECIMALS = {"JPY", "KRW", "VND", "CLP", "ISK"}
AMOUNT_MAX = Decimal(10_000_000)
# A price with its labels is some dozens long; more is a page that lost its markup, and slow to search.
TEXT_MAX_CHARACTERS = 500
_SIGNS = {
    "US$": "USD", "CA$": "CAD", "C$": "CAD", "AU$": "AUD", "A$": "AUD", "NZ$": "NZD", "HK$": "HKD", "$": "USD",
    "€": "EUR", "£": "GBP", "¥": "JPY", "₩": "KRW", "₹": "INR",
}  # fmt: skip
_CODES = ("USD", "CAD", "AUD", "NZD", "HKD", "EUR", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "MXN", "KRW", "INR")
_CODE = rf"(?<![A-Za-z])(?:{'|'.join(_CODES)})(?![A-Za-z])"
# One letter before the dollar belongs to the sign only where it touches it: "Series A $24.95" is US dollars.
_SIGN = rf"(?:(?<![A-Za-z])(?:(?:US|CA|AU|NZ|HK)\s?|[CA])\$|[$€£¥₩₹]|{_CODE})"
_NUMBER = r"(?:\d{1,3}(?:[,.\u00a0\u202f ]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?|[.,]\d{1,2})(?![.,]?\d)"
# A sign between two numbers belongs to the second ("#16 $24.95"), unless that has one of its own ("9,95 € 12,00 €").
_NOT_BEFORE_NUMBER = rf"(?!\d)(?!\s?(?>{_NUMBER})(?!\s?{_SIGN}))"
_AMOUNT = re.compile(
    rf"(?P<minus>^\s*[-\u2212]\s?|(?<=\s)[-\u2212])?(?:"
    rf"(?P<before>{_SIGN})\s?(?P<minus2>[-\u2212])?(?P<a>{_NUMBER})(?:\s?(?P<code>{_CODE}){_NOT_BEFORE_NUMBER})?"
    rf"|(?<!\d)(?<!\d[.,])(?P<b>{_NUMBER})\s?(?P<after>{_SIGN}){_NOT_BEFORE_NUMBER})"
)
_TO = r"\s*(?:[-\u2013\u2014]|\bto\b)\s*"
_RANGE = re.compile(
    rf"{_SIGN}\s?(?P<low>{_NUMBER})(?:\s?{_SIGN})?{_TO}(?:{_SIGN}\s?(?P<high>{_NUMBER})|(?P<bare>{_NUMBER})\s*$)"
    rf"|(?<!\d)(?<!\d[.,])(?P<low2>{_NUMBER})(?:\s?{_SIGN})?{_TO}(?P<high2>{_NUMBER})\s?{_SIGN}(?!\s?\d)",
    re.I,
)
_BARE = re.compile(rf"\s*(?P<a>{_NUMBER})\s*")
_PLAIN = re.compile(r"\s*\$(\d{1,6}\.\d\d)\s*")
_NO_ONE_PRICE = re.compile(r"(?:\bfrom|\bstarting at|\bas low as|\b\d+\s+for|\bup to)(?:\s+(?:only|just))?\W*$", re.I)
_OPEN_END = re.compile(r"\s*(?:\+|(?:and|&|or)\s+(?:up|more)\b)", re.I)
_SAVING = re.compile(r"\bsav(?:e|ings?)\W*$|\bshipping\W*$|\bover\W*$", re.I)
_SAVED = re.compile(r"\s*(?:off|discount|savings?)\b", re.I)
_OLD = re.compile(r"(?:\bwas|\breg(?:ular)?\.?|\bmsrp|\brrp|\bretail|\blist|\bold|\boriginal(?:ly)?|\bcompare at)"
                  r"(?:\s+price)?\W*$", re.I)  # fmt: skip


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
    if len(text) > TEXT_MAX_CHARACTERS:
        raise PriceUnreadable(f"{text[:80]!r}... is too long to be a price.")
    if bare := _BARE.fullmatch(text):
        value = _decimal(bare["a"], text)
        return PriceText(price=value) if value else PriceText()
    matches = list(_AMOUNT.finditer(text))
    if not matches:
        if re.search(_SIGN, text) and re.search(r"\d", text):
            raise PriceUnreadable(f"{text!r} looks like a price and none can be read in it.")
        return PriceText()
    if span := _RANGE.search(text):
        ends = (span["low"] or span["low2"], span["high"] or span["bare"] or span["high2"])
        low, high = sorted(_decimal(end, text) for end in ends)
        return PriceText(price_min=low, price_max=high)
    return _labelled(text, matches)


def _labelled(text: str, matches: list[re.Match[str]]) -> PriceText:
    now: list[Decimal] = []
    old: list[Decimal] = []
    currency = None
    end = 0
    for match in matches:
        label, end = text[end : match.start()], match.end()
        if _NO_ONE_PRICE.search(label) or _OPEN_END.match(text, end):
            return PriceText()
        if _SAVING.search(label) or _SAVED.match(text, end):
            continue
        value = _decimal(match["a"] or match["b"], text)
        if match["minus"] or match["minus2"] or not value:
            continue
        found = _currency(match["code"] or match["before"] or match["after"])
        currency = currency or found
        if found == currency:  # the same price in another currency is neither old nor new
            (old if _OLD.search(label) else now).append(value)
    if not now:
        return PriceText()
    price = now[0] if old else min(now)
    former = old[0] if old else max(now)
    return PriceText(price=price, list_price=former if former > price else None, currency=currency)


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
    """Read an amount of structured data; None for '', 0 and None. Raise PriceUnreadable naming anything else."""
    if value is None or isinstance(value, bool):
        return None
    text = str(value).strip()
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        found = read_price_text(text).price
        if found is None and re.fullmatch(r"[^1-9A-Za-z]*0[^1-9A-Za-z]*", text):
            return None
        if found is None:
            raise PriceUnreadable(f"{text[:80]!r} stands where a price should and is none.") from None
        return found
    if not number.is_finite() or number > AMOUNT_MAX:
        raise PriceUnreadable(f"{text[:80]!r} stands where a price should and is none.")
    return number if number > 0 else None


def decimals(currency: str | None) -> int:
    """Return how many decimals a currency has."""
    return 0 if currency in NO_DECIMALS else 2


def quantize(value: Decimal, currency: str | None) -> Decimal:
    """Round to the currency's decimals, halves up."""
    return value.quantize(Decimal(1).scaleb(-decimals(currency)), ROUND_HALF_UP)


def to_minor(value: Decimal, currency: str) -> int:
    """Return an amount in minor units: 24.95 USD is 2495."""
    return int(quantize(value, currency).scaleb(decimals(currency)))


def from_minor(minor: int, currency: str) -> Decimal:
    """Return an amount from minor units: 2495 USD is 24.95."""
    return Decimal(minor).scaleb(-decimals(currency))


def format_amount(value: Decimal, currency: str | None) -> str:
    """Write an amount with the currency's decimals: 9.5 is '9.50'."""
    return str(quantize(value, currency))
