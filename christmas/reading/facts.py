"""What the readers return; amounts are decimals in the page's currency, never floats."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from christmas.items import UNREAD, Availability, Read


@dataclass(slots=True)
class ProductFacts:
    """What one product page says: each field a value, None (the page says there is none) or UNREAD.

    ``ids`` are the platform's identifiers of the page, the most stable first (catalogid, entity id); empty where
    the page names none. ``source`` says what was read, such as ``json-ld`` or ``microdata+selectors``;
    ``disagreements`` are sentences about sources that name different prices; ``price_source`` is the one the prices are
    from, and ``prices`` what each source says that was asked.
    """

    name: Read[str] = UNREAD
    sku: Read[str] = UNREAD
    gtin: Read[str] = UNREAD
    brand: Read[str] = UNREAD
    price: Read[Decimal] = UNREAD
    price_min: Read[Decimal] = UNREAD
    price_max: Read[Decimal] = UNREAD
    list_price: Read[Decimal] = UNREAD
    currency: Read[str] = UNREAD
    availability: Read[Availability] = UNREAD
    release_year: Read[int] = UNREAD
    series: Read[str] = UNREAD
    series_number: Read[int] = UNREAD
    box: Read[str] = UNREAD
    image_url: Read[str] = UNREAD
    ids: tuple[str, ...] = ()
    source: str = ""
    disagreements: tuple[str, ...] = ()
    price_source: str = field(default="", compare=False)
    prices: tuple[tuple[str, Decimal | None], ...] = field(default=(), compare=False)


@dataclass(slots=True)
class EntryFacts:
    """What a listing page says about one product; ``url`` is absolute, ``ids`` as in ProductFacts.

    ``ranged`` says that it shows a range of prices, which is no price.
    """

    url: str
    ids: tuple[str, ...] = ()
    name: Read[str] = UNREAD
    price: Read[Decimal] = UNREAD
    list_price: Read[Decimal] = UNREAD
    currency: Read[str] = UNREAD
    availability: Read[Availability] = UNREAD
    ranged: bool = False


@dataclass(slots=True)
class ListingFacts:
    """One page of a listing: its entries in page order, the next page and sub-categories as absolute URLs."""

    entries: list[EntryFacts] = field(default_factory=list)
    next_url: str | None = None
    view_all_url: str | None = None
    subcategories: list[str] = field(default_factory=list)
    source: str = ""


@dataclass(frozen=True, slots=True)
class YearFacts:
    """One year of a vendor's year index."""

    year: int
    url: str
