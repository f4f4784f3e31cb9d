"""Types of parameters and bodies that several routes share: all of them bounded."""

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from christmas.errors import ArgumentError
from christmas.jobs.definitions import registry
from christmas.jobs.spider_arguments import VENDOR_PATTERN

LIMIT_DEFAULT, LIMIT_MAX = 50, 200
# Of a job's argument, and of how many a list may have.
TEXT_MAX, LIST_MAX = 2000, 10_000
# What every reader of JSON takes exactly, and every column holds.
LARGEST = 2**53 - 1
JOB_ID_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"
JOB_NAME_PATTERN = r"^[a-z_]{1,40}\.[a-z_]{1,40}$"

Vendor = Annotated[str, Field(pattern=VENDOR_PATTERN, examples=["ornament_shop_com"])]
JobId = Annotated[str, Field(pattern=JOB_ID_PATTERN, examples=["0b6f5a2c4d1e48f7a9c3b2d1e0f9a8b7"])]
JobName = Annotated[str, Field(pattern=JOB_NAME_PATTERN, examples=["integrator.sync_links"])]
RowId = Annotated[int, Field(ge=1, le=LARGEST, examples=[17])]
ScheduleName = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f/]{1,100}$", examples=["links"])]

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="the most items of a page")]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next` of the page before")]
VendorFilter = Annotated[Vendor | None, Query(description="only of this vendor")]
VendorPath = Annotated[Vendor, Path()]
JobPath = Annotated[JobId, Path()]


class Body(BaseModel):
    """The base of all bodies; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a text without control characters is expected")
    return text


Text = Annotated[str, Field(min_length=1, max_length=TEXT_MAX), AfterValidator(_printable)]


def _argument(value: Any) -> Any:
    """Accept a text, a number, true, false, null, or a list of texts: what jobs take."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= LARGEST:
        return value
    if isinstance(value, str) and len(value) <= TEXT_MAX and (not value or value.isprintable()):
        return value
    if isinstance(value, list) and len(value) <= LIST_MAX and all(isinstance(one, str) for one in value):
        return [_argument(one) for one in value]
    raise ValueError(
        f"a text of at most {TEXT_MAX} printable characters, a whole number, true, false, null or a list of texts is "
        "expected"
    )


_TEXT_SCHEMA = {"type": "string", "maxLength": TEXT_MAX}
Argument = Annotated[
    Any,
    PlainValidator(_argument),
    WithJsonSchema(
        {
            "anyOf": [
                _TEXT_SCHEMA,
                {"type": "integer", "minimum": -LARGEST, "maximum": LARGEST},
                {"type": "boolean"},
                {"type": "array", "items": _TEXT_SCHEMA, "maxItems": LIST_MAX},
                {"type": "null"},
            ]
        }
    ),
]
ArgumentName = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
Arguments = Annotated[
    dict[ArgumentName, Argument],
    Field(max_length=20, description="as `GET /job-definitions` says", examples=[{"vendor": "ornament_shop_com"}]),
]


def check_job(name: str) -> None:
    """Raise ArgumentError with the list of jobs where there is none of that name."""
    if name not in registry.DEFINITIONS:
        raise ArgumentError(f"There is no job {name!r}; there are {', '.join(sorted(registry.DEFINITIONS))}.")
