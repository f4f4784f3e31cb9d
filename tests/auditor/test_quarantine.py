"""What is read and not believed: whole crawls of sample shops, and what becomes of their changes."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from christmas.catalog import held_changes, kept_pages, vendor_health
from christmas.catalog.held_changes import HeldRow
from christmas.db import database
from christmas.demo.faults import Fault
from christmas.demo.server import DemoServer
from christmas.demo.shops import Offer
from christmas.items import Availability
from tests.breakages import BREAKAGES
from tests.crawling import Site
from tests.farm import Farm, until

VENDOR = "ornament_shop_com"
SITES = Callable[[str], Site]


@pytest.fixture
def here(site: SITES) -> Site:
    """Return a shop that has been read once."""
    found = site(VENDOR)
    assert found.crawl().state == "succeeded"
    return found


def plain(site: Site, place: int = 0) -> Offer:
    offers = [one for one in site.shop.truth().values() if one.price_minor and not one.list_price_minor]
    return [one for one in offers if one.availability is Availability.IN_STOCK][place]


def of_state(site: Site, state: str = "held") -> list[HeldRow]:
    with database.read(site.engine) as connection:
        return held_changes.find(connection, state=state)


def test_a_price_that_jumps_is_held_with_both_values_and_its_page_and_confirmed_by_its_own_page(here: Site) -> None:
    offer = plain(here)
    was, now = offer.price_minor or 0, (offer.price_minor or 0) * 5
    here.shop.change(offer.key, price_minor=now)

    run = here.crawl(stage="links", which="all")

    assert run.outcome["health"]["state"] == "healthy"
    assert here.products()[offer.key].price_minor == was
    (row,) = of_state(here)
    assert (row.field, row.old, row.new, row.job_id) == ("price_minor", str(was), str(now), run.job and run.job.id)
    assert row.reason == "The price is 5 times what it was."
    assert run.outcome["held"] == 1
    with database.read(here.engine) as connection:
        page = kept_pages.get(connection, row.page_id or 0)
    assert page is not None
    assert offer.path.encode() in page.page.body

    assert here.crawl(stage="links", which="all").outcome["held"] == 0  # known already: nothing is held twice
    again = here.crawl(stage="confirm")

    assert again.product_pages(here.shop) == [offer.path]
    assert here.products()[offer.key].price_minor == now
    (change,) = here.changes()
    assert (change.field, change.job, change.url.endswith(offer.path)) == ("price", row.job_id, True)
    (released,) = of_state(here, "released")
    assert (released.agrees, released.decided_by) == (True, "auditor")


def test_a_price_that_the_products_own_page_denies_is_discarded(here: Site) -> None:
    offer = plain(here)
    here.shop.change(offer.key, price_minor=(offer.price_minor or 0) * 5)
    here.crawl(stage="links", which="all")
    here.shop.change(offer.key, price_minor=offer.price_minor)
    here.crawl(stage="confirm")
    assert of_state(here) == []
    (row,) = of_state(here, "discarded")
    assert (row.agrees, row.decided_by) == (False, "auditor")
    assert here.changes() == []


def test_a_held_price_that_is_not_shown_any_more_is_withdrawn(here: Site) -> None:
    offer = plain(here)
    here.shop.change(offer.key, price_minor=(offer.price_minor or 0) * 5)
    here.crawl(stage="links", which="all")
    here.shop.change(offer.key, price_minor=offer.price_minor)
    here.crawl(stage="links", which="all")
    assert [row.state for row in of_state(here, "withdrawn")] == ["withdrawn"]
    assert of_state(here) == []
    assert here.differences() == []


def test_an_operator_looks_at_the_page_and_releases_or_discards(here: Site) -> None:
    first, second = plain(here, 0), plain(here, 1)
    for offer in (first, second):
        here.shop.change(offer.key, price_minor=(offer.price_minor or 0) * 5)
    here.crawl(stage="products", which="all")
    rows = json.loads(here.christmas("held", "--format", "json").stdout)
    ids = {row["key"]: row["id"] for row in rows if row["field"] == "price"}
    assert set(ids) == {first.key, second.key}
    one = next(row for row in rows if row["id"] == ids[first.key])
    assert (one["old"], one["new"]) == tuple(f"{(first.price_minor or 0) * n / 100:.2f}" for n in (1, 5))

    replayed = here.christmas("read", "--kept", str(one["page"]), "--format", "json")
    assert replayed.returncode == 0, replayed.stderr
    assert json.loads(replayed.stdout)["price"] == one["new"]
    assert one["job"] in replayed.stderr

    assert here.christmas("held", "release", str(ids[first.key])).returncode == 0
    assert here.christmas("held", "discard", str(ids[second.key])).returncode == 0
    stored = here.products()
    assert stored[first.key].price_minor == (first.price_minor or 0) * 5
    assert stored[second.key].price_minor == second.price_minor
    twice = here.christmas("held", "release", str(ids[first.key]))
    assert (twice.returncode, "Nothing is held" in twice.stderr) == (1, True)
    unknown = here.christmas("read", "--kept", "999999")
    assert (unknown.returncode, "No page 999999 is kept" in unknown.stderr) == (1, True)


def test_a_store_wide_sale_is_through_after_twenty_pages(server: DemoServer, farm: Farm) -> None:
    """Its links job is followed by itself: the node has the pages read again, and releases the whole."""
    shop = server.shops[VENDOR]
    farm.node()
    assert farm.wait(farm.submit("integrator.sync_vendor", vendor=VENDOR).id).state == "succeeded"
    shop.sale(30)
    shop.clear()
    assert farm.wait(farm.submit("integrator.sync_links", vendor=VENDOR, which="all").id).state == "succeeded"

    def confirmed() -> bool:
        with database.read(farm.engine) as connection:
            return bool(held_changes.find(connection, state="released")) and not held_changes.find(connection)

    until(confirmed, 60, "the sale")
    paths = {offer.path for offer in shop.truth().values()}
    assert len([hit for hit in shop.requests if hit.path in paths]) == 20
    here = Site(farm.folder, shop, {"CHRISTMAS__DATABASE__URL": farm.config.database_url})
    assert here.differences() == []
    with database.read(farm.engine) as connection:
        state = vendor_health.get(connection, VENDOR)
    assert state is not None
    assert state.state == "healthy"


def test_a_run_whose_prices_the_product_pages_deny_stays_held_as_a_whole(here: Site) -> None:
    before = {key: row.price_minor for key, row in here.products().items()}
    here.shop.sale(30)
    run = here.crawl(stage="links", which="all")
    assert run.outcome["held"] > 20
    here.shop.sale(0)
    again = here.crawl(stage="confirm")
    assert len(again.product_pages(here.shop)) == 20
    assert {row.group_id for row in of_state(here)} == {run.job and run.job.id}
    assert {key: row.price_minor for key, row in here.products().items()} == before
    assert again.outcome["health"]["kind"] == "prices_contradicted"
    assert again.outcome["health"]["state"] == "broken"

    done = here.christmas("held", "discard", "--group", run.job.id if run.job else "")
    assert done.returncode == 0, done.stderr
    assert here.crawl(stage="links", which="all").outcome["health"]["state"] == "healthy"
    assert here.differences() == []


@pytest.mark.parametrize("name", ["all_out_of_stock", "first_page_only", "prices_times_100", "currency_changed"])
def test_a_broken_shop_changes_nothing_that_is_known(name: str, here: Site) -> None:
    before = here.products()
    for stage in ("links", "products"):
        here.shop.breakage = BREAKAGES[name]
        for _ in range(2):
            here.crawl(stage=stage, which="all")
    assert of_state(here) == []
    after = here.products()
    assert after.keys() == before.keys()
    for key, row in before.items():
        assert (after[key].price_minor, after[key].currency, after[key].availability, after[key].gone_since) == (
            row.price_minor, row.currency, row.availability, None,
        )  # fmt: skip
    here.shop.breakage = None
    for stage in ("links", "products"):
        assert here.crawl(stage=stage, which="all").outcome["health"]["state"] == "healthy"
    assert here.differences() == []


def test_while_listings_are_broken_a_product_page_marks_nothing_as_sold_out(here: Site) -> None:
    offer, other = plain(here, 0), plain(here, 1)
    here.shop.breakage = BREAKAGES["class_renamed"]
    assert here.crawl(stage="links", which="all").outcome["health"]["state"] == "broken"
    here.shop.change(offer.key, availability=Availability.OUT_OF_STOCK)
    here.shop.change(other.key, price_minor=(other.price_minor or 0) + 100)
    run = here.crawl(stage="products", keys=f"{offer.key},{other.key}")
    assert run.outcome["health"]["kind"] == "listings_unreadable"  # which this run could not see
    assert here.products()[offer.key].availability == "in_stock"
    assert here.products()[other.key].price_minor == (other.price_minor or 0) + 100
    here.shop.breakage = None
    here.crawl(stage="links", which="all")
    assert here.differences() == []


def test_a_run_that_is_killed_has_changed_nothing_and_the_next_one_does(here: Site) -> None:
    offer = plain(here)
    here.shop.change(offer.key, price_minor=(offer.price_minor or 0) + 100)
    here.shop.delay_seconds = 0.2
    crawl = here.start("killed", stage="links", which="all")
    until(lambda: len(here.shop.requests) > 3, 30, "a few pages")
    crawl.process.kill()
    assert crawl.end()[0] == -signal.SIGKILL
    here.shop.delay_seconds = 0
    assert here.products()[offer.key].price_minor == offer.price_minor
    here.crawl(stage="links", which="all")
    assert here.differences() == []


def test_a_random_sample_says_how_much_is_right(here: Site) -> None:
    wrong = plain(here)
    here.shop.change(wrong.key, price_minor=(wrong.price_minor or 0) + 1)
    run = here.crawl(stage="verify", limit=60)
    priced = sum(offer.price_minor is not None or offer.price_min_minor is None for offer in here.shop.truth().values())
    verified = run.outcome["verified"]
    assert verified["name"] | {"low": 0, "high": 0} == {"right": 60, "total": 60, "share": 1.0, "low": 0, "high": 0}
    assert verified["price_minor"]["total"] - verified["price_minor"]["right"] == 1
    assert verified["price_minor"]["total"] >= priced
    assert 0.9 < verified["price_minor"]["low"] < verified["price_minor"]["share"] < verified["price_minor"]["high"]
    assert here.differences() == []  # what was read anew is stored
    assert len(here.crawl(stage="verify", limit=5).product_pages(here.shop)) == 5


def test_delisted_sold_out_and_unreachable_are_told_apart(here: Site) -> None:
    delisted, sold, listed, away = (plain(here, place) for place in range(4))
    here.shop.remove(delisted.key)
    here.shop.change(sold.key, availability=Availability.OUT_OF_STOCK)
    keys = {one.key: one for one in (delisted, sold, listed, away)}

    def gone(microseconds_ago: int) -> None:
        """Let the last look be a day older: a test does not wait for days."""
        with database.begin(here.engine) as connection:
            for key in keys:
                connection.execute(
                    text("UPDATE keys SET gone_since = coalesce(gone_since, 1), gone_checked_at = gone_checked_at - :d"
                         " WHERE key = :k"), {"k": key, "d": microseconds_ago},
                )  # fmt: skip

    day = 86_400 * 10**6
    for _ in range(2):
        gone(day)
        here.shop.clear()
        here.shop.fault(Fault("status", pattern=away.path, status=503, times=20))
        here.crawl(stage="gone")
    with database.read(here.engine) as connection:
        rows = connection.execute(text("SELECT key, gone_as, gone_checks, gone_since FROM keys")).all()
    found = {row.key: (row.gone_as, row.gone_checks, row.gone_since is not None) for row in rows if row.key in keys}
    assert found == {
        delisted.key: ("delisted", 2, True),
        sold.key: ("sold_out", 2, True),
        listed.key: (None, 0, True),  # taken back by each look, and set again by this test
        away.key: (None, 0, True),
    } | {listed.key: (None, 0, False)}
    assert here.crawl(stage="gone").product_pages(here.shop) == [away.path] * 4  # the others are sure


def test_health_is_shown_and_accepted(here: Site) -> None:
    here.shop.breakage = BREAKAGES["class_renamed"]
    here.crawl(stage="links", which="all")
    (row,) = json.loads(here.christmas("health", "--format", "json").stdout)
    assert (row["vendor"], row["state"], row["kind"]) == (VENDOR, "broken", "listings_unreadable")
    assert row["reason"].endswith("?")
    assert datetime.fromisoformat(row["since"]) < datetime.now(UTC)
    assert "listings_unreadable" in here.christmas("vendors").stdout
    assert here.christmas("health", "accept", VENDOR).returncode == 0
    assert here.christmas("health", "accept", "nobody_com").returncode == 1
    (row,) = json.loads(here.christmas("health", "--format", "json").stdout)
    assert row["state"] == "healthy"


def test_a_run_that_was_not_believed_has_read_no_listing(here: Site) -> None:
    """Otherwise an hourly run would not look again, and what it has dropped would wait for days."""

    def read_at() -> list[tuple[str, object]]:
        with database.read(here.engine) as connection:
            return [tuple(row) for row in connection.execute(text("SELECT path, read_at FROM listings ORDER BY path"))]  # type: ignore[misc]

    before = read_at()
    here.shop.breakage = BREAKAGES["all_out_of_stock"]
    here.crawl(stage="links", which="all")
    assert read_at() == before
    here.shop.breakage = None
    here.crawl(stage="links", which="all")
    assert read_at() != before


def test_a_shop_that_is_only_degraded_sells_out_as_any_other(here: Site) -> None:
    offer = plain(here)
    here.shop.breakage = BREAKAGES["skus_gone"]
    assert here.crawl(stage="products", which="all").outcome["health"]["kind"] == "sku_lost"
    here.shop.change(offer.key, availability=Availability.OUT_OF_STOCK)
    run = here.crawl(stage="links", which="all")
    assert (run.outcome["health"]["state"], run.outcome["health"]["kind"]) == ("degraded", "sku_lost")
    assert here.products()[offer.key].availability == "out_of_stock"


def test_one_page_that_fails_says_nothing_of_the_shop(here: Site) -> None:
    offer = plain(here)
    here.shop.fault(Fault("status", pattern=offer.path, status=500, times=20))
    assert here.crawl(stage="products", keys=offer.key).outcome["health"]["state"] == "healthy"
