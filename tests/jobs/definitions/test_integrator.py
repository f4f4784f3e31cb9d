"""The integrator's jobs: what each of them asks its spider for, or which jobs it creates."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from christmas import jobs
from christmas.errors import ArgumentError
from christmas.jobs import spider_arguments
from christmas.jobs.definitions.base import Definition, SpiderJob
from tests.catalog import making

SHOP, OTHER = "ornament_shop_com", "hookedonhallmark_com"
I = jobs.integrator  # noqa: E741


@pytest.mark.parametrize(
    ("job", "given"),
    [
        (I.sync_links(vendor=SHOP), {"stage": "links"}),
        (I.sync_links(vendor=SHOP, year=1998, which="all"), {"stage": "links", "year": "1998", "which": "all"}),
        (I.sync_products(vendor=SHOP), {"stage": "products"}),
        (I.sync_products(vendor=SHOP, keys=("7", "8")), {"stage": "products", "keys": "7,8"}),
        (
            I.sync_products(vendor=SHOP, which="stale", year=1998, limit=5),
            {"stage": "products", "which": "stale", "year": "1998", "limit": "5"},
        ),
        (I.sync_product(vendor=SHOP, key="7"), {"stage": "products", "keys": "7"}),
    ],
)
def test_a_job_asks_its_spider_for_what_the_spider_accepts(job: SpiderJob, given: dict[str, str]) -> None:
    assert job.spider_arguments() == given
    parsed = spider_arguments.parse(**given)
    told = job.arguments()
    for name in ("year", "which", "limit"):
        assert getattr(parsed, name) == told.get(name)
    assert parsed.stage == given["stage"]


def test_a_product_somebody_waits_for_comes_before_links_and_they_before_products() -> None:
    assert I.sync_product.priority > I.sync_links.priority > I.sync_products.priority


def test_a_vendor_is_its_links_and_then_its_unscraped_products() -> None:
    assert I.sync_vendor(vendor=SHOP).children([SHOP, OTHER]) == [
        (I.sync_links(vendor=SHOP), None),
        (I.sync_products(vendor=SHOP, which="unscraped"), 0),
    ]


def test_a_vendor_of_one_year_is_that_year_s_links_and_products() -> None:
    assert I.sync_vendor(vendor=SHOP, year=1998, limit=5).children([SHOP]) == [
        (I.sync_links(vendor=SHOP, year=1998), None),
        (I.sync_products(vendor=SHOP, which="unscraped", year=1998, limit=5), 0),
    ]


@pytest.mark.parametrize(
    ("root", "child"),
    [
        (I.sync_year(year=1998), lambda vendor: I.sync_vendor(vendor=vendor, year=1998)),
        (I.sync_all(), lambda vendor: I.sync_vendor(vendor=vendor)),
        (I.sync_all(limit=5), lambda vendor: I.sync_vendor(vendor=vendor, limit=5)),
        (I.sync_all(stage="links"), lambda vendor: I.sync_links(vendor=vendor)),
        (I.sync_all(stage="products"), lambda vendor: I.sync_products(vendor=vendor, which="unscraped")),
        (
            I.sync_all(stage="products", which="stale", limit=5),
            lambda vendor: I.sync_products(vendor=vendor, which="stale", limit=5),
        ),
    ],
)
def test_a_root_over_all_vendors_has_one_child_for_each(root: I.sync_year | I.sync_all, child: object) -> None:
    found = root.children([OTHER, SHOP])
    assert found == [(child(vendor), None) for vendor in (OTHER, SHOP)]  # type: ignore[operator]
    assert root.children([]) == []


def test_a_product_is_found_by_id_address_or_key(connection: Connection) -> None:
    made = [making.product(key, vendor=SHOP, url=f"https://www.ornament-shop.com/{key}/") for key in ("7", "8")]
    making.write(connection, *made)
    stored = making.stored(connection, "7", SHOP)
    expected = I.sync_product(vendor=SHOP, key="7")
    names = [str(stored.id), str(stored.id)[:12], stored.url, f"{SHOP}:7"]
    assert [I.sync_product(product=name).resolved(connection) for name in names] == [expected] * 4
    assert expected.resolved(connection) == expected


def test_whose_a_product_is_is_not_told_to_whoever_may_not_see_the_vendor(connection: Connection) -> None:
    making.write(connection, making.product("7", vendor=SHOP, url="https://www.ornament-shop.com/7/"))
    stored = making.stored(connection, "7", SHOP)
    for name in (str(stored.id), stored.url, f"{SHOP}:7"):
        with pytest.raises(ArgumentError, match=r"no product .* is known"):
            I.sync_product(product=name).resolved(connection, [OTHER])
        assert I.sync_product(product=name).resolved(connection, [SHOP]) == I.sync_product(vendor=SHOP, key="7")


def test_a_product_that_nobody_knows_is_refused(connection: Connection) -> None:
    making.write(connection, making.product("7", vendor=SHOP))
    for name in ("https://bells.example/9.html", "00000000", "no id", f"{SHOP}:9", "://", "https://["):
        with pytest.raises(ArgumentError, match=r"no product .* is known"):
            I.sync_product(product=name).resolved(connection)


def test_jobs_with_the_same_arguments_are_equal() -> None:
    assert I.sync_links(vendor=SHOP, year="1998") == I.sync_links(vendor=SHOP, year=1998)  # type: ignore[arg-type]
    different: list[Definition] = [I.sync_links(vendor=SHOP), I.sync_links(vendor=OTHER), I.sync_vendor(vendor=SHOP)]
    assert all(one != other for one in different for other in different if one is not other)
