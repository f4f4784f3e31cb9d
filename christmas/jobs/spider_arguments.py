"""The arguments of every integration; a wrong one fails before the first request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from christmas.errors import ArgumentError

Stage = Literal["links", "products", "confirm", "verify", "gone"]
Which = Literal["unscraped", "scraped", "stale", "all"]

STAGES: tuple[str, ...] = get_args(Stage)
# What a stage is called as a job.
JOBS: dict[str | None, str] = {
    None: "integrator.sync_vendor",
    "links": "integrator.sync_links",
    "products": "integrator.sync_products",
    "confirm": "auditor.confirm_held",
    "verify": "auditor.verify_sample",
    "gone": "auditor.confirm_gone",
}
AUDITS = ("confirm", "verify", "gone")
WHICH: tuple[str, ...] = get_args(Which)
VENDOR_PATTERN = r"^[a-z0-9_]{1,80}$"
# The first Keepsake ornaments are from 1973; a shop may list older pieces by other makers.
YEARS = range(1900, 2101)
# Python refuses to read numbers of thousands of digits, with an error of its own.
DIGITS_MAX = 20


@dataclass(frozen=True, slots=True)
class Arguments:
    """What one run is asked to do.

    ``stage`` None means links, then the unscraped products. ``which`` selects products in the products stage; in the
    links stage only ``all`` has a meaning: every listing, due or not. ``limit`` is the most product pages to read.
    """

    stage: Stage | None = None
    year: int | None = None
    which: Which | None = None
    keys: tuple[str, ...] = ()
    limit: int | None = None

    @property
    def job_name(self) -> str:
        """The name of the standard job this run is, in dot notation."""
        return JOBS[self.stage]

    def as_dict(self) -> dict[str, object]:
        """Return the arguments that were set, as the job's record keeps them."""
        values = {"stage": self.stage, "year": self.year, "which": self.which, "limit": self.limit}
        given = {name: value for name, value in values.items() if value is not None}
        return given | ({"keys": list(self.keys)} if self.keys else {})


def no_such_stage(stage: object) -> ArgumentError:
    """Return the error that names the stages there are."""
    return ArgumentError(
        f"stage={stage!r} is not a stage: use links or products, leave it out for both, or use one of the "
        f"auditor's: {', '.join(AUDITS)}."
    )


def parse(
    stage: str | None = None,
    year: str | int | None = None,
    which: str | None = None,
    keys: str | None = None,
    limit: str | int | None = None,
    **unknown: object,
) -> Arguments:
    """Check the texts of ``-a name=value``; raise ArgumentError naming the argument and its accepted values."""
    if unknown:
        accepted = "stage, year, which, keys and limit"
        raise ArgumentError(f"Unknown argument {', '.join(sorted(unknown))}: a spider takes {accepted}.")
    if stage is not None and stage not in STAGES:
        raise no_such_stage(stage)
    if stage in AUDITS and (year or which or keys):
        raise ArgumentError(f"stage={stage} chooses its pages itself: it takes only limit.")
    if which is not None and which not in WHICH:
        raise ArgumentError(f"which={which!r} selects nothing: use one of {', '.join(WHICH)}.")
    if stage == "links" and (keys or which not in {None, "all"}):
        raise ArgumentError("stage=links takes only which=all (every listing, due or not), and no keys.")
    if stage is None and (keys or which):
        raise ArgumentError("which and keys select product pages: give stage=products with them.")
    return Arguments(
        stage=stage,  # type: ignore[arg-type]  # checked above
        year=_number("year", year, f"a release year from {YEARS[0]} to {YEARS[-1]}", YEARS),
        which=which,  # type: ignore[arg-type]  # checked above
        keys=_keys(keys),
        limit=_number("limit", limit, "a whole number from 1 on", range(1, 10**9)),
    )


def _number(name: str, value: str | int | None, accepted: str, values: range) -> int | None:
    if value is None:
        return None
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and len(text) < DIGITS_MAX and int(text) in values):
        raise ArgumentError(f"{name}={value!r} is not accepted: give {accepted}.")
    return int(text)


def _keys(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    keys = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not keys:
        raise ArgumentError("keys is empty: give the vendor's keys separated by commas, such as keys=1009,1010.")
    return keys
