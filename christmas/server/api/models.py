"""Responses about products, their changes and their prices; amounts are decimal strings, times are UTC."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, Field, create_model

from christmas.catalog.export import amount
from christmas.items import DECLARED, FieldInfo, Kind

if TYPE_CHECKING:
    from christmas.catalog import price_history, product_lists
    from christmas.catalog.changes import ChangeRow
    from christmas.catalog.products import ProductRow
    from christmas.catalog.search import Query
    from christmas.catalog.statistics import PriceStatistics

_PRODUCT_ID = "0b6a7f3e-55a1-5a52-9c0f-0f6a5d1f2c11"
Amount = Annotated[str | None, Field(description="a decimal number in `currency`", examples=["24.95"])]
Currency = Annotated[str | None, Field(description="ISO 4217", examples=["USD"])]
Vendor = Annotated[str, Field(description="the shop's domain in snake case", examples=["ornament_shop_com"])]
Id = Annotated[UUID, Field(description="of the product; stays the same", examples=[_PRODUCT_ID])]
Availability = Annotated[
    str,
    Field(
        description="in_stock, low_stock, out_of_stock, preorder, discontinued or unknown",
        examples=["in_stock"],
    ),
]
Next = Annotated[str | None, Field(description="the `cursor` of the next page; null at the end", examples=[None])]
NormalForm = Annotated[
    str,
    Field(
        description="what all spellings of a SKU have in common; of a product without SKU the digits of its id",
        examples=["QX4822"],
    ),
]
More = Annotated[bool, Field(description="whether there are more products than were looked at; narrow the filters")]
Year = Annotated[int | None, Field(description="when it was released", examples=[1985])]
Url = Annotated[str, Field(description="the page of the shop", examples=["https://ornament-shop.example/9001.html"])]


_AMOUNTS = tuple((one.public_name, one.name) for one in DECLARED if one.kind is Kind.AMOUNT)


class _Name(BaseModel):
    id: Id
    vendor: Vendor
    key: str = Field(description="the vendor's own identifier of its page", examples=["9001"])
    piece: NormalForm


def _field(one: FieldInfo) -> Any:
    if one.kind is Kind.AMOUNT:
        example = amount(one.example, "USD")
        return Amount, Field(description=f"{one.description}; a decimal number in `currency`", examples=[example])
    kind: Any = int if one.kind is Kind.NUMBER else str
    return kind if one.required else kind | None, Field(description=one.description, examples=[one.example])


_declared: dict[str, Any] = {one.public_name: _field(one) for one in DECLARED}
_Fields: Any = create_model("_Fields", __base__=_Name, **_declared)


class Product(_Fields):  # type: ignore[misc]  # the fields are those that items.py declares
    """What one vendor sells under one key."""

    url: Url
    first_seen: datetime
    last_changed: datetime
    read_at: datetime = Field(description="when the shop was last read on it with news")
    gone_since: datetime | None = Field(description="since when the shop no longer lists it", examples=[None])

    @classmethod
    def from_record(cls, row: ProductRow) -> Self:
        """Make it of a row of the catalog."""
        values = dict(zip(_PLAIN, _plain_of(row), strict=True))
        for name, column in _AMOUNTS:
            values[name] = amount(getattr(row, column), row.currency)
        return cls.model_construct(**values)  # type: ignore[no-any-return]  # checked already; half of the time


_PLAIN = tuple(name for name in Product.model_fields if name not in dict(_AMOUNTS))
_plain_of = attrgetter(*_PLAIN)


class Understood(BaseModel):
    """What was looked for in place of the text."""

    words: list[str] = Field(examples=[["frosty", "friends", "1985"]])
    corrected: dict[str, str] = Field(
        description="what was written: what it was taken for", examples=[{"freinds": "friends"}]
    )

    @classmethod
    def from_record(cls, query: Query) -> Self:
        """Make it of a query."""
        return cls(words=[*query.words, *query.prefixes], corrected=query.corrected)


class ProductPage(BaseModel):
    """Some products, in the order that was asked for."""

    items: list[Product]
    next: Next
    more: More
    understood: Understood | None = Field(None, description="only where `text` was given")


class Change(BaseModel):
    """One field of one product going from one value to another."""

    at: datetime
    field: str = Field(examples=["price"])
    old: str | None = Field(examples=["38.95"])
    new: str | None = Field(examples=["35.95"])
    currency: Currency = Field(description="of an amount", examples=["USD"])
    job: str = Field(description="the run that has read it", examples=["1f2e3d4c5b6a7f8e9d0c1b2a3f4e5d6c"])
    url: Url
    source: str = Field(description="what it was read from", examples=["json-ld"])

    @classmethod
    def from_record(cls, row: ChangeRow) -> Self:
        """Make it of a row of the catalog."""
        return cls.model_construct(**{name: getattr(row, name) for name in cls.model_fields})


class FeedChange(Change):
    """A change with the product that it is of."""

    id: int = Field(examples=[4711])
    product_id: Id
    vendor: Vendor
    name: str = Field(examples=["1985 Frosty Friends #6"])
    piece: NormalForm
    release_year: Year


class ChangePage(BaseModel):
    """Some changes, the newest first."""

    items: list[FeedChange]
    next: Next


class Step(BaseModel):
    """Price and stock from a moment until the next step."""

    at: datetime
    price: Amount
    currency: Currency
    availability: Availability
    job: str | None = Field(description="the run that has read it; null where it is not known", examples=[None])

    @classmethod
    def from_record(cls, step: price_history.Step) -> Self:
        """Make it of a step."""
        price = amount(step.price_minor, step.currency)
        return cls(at=step.at, price=price, currency=step.currency, availability=step.availability, job=step.job)


class History(BaseModel):
    """Everything that has changed, the oldest first, and what price and stock were when."""

    product: Product
    items: list[Change]
    steps: list[Step]


class Best(BaseModel):
    """The best offer: the cheapest that can be bought."""

    product_id: Id
    vendor: Vendor
    price: Amount
    currency: Currency
    url: Url

    @classmethod
    def from_record(cls, row: ProductRow | None) -> Self | None:
        """Make it of a product; None where nothing can be bought."""
        if row is None:
            return None
        price = amount(row.price_minor, row.currency)
        return cls(product_id=row.id, vendor=row.vendor, price=price, currency=row.currency, url=row.url)


class Piece(BaseModel):
    """One normal form of a SKU and year, in all shops."""

    piece: NormalForm
    release_year: Year
    name: str = Field(examples=["1985 Frosty Friends #6"])
    series: str | None = Field(examples=["Frosty Friends"])
    series_number: int | None = Field(examples=[6])
    sku: str | None = Field(examples=["QX4822NB"])
    image_url: str | None = Field(examples=[None])
    vendors: list[Vendor]
    best: Best | None
    product_ids: list[Id]

    @classmethod
    def from_record(cls, found: product_lists.Piece) -> Self:
        """Make it of a piece of the catalog."""
        return cls(
            piece=found.piece, release_year=found.release_year, name=found.name, series=found.series,
            series_number=found.series_number, sku=found.sku, image_url=found.image_url, vendors=list(found.shops),
            best=Best.from_record(found.best), product_ids=[row.id for row in found.offers],
        )  # fmt: skip


class PieceList(BaseModel):
    """Pieces in the order of their first product."""

    items: list[Piece]
    more: More
    understood: Understood | None = Field(None, description="only where `text` was given")


class Lowest(BaseModel):
    """The lowest price that was ever seen."""

    price: Amount
    currency: Currency
    at: datetime
    vendor: Vendor


class UsualRange(BaseModel):
    """Between what prices it was to be had for half of the last year's time."""

    low: Amount
    high: Amount
    currency: Currency


class Offers(BaseModel):
    """One SKU in all shops."""

    piece: NormalForm
    release_year: Year = Field(description="null where it was released in several years, or in none that is known")
    name: str | None = Field(description="null where there is no offer", examples=["1985 Frosty Friends #6"])
    best: Best | None
    lowest_ever: Lowest | None
    usual_range: UsualRange | None
    items: list[Product]
    more: bool = Field(description="whether there are more offers than were looked at; name the year")


class Suggestions(BaseModel):
    """How the text may go on."""

    items: list[str] = Field(examples=[["frosty", "frosted"]])


class Prices(BaseModel):
    """What the products of one vendor, year and currency cost."""

    vendor: Vendor
    release_year: Year
    currency: Currency
    count: int = Field(description="products with a price that are not delisted", examples=[41])
    mean: Amount
    median: Amount
    standard_deviation: Amount
    minimum: Amount
    maximum: Amount

    @classmethod
    def from_record(cls, found: PriceStatistics) -> Self:
        """Make it of what was computed."""
        values: dict[str, Any] = {name: getattr(found, name) for name in cls.model_fields}
        values |= {name: str(value) for name, value in values.items() if isinstance(value, Decimal)}
        return cls(**values)


class Statistics(BaseModel):
    """Prices by vendor, year and currency."""

    items: list[Prices]
