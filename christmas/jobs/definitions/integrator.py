"""The jobs of the integrator: reading vendors."""
# Classes are named as the jobs are: integrator.sync_links.
# ruff: noqa: N801

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import field_validator, model_validator

from christmas.catalog import page_schedule, products
from christmas.errors import ArgumentError
from christmas.jobs.definitions.base import Definition, Key, Keys, Limit, Named, RootJob, SpiderJob, Vendor, Year, texts
from christmas.jobs.spider_arguments import Which

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection


class sync_links(SpiderJob):
    """Refresh a vendor's year links, keys and listing entries: what is due, one year, or all of it."""

    priority = 10  # cheap, and what everything else is found by
    year: Year | None = None
    which: Literal["all"] | None = None

    def spider_arguments(self) -> dict[str, str]:
        """Return the links stage."""
        return texts(stage="links", year=self.year, which=self.which)


class sync_products(SpiderJob):
    """Read product pages: of the keys given, else of those that ``which`` selects."""

    which: Which | None = None
    year: Year | None = None
    keys: Keys = ()
    limit: Limit | None = None

    @field_validator("keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if not value.strip(", "):
            raise ValueError("give the vendor's keys separated by commas, such as keys=1009,1010")
        return [part for part in value.split(",") if part.strip()]

    def spider_arguments(self) -> dict[str, str]:
        """Return the products stage."""
        keys = ",".join(self.keys) or None
        return texts(stage="products", which=self.which, year=self.year, keys=keys, limit=self.limit)


class sync_product(SpiderJob):
    """Read one product's page: by its ID or address, or by vendor and key."""

    priority = 20  # somebody waits for it
    vendor: Vendor = ""
    key: Key | None = None
    product: Named | None = None

    @model_validator(mode="after")
    def _one_way(self) -> sync_product:
        if (self.product is None) == (self.key is None) or bool(self.key) != bool(self.vendor):
            raise ValueError("give product=ID or address, or vendor and key")
        return self

    def resolved(self, connection: Connection, vendors: Sequence[str] | None = None) -> Definition:
        """Find the product's vendor and key."""
        if self.product is None:
            return self
        if "://" in self.product:
            found = page_schedule.by_url(connection, self.product)
        else:
            row = products.get(connection, self.product)
            found = None if row is None else (row.vendor, row.key)
        if found is not None and (vendors is None or found[0] in vendors):
            return sync_product(vendor=found[0], key=found[1])
        raise ArgumentError(f"integrator.sync_product: no product {self.product!r} is known; see `christmas products`.")

    def spider_arguments(self) -> dict[str, str]:
        """Return the products stage with one key."""
        return texts(stage="products", keys=self.key)


class sync_vendor(RootJob):
    """A vendor's links, and after they succeeded its unscraped products; of one release year, or all."""

    vendor: Vendor
    year: Year | None = None
    limit: Limit | None = None

    def children(self, vendors: Sequence[str]) -> list[tuple[Definition, int | None]]:
        """Return both stages, the second after the first."""
        links = sync_links(vendor=self.vendor, year=self.year)
        pages = sync_products(vendor=self.vendor, which="unscraped", year=self.year, limit=self.limit)
        return [(links, None), (pages, 0)]


class sync_year(RootJob):
    """One release year at every vendor."""

    year: Year

    def children(self, vendors: Sequence[str]) -> list[tuple[Definition, int | None]]:
        """Return one child for each vendor."""
        return [(sync_vendor(vendor=vendor, year=self.year), None) for vendor in vendors]


class sync_all(RootJob):
    """Every vendor: both stages one after the other, or one of them."""

    stage: Literal["links", "products"] | None = None
    which: Which | None = None
    limit: Limit | None = None

    @model_validator(mode="after")
    def _fitting(self) -> sync_all:
        if self.stage != "products" and self.which is not None:
            raise ValueError("which selects product pages: give stage=products with it")
        return self

    def children(self, vendors: Sequence[str]) -> list[tuple[Definition, int | None]]:
        """Return one child for each vendor."""
        return [(self._child(vendor), None) for vendor in vendors]

    def _child(self, vendor: str) -> Definition:
        if self.stage == "links":
            return sync_links(vendor=vendor)
        if self.stage == "products":
            return sync_products(vendor=vendor, which=self.which or "unscraped", limit=self.limit)
        return sync_vendor(vendor=vendor, limit=self.limit)
