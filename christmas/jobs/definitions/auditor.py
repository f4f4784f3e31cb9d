"""The jobs of the auditor: reading again what is in doubt."""
# Classes are named as the jobs are: auditor.confirm_held.
# ruff: noqa: N801

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from christmas.jobs.definitions.base import Definition, Limit, RootJob, SpiderJob, texts

if TYPE_CHECKING:
    from collections.abc import Sequence


class Audit(SpiderJob):
    """A stage of the vendor's spider; ``limit`` is the most pages it reads."""

    stage: ClassVar[str]
    limit: Limit | None = None

    def spider_arguments(self) -> dict[str, str]:
        """Return the stage."""
        return texts(stage=self.stage, limit=self.limit)


class confirm_held(Audit):
    """Read the product pages of held changes, a sample of them where a run's changes are held as a whole."""

    priority = 15  # what a shop has changed waits for it

    stage: ClassVar[str] = "confirm"


class verify_sample(Audit):
    """Read a random sample of the product pages and record how much of the catalog is right."""

    stage: ClassVar[str] = "verify"


class confirm_gone(Audit):
    """Read the pages of keys that no listing shows any more: delisted, sold out, or unreachable."""

    stage: ClassVar[str] = "gone"


class audit_all(RootJob):
    """One of the auditor's jobs for every vendor."""

    which: Literal["confirm_held", "verify_sample", "confirm_gone"]

    def children(self, vendors: Sequence[str]) -> list[tuple[Definition, int | None]]:
        """Return one child for each vendor."""
        kinds: dict[str, type[Audit]] = {one.__name__: one for one in (confirm_held, verify_sample, confirm_gone)}
        return [(kinds[self.which](vendor=vendor), None) for vendor in vendors]
