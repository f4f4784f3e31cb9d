"""What a job definition is: typed arguments, and the spider run or the children it becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from christmas.errors import ArgumentError
from christmas.jobs.spider_arguments import VENDOR_PATTERN, YEARS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from christmas.config import Config
    from christmas.jobs.records import JobRow

# Linux starts no process with a longer argument than 128 KiB.
KEYS_BYTES_MAX = 100_000
# So much of a wrong value is shown.
SHOWN_MAX = 100


def _no_truth(value: object) -> object:
    if isinstance(value, bool):  # which Python takes for 0 and 1
        raise ValueError("a number is expected")  # noqa: TRY004  # pydantic's way
    return value


Vendor = Annotated[str, Field(pattern=VENDOR_PATTERN)]
Year = Annotated[int, Field(ge=YEARS[0], le=YEARS[-1]), BeforeValidator(_no_truth)]
Limit = Annotated[int, Field(ge=1, lt=10**9), BeforeValidator(_no_truth)]


def _one_key(key: str) -> str:
    key = key.strip()
    if not key or "," in key or not key.isprintable():
        raise ValueError("a key is not empty, holds no comma, and can be printed")
    return key


def _each_once(keys: tuple[str, ...]) -> tuple[str, ...]:
    if len(",".join(keys).encode()) > KEYS_BYTES_MAX:
        raise ValueError(f"at most {KEYS_BYTES_MAX:,} bytes of keys fit into one job")
    return tuple(dict.fromkeys(keys))


Key = Annotated[str, Field(max_length=2000), AfterValidator(_one_key)]
Keys = Annotated[tuple[Key, ...], AfterValidator(_each_once)]
Named = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00-\x1f]+$")]


class Definition(BaseModel):
    """The base of all jobs. A subclass's module and name are the job's name; its fields are the arguments.

    Building one with a wrong argument raises ArgumentError naming it and what was expected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    priority: ClassVar[int] = 0
    submitter: ClassVar[Callable[..., JobRow]]  # set by jobs.submission, which knows the definitions

    def __init__(self, /, **arguments: Any) -> None:
        try:
            super().__init__(**arguments)
        except ValidationError as error:
            raise ArgumentError(f"{self.job_name()}: {_explain(error)}; it takes {self.signature()}.") from None

    @classmethod
    def job_name(cls) -> str:
        """Return the name in dot notation; its root is the consumer."""
        return f"{cls.__module__.rpartition('.')[2]}.{cls.__name__}"

    @classmethod
    def signature(cls) -> str:
        """Return the arguments to be read by people."""
        return ", ".join(name if field.is_required() else f"[{name}]" for name, field in cls.model_fields.items())

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that were set, as the job's record keeps them."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def resolved(self, connection: Connection, vendors: Sequence[str] | None = None) -> Definition:
        """Return the job with what only the catalog knows filled in; raise ArgumentError where it knows nothing.

        ``vendors`` are those that the caller may know of; None means all.
        """
        return self

    def submit(self, config: Config | None = None, **more: Any) -> JobRow:
        """Submit the job; return its record, or that of the same job where one is queued or running."""
        return self.submitter(self.job_name(), self.arguments(), config=config, **more)


class SpiderJob(Definition):
    """A job that is one run of a vendor's spider."""

    vendor: Vendor

    def spider_arguments(self) -> dict[str, str]:
        """Return what the spider gets as ``-a name=value``."""
        raise NotImplementedError


class RootJob(Definition):
    """A job that runs no process: it creates children, and ends with the last of them."""

    def children(self, vendors: Sequence[str]) -> list[tuple[Definition, int | None]]:
        """Return the children, each with the index of the one to succeed before it; ``vendors`` are the known ones."""
        raise NotImplementedError


def texts(**values: object) -> dict[str, str]:
    """Return arguments as a spider gets them; those that were not set are left out."""
    return {name: str(value) for name, value in values.items() if value is not None}


def _explain(error: ValidationError) -> str:
    def one(problem: Any) -> str:
        key = ".".join(str(part) for part in problem["loc"]) or "arguments"
        if problem["type"] == "extra_forbidden":
            return f"there is no argument {key}"
        if problem["type"] == "missing":
            return f"{key} is missing"
        value = repr(problem["input"])
        shown = value if len(value) <= SHOWN_MAX else f"{value[:SHOWN_MAX]}..."
        return f"{key}={shown} is not accepted ({problem['msg'].removeprefix('Value error, ')})"

    return "; ".join(one(problem) for problem in error.errors(include_url=False, include_context=False))
