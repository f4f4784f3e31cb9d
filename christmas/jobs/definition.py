"""What a job definition is: typed arguments, and the spider run or the children it becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from christmas.errors import ArgumentError
from christmas.platforms.arguments import YEARS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from christmas.catalog.jobs import JobRow
    from christmas.config import Config

Vendor = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,80}$")]
Year = Annotated[int, Field(ge=YEARS[0], le=YEARS[-1])]
Limit = Annotated[int, Field(ge=1, lt=10**9)]


def _no_blank(keys: tuple[str, ...]) -> tuple[str, ...]:
    if any("," in key or not key.strip() for key in keys):
        raise ValueError("a key is neither empty nor holds a comma")
    return keys


Keys = Annotated[tuple[str, ...], AfterValidator(_no_blank)]


class Definition(BaseModel):
    """The base of all jobs. A subclass's module and name are the job's name; its fields are the arguments.

    Building one with a wrong argument raises ArgumentError naming it and what was expected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    consumer: ClassVar[str] = ""
    priority: ClassVar[int] = 0

    def __init__(self, **arguments: Any) -> None:
        try:
            super().__init__(**arguments)
        except ValidationError as error:
            raise ArgumentError(f"{self.job_name()}: {_explain(error)}; it takes {self.signature()}.") from None

    @classmethod
    def job_name(cls) -> str:
        """Give the name in dot notation; its root is the consumer."""
        return f"{cls.__module__.rpartition('.')[2]}.{cls.__name__}"

    @classmethod
    def signature(cls) -> str:
        """Give the arguments to be read by people."""
        return ", ".join(name if field.is_required() else f"[{name}]" for name, field in cls.model_fields.items())

    def arguments(self) -> dict[str, Any]:
        """Give the arguments that were set, as the job's record keeps them."""
        given = self.model_dump(mode="json", exclude_none=True)
        return {name: value for name, value in given.items() if value != []}

    def resolved(self, connection: Connection) -> Definition:
        """Give the job with what only the catalog knows filled in; raises ArgumentError where it knows nothing."""
        return self

    def submit(self, config: Config | None = None, **more: Any) -> JobRow:
        """Submit the job; gives its record, or that of the same job where one is queued or running."""
        from christmas.jobs import client

        return client.submit(self.job_name(), self.arguments(), config=config, **more)


class SpiderJob(Definition):
    """A job that is one run of a vendor's spider."""

    vendor: Vendor

    def spider_arguments(self) -> dict[str, str]:
        """Give what the spider gets as ``-a name=value``."""
        raise NotImplementedError


class RootJob(Definition):
    """A job that runs no process: it creates children, and ends with the last of them."""

    def children(self, vendors: Sequence[str]) -> list[tuple[Definition, int | None]]:
        """Give the children, each with the index of the one that must succeed before it; ``vendors`` are all known."""
        raise NotImplementedError


def _explain(error: ValidationError) -> str:
    def one(problem: Any) -> str:
        key = ".".join(str(part) for part in problem["loc"]) or "arguments"
        if problem["type"] == "extra_forbidden":
            return f"there is no argument {key}"
        if problem["type"] == "missing":
            return f"{key} is missing"
        return f"{key}={problem['input']!r} is not accepted ({problem['msg']})"

    return "; ".join(one(problem) for problem in error.errors(include_url=False, include_context=False))
