"""The query parameters of all that lists products, and what they mean to the catalog."""

import re
from datetime import UTC, date, datetime, time
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from sqlalchemy import Connection

from christmas.access.gate import Caller
from christmas.catalog.filters import Filters
from christmas.catalog.query_plan import SORTS
from christmas.items import Availability
from christmas.reading.money import decimals
from christmas.server.state import State

NO_NUL = r"^[^\u0000]*$"
_VENDOR = r"^[a-z0-9_]{1,100}$"
_AMOUNT = r"^[0-9]{1,10}(\.[0-9]{1,4})?$"
_CURRENCY = r"^[A-Z]{3}$"
# An offset whose plus sign was sent as it is: in a query that is a space.
_LOST_PLUS = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)")

T = TypeVar("T")


class _WithoutNull:
    """Leaves null out of a type's schema: a parameter that is not given is not there, and never null."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(schema)
        kinds = [one for one in found.pop("anyOf") if one != {"type": "null"}]
        return found | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds})


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("may not hold the character NUL")
    return text


def _vendor(text: str) -> str:
    if not re.fullmatch(_VENDOR, text):
        raise ValueError("is not a vendor's name, such as ornament_shop_com")
    return text


def _amount(text: Any) -> Any:
    if not isinstance(text, str) or not re.fullmatch(_AMOUNT, text):
        raise ValueError("is not an amount: write it such as 24.95")
    return Decimal(text)


def _currency(text: str) -> str:
    if not re.fullmatch(_CURRENCY, text):
        raise ValueError("is not a currency's code: write it such as USD")
    return text


def _moment(text: Any) -> Any:
    """Read an aware time, or a date, which is midnight UTC."""
    wrong = "is neither a time with offset, such as 2026-11-25T10:00:00Z, nor a date, such as 2026-11-25"
    if not isinstance(text, str):
        raise ValueError(wrong)  # noqa: TRY004  # pydantic explains only these
    try:
        if len(text) <= len("2026-11-25"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        at = datetime.fromisoformat(_LOST_PLUS.sub("+", text) if "T" in text else text)
    except ValueError as error:
        raise ValueError(wrong) from error
    if at.tzinfo is None:
        raise ValueError(wrong)
    return at


def _text(description: str, most: int, example: str) -> Any:
    return Field(
        None, description=description, max_length=most, examples=[example], json_schema_extra={"pattern": NO_NUL}
    )


# A parameter that may be left out.
Given = Annotated[T | None, _WithoutNull()]
Plain = Annotated[str, AfterValidator(_without_nul)]
Vendor = Annotated[
    str,
    AfterValidator(_vendor),
    Field(description="only of this vendor", examples=["ornament_shop_com"], json_schema_extra={"pattern": _VENDOR}),
]
Year = Annotated[int, Field(description="only of this release year", ge=1, le=9999, examples=[1985])]
Amount = Annotated[Decimal, BeforeValidator(_amount), WithJsonSchema({"type": "string", "pattern": _AMOUNT})]
Currency = Annotated[
    str,
    AfterValidator(_currency),
    Field(
        description="which currency's prices are compared: ISO 4217",
        examples=["USD"],
        json_schema_extra={"pattern": _CURRENCY},
    ),
]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}),
]
Cursor = Annotated[
    Given[Plain],
    Field(description="`next` of the page before", max_length=1000, json_schema_extra={"pattern": r"^[A-Za-z0-9_-]*$"}),
]
Limit = Annotated[int, Field(description="the most items of a page", ge=1, le=200, examples=[50])]


class ProductFilters(BaseModel):
    """Which products."""

    model_config = ConfigDict(extra="forbid")

    vendor: Given[Vendor] = None
    year: Given[Year] = None
    availability: list[Availability] = Field(
        [], description="only with this stock; may be given several times", max_length=len(Availability)
    )
    price_min: Given[Amount] = Field(None, description="at least this price", examples=["10.00"])
    price_max: Given[Amount] = Field(None, description="at most this price", examples=["49.95"])
    currency: Currency = "USD"
    brand: Given[Plain] = _text("only of this brand", 200, "Hallmark")
    series: Given[Plain] = _text("only of this series", 200, "Frosty Friends")
    changed_since: Given[Moment] = Field(
        None, description="only what has changed since this time, or this day", examples=["2026-11-25T10:00:00Z"]
    )
    text: Given[Plain] = _text(
        "words of name, series, brand, year and SKU; misspelt ones are corrected, and at most 1,000 products "
        "are looked at",
        200,
        "frosty freinds 1985",
    )
    gone: bool = Field(False, description="also delisted products")

    def filters(self, state: State, connection: Connection, caller: Caller) -> Filters:
        """Return what the catalog filters by, within what the caller may see."""
        return Filters(
            vendor=self.vendor,
            vendors=caller.vendors,
            year=self.year,
            availability=tuple(sorted(set(self.availability))),
            price_min_minor=_bound(self.price_min, self.currency, ROUND_CEILING),
            price_max_minor=_bound(self.price_max, self.currency, ROUND_FLOOR),
            currency=self.currency,
            brand=self.brand,
            series=self.series,
            changed_since=self.changed_since,
            query=state.vocabulary.query(connection, self.text, caller.vendors),
            gone=self.gone,
        )


class SortedFilters(ProductFilters):
    """Which products, in which order."""

    sort: Literal[SORTS] = Field(  # type: ignore[valid-type]  # the catalog's own list
        "changed", description="changed: the newest change first; by price or year leaves out what has none"
    )


def _bound(value: Decimal | None, currency: str, rounding: str) -> int | None:
    """Return a bound in minor units, so rounded that it means the same."""
    return None if value is None else int(value.scaleb(decimals(currency)).to_integral_value(rounding))
