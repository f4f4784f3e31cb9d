"""What spiders yield: listing entries, products, readings of whole listings, and second readings for the auditor."""

# ruff: noqa: RUF009  # `_declared` returns a new field at each call
from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar


class Unread(Enum):
    """The state of a field the page did not tell; it never overwrites what is known."""

    UNREAD = "unread"

    def __repr__(self) -> str:
        return "UNREAD"

    def __bool__(self) -> Literal[False]:
        return False


UNREAD: Final = Unread.UNREAD
T = TypeVar("T")
# A value, None (absent: the page says there is none), or UNREAD (the page does not say).
Read: TypeAlias = T | Literal[Unread.UNREAD] | None
TextT = TypeVar("TextT")
NumberT = TypeVar("NumberT")
NameT = TypeVar("NameT")
StockT = TypeVar("StockT")


class Availability(StrEnum):
    """What a shop says of its stock. ``unknown`` is for display only: a reader says UNREAD instead."""

    IN_STOCK = "in_stock"
    LOW_STOCK = "low_stock"
    OUT_OF_STOCK = "out_of_stock"
    PREORDER = "preorder"
    DISCONTINUED = "discontinued"
    UNKNOWN = "unknown"


# What "in stock" means wherever it is counted, filtered, ranked or watched: the shop takes an order now. A product
# that no listing shows any more cannot be bought, whatever its page said last. Of ``unknown`` neither is true.
BUYABLE: Final = (Availability.IN_STOCK.value, Availability.LOW_STOCK.value, Availability.PREORDER.value)
NOT_BUYABLE: Final = (Availability.OUT_OF_STOCK.value, Availability.DISCONTINUED.value)


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it was answered; what was read from it carries it until it is stored, or kept because it is odd."""

    url: str
    body: bytes
    encoding: str


@dataclass(slots=True)
class YearLink:
    """A vendor's listing page for one release year."""

    vendor: str
    year: int
    url: str


@dataclass(slots=True)
class ListingEntry:
    """What a listing page tells about one product.

    ``listing`` is the path of the year link it was reached from; prices are in minor units of ``currency``. A card that
    shows a range of prices is ``ranged`` and has no price.
    """

    vendor: str
    key: str
    url: str
    listing: str
    release_year: int | None
    aliases: tuple[str, ...] = ()
    name: Read[str] = UNREAD
    price_minor: Read[int] = UNREAD
    list_price_minor: Read[int] = UNREAD
    currency: str = "USD"
    availability: Read[Availability] = UNREAD
    ranged: bool = False
    source: str = ""
    read_at: datetime | None = None
    page: Page | None = field(default=None, repr=False, compare=False)


class Kind(Enum):
    """What a product's field holds; amounts are in minor units of its currency."""

    TEXT = "text"
    NUMBER = "number"
    AMOUNT = "amount"
    CURRENCY = "currency"
    STOCK = "stock"
    URL = "url"


def _declared(kind: Kind, description: str, example: Any = None, *, required: bool = False) -> Any:
    about = {"kind": kind, "description": description, "example": example, "required": required}
    return field(default=UNREAD, metadata=about)


@dataclass
class ProductName:
    """Which product: what a vendor sells under one key, and the address of its page."""

    __slots__ = ()  # those that are made of it have the slots

    vendor: str
    key: str
    url: str


@dataclass
class ProductFields(ProductName, Generic[NameT, TextT, NumberT, StockT]):
    """The fields of a product, declared once: items, columns, rows, changes, API and exports derive from them."""

    __slots__ = ()

    sku: TextT = _declared(Kind.TEXT, "as the vendor writes it", "QX4822NB")
    gtin: TextT = _declared(Kind.TEXT, "the number of the bar code")
    name: NameT = _declared(Kind.TEXT, "as the vendor writes it", "1985 Frosty Friends #6", required=True)
    brand: TextT = _declared(Kind.TEXT, "the maker", "Hallmark")
    release_year: NumberT = _declared(Kind.NUMBER, "when it was released", 1985)
    series: TextT = _declared(Kind.TEXT, "the series it belongs to", "Frosty Friends")
    series_number: NumberT = _declared(Kind.NUMBER, "its number in the series", 6)
    box: TextT = _declared(Kind.TEXT, "the condition of the box, as the shop marks it", "NB")
    price_minor: NumberT = _declared(Kind.AMOUNT, "what it costs now", 2495)
    price_min_minor: NumberT = _declared(Kind.AMOUNT, "of a product with several prices, the lowest")
    price_max_minor: NumberT = _declared(Kind.AMOUNT, "of a product with several prices, the highest")
    list_price_minor: NumberT = _declared(Kind.AMOUNT, "what it cost before, as the shop says")
    currency: TextT = _declared(Kind.CURRENCY, "ISO 4217", "USD")
    availability: StockT = _declared(Kind.STOCK, ", ".join(Availability), "in_stock", required=True)
    image_url: TextT = _declared(Kind.URL, "its photo", "https://ornament-shop.example/9001.jpg")


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """What is declared of a product's field; ``required`` ones are never None in the catalog."""

    name: str
    kind: Kind
    description: str
    example: Any
    required: bool

    @property
    def public_name(self) -> str:
        """The name that files and the API have for it: that of an amount does without its unit."""
        return self.name.removesuffix("_minor")


DECLARED: Final = tuple(FieldInfo(one.name, **one.metadata) for one in fields(ProductFields) if one.metadata)
PRODUCT_FIELDS: Final = tuple(one.name for one in DECLARED)
AMOUNTS: Final = tuple(one.name for one in DECLARED if one.kind is Kind.AMOUNT)


@dataclass(slots=True)
class Product(ProductFields[Read[str], Read[str], Read[int], Read[Availability]]):
    """What a product's own page tells; prices are in minor units of ``currency`` (ISO 4217)."""

    aliases: tuple[str, ...] = ()
    source: str = ""
    price_source: str = ""
    read_at: datetime | None = None
    page: Page | None = field(default=None, repr=False, compare=False)


@dataclass(slots=True)
class ListingReading:
    """The end of one listing's reading, all its ``pages``; ``complete`` is False where any of them failed.

    ``looped`` says that its paging led to pages that had been read already.
    """

    vendor: str
    listing: str
    release_year: int | None
    entries: int
    complete: bool
    started_at: datetime
    finished_at: datetime
    pages: int = 1
    looped: bool = False


@dataclass(slots=True)
class PageUnread:
    """A product's own page that gave no product: the shop has none there (404, 410), or nothing was readable."""

    vendor: str
    key: str
    url: str
    reason: str
    read_at: datetime


@dataclass(slots=True)
class OddPage:
    """A page that could not be read, or whose sources disagree; it is kept, so that the readers can be tried on it."""

    vendor: str
    reason: str
    page: Page
    read_at: datetime


@dataclass(slots=True)
class SecondReading:
    """A product's own page, read again because a change is held; None where it gave no product.

    ``prices`` are those of the page's sources, such as ``(("json-ld", 1595), ("selectors", 1595))``, in minor units.
    """

    vendor: str
    key: str
    product: Product | None
    prices: tuple[tuple[str, int | None], ...]
    read_at: datetime


@dataclass(slots=True)
class GoneReading:
    """The page of a key that is gone from its listings: ``missing``, ``sold_out``, ``listed`` or ``unreachable``."""

    vendor: str
    key: str
    found: Literal["missing", "sold_out", "listed", "unreachable"]
    read_at: datetime
