"""The parts of a search: parsed from an address, and written into one."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict

from christmas.errors import ArgumentError
from christmas.items import BUYABLE
from christmas.reading.money import to_minor
from christmas.server.web import words

CURRENCY = "USD"
TEXT_MAX, EXPORT_TEXT_MAX = 300, 200
PAGE_SIZE = 24
# By the word of the address: what `browse` calls it, and what the page says.
SORTS = {
    "": ("changed", "Newest changes"),
    "cheap": ("price", "Lowest price"),
    "dear": ("-price", "Highest price"),
    "new": ("-year", "Newest year"),
    "old": ("year", "Oldest year"),
}
_PRICE_MAX = Decimal(10) ** 9
_PAGE_MAX = 1000


class Asked(BaseModel):
    """The parts of a search's address as they were written; an empty text where there is none."""

    model_config = ConfigDict(frozen=True)

    q: str = ""
    year: str = ""
    shop: str = ""
    stock: str = ""
    price_from: str = ""
    price_to: str = ""
    series: str = ""
    sort: str = ""
    page: str = ""

    def address(self, **changes: str) -> str:
        """Return the address of the same search with other parts; its first page by default."""
        parts = self.model_dump() | {"page": ""} | changes
        query = urlencode([(name, value) for name, value in parts.items() if value])
        return f"/?{query}" if query else "/"

    def export(self) -> str:
        """Return the address of everything that this search finds as a file."""
        parts = {
            "text": self.q[:EXPORT_TEXT_MAX], "year": self.year, "vendor": self.shop, "series": self.series,
            "price_min": _amount(self.price_from), "price_max": _amount(self.price_to),
        }  # fmt: skip
        query = [(name, value) for name, value in parts.items() if value]
        if self.stock:
            query += [("availability", one) for one in sorted(BUYABLE)]
        return f"/export?{urlencode(query)}"

    def filters(self) -> list[tuple[str, str]]:
        """Return the words for each active filter, and the address of the same search without it."""
        texts = {
            "year": self.year, "shop": words.shop(self.shop), "series": self.series, "stock": "In stock",
            "price_from": f"From ${_amount(self.price_from)}", "price_to": f"Up to ${_amount(self.price_to)}",
        }  # fmt: skip
        return [(text, self.address(**{name: ""})) for name, text in texts.items() if getattr(self, name)]

    @property
    def is_filtered(self) -> bool:
        """Return whether the search has anything but an order."""
        return any(value for name, value in self.model_dump().items() if name not in {"sort", "page"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """The parsed parts; amounts in minor units of ``CURRENCY``."""

    text: str
    year: int | None
    shop: str | None
    in_stock: bool
    price_min_minor: int | None
    price_max_minor: int | None
    series: str | None
    sort: str
    page: int


def read(asked: Asked) -> Wanted:
    """Parse the parts of a search; raise ArgumentError naming the wrong field and what is accepted."""
    for name, value in (("search", asked.q), ("series", asked.series), ("shop", asked.shop)):
        if len(value) > TEXT_MAX:
            raise ArgumentError(f"{name}: at most {TEXT_MAX} characters.")
    if asked.sort not in SORTS:
        raise ArgumentError(f"sort: one of {', '.join(name for name in SORTS if name)}, or nothing.")
    if asked.stock not in {"", "in"}:
        raise ArgumentError("stock: in, or nothing.")
    low, high = _price(asked.price_from, "price from"), _price(asked.price_to, "price to")
    if low is not None and high is not None and low > high:
        raise ArgumentError("price from must not be above price to.")
    return Wanted(
        text=asked.q.strip(),
        year=number(asked.year, "year", 1900, 2100),
        shop=_plain(asked.shop) or None,
        in_stock=asked.stock == "in",
        price_min_minor=low,
        price_max_minor=high,
        series=_plain(asked.series) or None,
        sort=SORTS[asked.sort][0],
        page=number(asked.page, "page", 1, _PAGE_MAX) or 1,
    )


def number(text: str, name: str, low: int, high: int) -> int | None:
    """Parse a whole number; None where the text is empty. Raise ArgumentError."""
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(high)) and low <= int(text) <= high):
        raise ArgumentError(f"{name}: a number from {low} to {high}.")
    return int(text)


def _price(text: str, name: str) -> int | None:
    text = _amount(text)
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 <= value <= _PRICE_MAX:
        raise ArgumentError(f"{name}: an amount such as 19.95.")
    return to_minor(value, CURRENCY)


def _amount(text: str) -> str:
    return text.strip().removeprefix("$").replace(",", "")


def _plain(text: str) -> str:
    return text.replace("\0", "").strip()
