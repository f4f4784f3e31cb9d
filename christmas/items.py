"""What spiders yield: listing entries, products, readings of whole listings, and second readings for the auditor."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import Enum, StrEnum
from typing import Final, Literal, TypeAlias, TypeVar


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


@dataclass(slots=True)
class Product:
    """What a product's own page tells; prices are in minor units of ``currency`` (ISO 4217)."""

    vendor: str
    key: str
    url: str
    aliases: tuple[str, ...] = ()
    name: Read[str] = UNREAD
    sku: Read[str] = UNREAD
    gtin: Read[str] = UNREAD
    brand: Read[str] = UNREAD
    price_minor: Read[int] = UNREAD
    price_min_minor: Read[int] = UNREAD
    price_max_minor: Read[int] = UNREAD
    list_price_minor: Read[int] = UNREAD
    currency: Read[str] = UNREAD
    availability: Read[Availability] = UNREAD
    release_year: Read[int] = UNREAD
    series: Read[str] = UNREAD
    series_number: Read[int] = UNREAD
    box: Read[str] = UNREAD
    image_url: Read[str] = UNREAD
    source: str = ""
    price_source: str = ""
    read_at: datetime | None = None
    page: Page | None = field(default=None, repr=False, compare=False)


# What is known of a product, in this order: what a change, a table, an export or an answer of the API is made of.
PRODUCT_FIELDS: Final = tuple(one.name for one in fields(Product) if one.default is UNREAD)
AMOUNTS: Final = tuple(name for name in PRODUCT_FIELDS if name.endswith("_minor"))


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
