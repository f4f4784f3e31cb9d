"""Whole crawls: what is stored is what the shop sells, and a change is stored once."""

from __future__ import annotations

import signal
from collections.abc import Callable
from uuid import uuid4

import pytest

from christmas.items import Availability
from tests.conftest import VENDORS
from tests.crawling import Site
from tests.farm import until

Sites = Callable[[str], Site]


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_first_crawl_stores_what_the_shop_sells_and_a_second_nothing_new(vendor: str, site: Sites) -> None:
    here = site(vendor)
    first = here.crawl()
    assert first.state == "succeeded", first.log
    assert here.differences() == []
    assert sorted(first.product_pages(here.shop)) == sorted(offer.path for offer in here.shop.truth().values())
    assert first.paths.count("/robots.txt") == 1
    assert first.paths.count(here.shop.kind.year_index) == 1
    assert first.outcome["store_new_products"] == 60
    assert " ERROR: " not in first.log

    second = here.crawl()
    third = here.crawl(stage="links", which="all")
    for again in (second, third):
        assert again.state == "succeeded", again.log
        assert again.product_pages(here.shop) == []
        assert here.shop.kind.year_index not in again.paths  # the year links are cached
        assert again.outcome["store_new_products"] == 0
    assert third.outcome["store_unchanged"] == 60
    assert here.changes() == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_change_is_one_row_with_job_page_and_source(vendor: str, site: Sites) -> None:
    here = site(vendor)
    here.crawl()
    on_sale = next(o for o in here.shop.truth().values() if o.list_price_minor)
    plain = [o for o in here.shop.truth().values() if o.price_minor and not o.list_price_minor]
    dearer, sold = plain[0], next(o for o in plain[1:] if o.availability is Availability.IN_STOCK)
    here.shop.change(dearer.key, price_minor=(dearer.price_minor or 0) + 100)
    here.shop.change(on_sale.key, price_minor=on_sale.list_price_minor, list_price_minor=None)
    here.shop.change(sold.key, availability=Availability.OUT_OF_STOCK)

    result = here.crawl(stage="links", which="all")

    assert here.differences() == []
    found = {(row.product_id, row.field): row for row in here.changes()}
    stored = here.products()
    assert set(found) == {
        (stored[dearer.key].id, "price"),
        (stored[on_sale.key].id, "price"),
        (stored[on_sale.key].id, "list_price"),
        (stored[sold.key].id, "availability"),
    }
    row = found[stored[dearer.key].id, "price"]
    cents = dearer.price_minor or 0
    assert (row.old, row.new) == (f"{cents / 100:.2f}", f"{(cents + 100) / 100:.2f}")
    assert result.job is not None
    assert (row.job, row.source) == (result.job.id, "listing")
    assert row.url.endswith(dearer.path)
    ended = found[stored[on_sale.key].id, "list_price"]
    assert ended.new is None

    here.shop.change(sold.key, availability=Availability.IN_STOCK)
    here.crawl(stage="links", which="all")
    back = here.changes()[-1]
    assert (back.field, back.old, back.new) == ("availability", "out_of_stock", "in_stock")
    assert len(here.changes()) == 5


@pytest.mark.parametrize("vendor", VENDORS)
def test_another_template_generation_changes_nothing(vendor: str, site: Sites) -> None:
    here = site(vendor)
    for turn, generation in enumerate((*here.shop.kind.generations, here.shop.kind.generations[0])):
        here.shop.set_generation(generation)
        for stage, which in (("links", "all"), ("products", "all" if turn else "unscraped")):
            result = here.crawl(stage=stage, which=which)
            assert result.state == "succeeded", result.log
            if turn:
                assert result.outcome["store_new_keys"] == result.outcome["store_new_products"] == 0
        rows = here.products()
        assert len(rows) == 60
        assert not [row for row in rows.values() if row.gone_since]
        assert not [row for row in here.changes() if row.field != "image_url" and row.field != "brand"]


def test_a_crawl_killed_half_way_and_run_again_ends_as_an_undisturbed_one(site: Sites, tmp_path) -> None:  # type: ignore[no-untyped-def]
    here = site("ornament_shop_com")
    here.shop.delay_seconds = 0.05  # so that it does not end before it is killed
    crawl = here.start(uuid4().hex)
    until(lambda: len(here.shop.requests) >= 35, 30, "half of the crawl")
    crawl.process.kill()
    assert crawl.end()[0] == -signal.SIGKILL
    here.shop.delay_seconds = 0
    assert len(here.products()) < 60

    here.crawl()
    undisturbed = Site(tmp_path / "undisturbed", here.shop)
    undisturbed.crawl()

    assert here.differences() == []
    # Times differ, and so do row numbers, which follow the order in which listings happened to arrive.
    columns = [name for name in next(iter(here.products().values())).__slots__ if name not in
               {"key_id", "first_seen", "last_changed", "read_at"}]  # fmt: skip
    plain = [
        {key: [getattr(row, name) for name in columns] for key, row in one.products().items()}
        for one in (here, undisturbed)
    ]
    assert plain[0] == plain[1]
    assert here.changes() == []


def test_stages_and_selections(site: Sites) -> None:
    here = site("hookedonhallmark_com")
    links = here.crawl(stage="links")
    assert links.product_pages(here.shop) == []
    assert here.products() == {}
    assert links.outcome["store_new_keys"] == 60

    some = here.crawl(stage="products", which="unscraped", limit=7)
    assert len(some.product_pages(here.shop)) == len(here.products()) == 7

    keys = sorted(here.shop.truth())[20:23]
    named = here.crawl(stage="products", keys=",".join(keys))
    assert sorted(named.product_pages(here.shop)) == sorted(here.shop.truth()[key].path for key in keys)

    year = here.shop.release_years()[0]
    of_year = here.crawl(stage="products", year=year)
    assert len(of_year.product_pages(here.shop)) == len(here.shop.numbers(year))

    fresh = here.crawl(stage="products", which="stale")
    assert fresh.product_pages(here.shop) == []
    assert fresh.state == "succeeded"
    scraped = here.crawl(stage="products", which="scraped")
    assert len(scraped.product_pages(here.shop)) == len(here.products())


def test_a_missing_page_is_not_asked_for_again_in_the_next_run(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.crawl(stage="links")
    key, offer = next(iter(here.shop.truth().items()))
    here.shop.remove(key)
    first = here.crawl(stage="products")
    assert first.outcome["pages_missing"] == 1
    assert offer.path in first.paths
    assert offer.path not in here.crawl(stage="products").paths


def test_the_same_on_postgresql(site: Sites, new_postgresql: Callable[[], str]) -> None:
    here = site("ornament_shop_com")
    here.variables["CHRISTMAS__DATABASE__URL"] = new_postgresql()
    assert here.crawl().state == "succeeded"
    assert here.differences() == []
    dearer = next(offer for offer in here.shop.truth().values() if offer.price_minor and not offer.list_price_minor)
    here.shop.change(dearer.key, price_minor=(dearer.price_minor or 0) + 100)
    here.crawl(stage="links", which="all")
    assert here.differences() == []
    assert [row.field for row in here.changes()] == ["price"]
    assert not (here.folder / "christmas.db").exists()
