"""Trees of jobs on a real node: stages one after the other, when a root is complete, cancelling, one run per vendor."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import groupby

import pytest
from sqlalchemy import Engine, select, text

from christmas import jobs
from christmas.config import Config
from christmas.db import database, tables
from christmas.demo.faults import Fault
from christmas.demo.shops import Shop
from christmas.jobs import queue, records
from christmas.jobs.records import Child, JobRow
from tests.farm import Farm, Node, until

pytestmark = pytest.mark.integration

SHOP, OTHER, THIRD = "ornament_shop_com", "hookedonhallmark_com", "hallmark_ornaments_com"
LINKS, PRODUCTS, VENDOR = "integrator.sync_links", "integrator.sync_products", "integrator.sync_vendor"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def nodes(shared_farm: Farm) -> list[Node]:
    return [shared_farm.node(), shared_farm.node()]


@pytest.fixture
def farm(shared_farm: Farm, nodes: list[Node]) -> Iterator[Farm]:
    """Provide the farm with two nodes, and shops that have forgotten everything."""
    yield shared_farm
    for shop in shared_farm.server.shops.values():
        shop.waits = False
        shop.clear()
    assert not any("Traceback" in node.log for node in nodes)


def below(farm: Farm, job: JobRow) -> list[Child]:
    with database.read(farm.engine) as connection:
        return records.children(connection, job.id)


def states(farm: Farm, job: JobRow) -> list[tuple[str, str | None, str]]:
    with database.read(farm.engine) as connection:
        rows = records.tree(connection, job.id)
    assert rows[0].id == job.id
    return sorted((row.name, row.vendor, row.state) for row in rows[1:])


def asked(shop: Shop) -> str:
    """Return a letter for each request: i(ndex), l(isting), p(roduct), ? for others."""
    products = {offer.path for offer in shop.truth().values()}

    def kind(path: str) -> str:
        if path == shop.kind.year_index:
            return "i"
        return "p" if path in products else "?" if path == "/robots.txt" else "l"

    return "".join(letter for letter, _ in groupby(kind(hit.path) for hit in list(shop.requests)))


def assert_complete(root: JobRow, children: list[Child]) -> None:
    """See that each child's end is noted, and that the root ended with the last of them."""
    ends = [child.completed_at for child in children]
    assert ends == [child.job.finished_at for child in children]
    assert None not in ends
    assert root.started_at is not None
    assert root.finished_at == max(end for end in ends if end)
    assert (root.node, root.attempt) == (None, 0)


def test_a_vendor_s_products_are_read_after_its_links(farm: Farm) -> None:
    root = farm.wait(farm.submit(VENDOR, vendor=SHOP, year=2026).id)
    links, products = below(farm, root)
    assert [child.job.name for child in (links, products)] == [LINKS, PRODUCTS]
    assert_complete(root, [links, products])
    assert (root.state, root.outcome) == ("succeeded", {"children": 2, "succeeded": 2})
    assert links.job.finished_at <= products.job.started_at  # type: ignore[operator]
    assert asked(farm.server.shops[SHOP]) == "?il?p"
    year = len(farm.server.shops[SHOP].numbers(2026))
    assert products.job.outcome["store_new_products"] == year > 0  # type: ignore[index]


def test_one_product_is_read_by_its_address(farm: Farm) -> None:
    shop = farm.server.shops[SHOP]
    offer = next(iter(shop.truth().values()))
    farm.wait(farm.submit(LINKS, vendor=SHOP, year=offer.release_year).id)
    shop.clear()
    with database.read(farm.engine) as connection:
        url = connection.scalar(select(tables.keys.c.url).filter_by(vendor=SHOP, key=offer.key))
    job = farm.wait(farm.submit("integrator.sync_product", product=url).id)
    assert (job.state, job.vendor, job.arguments) == ("succeeded", SHOP, {"key": offer.key})
    assert [hit.path for hit in shop.requests] == ["/robots.txt", offer.path]


def test_products_are_not_read_where_the_links_failed_whatever_the_process_said(farm: Farm, nodes: list[Node]) -> None:
    shop = farm.server.shops[OTHER]
    shop.fault(Fault("status", times=10**6, status=500, pattern=shop.kind.year_index))
    root = farm.wait(farm.submit(VENDOR, vendor=OTHER).id)
    links, products = below(farm, root)
    assert_complete(root, [links, products])
    assert (links.job.state, links.job.attempt) == ("failed", 1)
    assert links.job.outcome["error"] == "None of 1 pages could be read."  # type: ignore[index]
    assert (products.job.state, products.job.attempt, products.job.started_at) == ("cancelled", 0, None)
    assert products.job.outcome == {"error": f"The job before it failed: {links.job.id}."}
    assert root.state == "failed"
    assert root.outcome == {
        "children": 2, "failed": 1, "cancelled": 1, "error": "2 of 2 jobs below it did not succeed."
    }  # fmt: skip
    assert "p" not in asked(shop)
    assert not any(links.job.id in node.log for node in nodes)  # no death, no exit status: the report alone


def test_a_year_is_complete_when_its_last_vendor_is_succeeded_or_not(farm: Farm) -> None:
    shops = farm.server.shops
    shops[THIRD].fault(Fault("challenge", times=10**6))
    root = farm.wait(farm.submit("integrator.sync_year", year=2025).id, 120)
    children = below(farm, root)
    assert_complete(root, children)
    assert {child.job.vendor: child.job.state for child in children} == {
        SHOP: "succeeded", OTHER: "succeeded", THIRD: "failed"
    }  # fmt: skip
    assert (root.state, root.outcome and root.outcome["error"]) == ("failed", "1 of 3 jobs below it did not succeed.")
    for child in children:
        assert_complete(child.job, below(farm, child.job))
        assert [one.job.arguments["year"] for one in below(farm, child.job)] == [2025, 2025]
    for vendor in (SHOP, OTHER):
        wanted = {shops[vendor].offer(number).path for number in shops[vendor].numbers(2025)}
        every = {offer.path for offer in shops[vendor].truth().values()}
        assert {hit.path for hit in shops[vendor].requests} & every == wanted


def test_cancelling_a_root_ends_all_below_it_and_no_page_is_asked_for_any_more(farm: Farm) -> None:
    shops = farm.server.shops
    before = {vendor: shop.asked for vendor, shop in shops.items()}
    for shop in shops.values():
        shop.waits = True  # so that all are being read at the same time
    root = farm.submit("integrator.sync_year", year=2026)
    until(lambda: all(shop.asked > before[vendor] for vendor, shop in shops.items()), 60, "the first requests")
    done = farm.run("jobs", "cancel", root.id)
    assert (done.returncode, done.stdout) == (0, f"{root.id} was running and is being cancelled\n")
    for shop in shops.values():
        shop.waits = False
    ended = farm.wait(root.id, 60)
    counts = {vendor: shop.asked for vendor, shop in shops.items()}
    assert ended.state == "cancelled"
    found = states(farm, ended)
    assert [one[:2] for one in found] == sorted(
        (name, vendor) for name in (VENDOR, LINKS, PRODUCTS) for vendor in (SHOP, OTHER, THIRD)
    )
    assert {state for name, _, state in found if name != LINKS} == {"cancelled"}
    assert "cancelled" in (ends := {state for name, _, state in found if name == LINKS})
    assert ends <= {"cancelled", "succeeded"}  # one may have been quick
    assert_complete(ended, below(farm, ended))
    again = farm.wait(farm.submit(LINKS, vendor=SHOP, year=2025).id)  # the vendor is free again
    assert again.state == "succeeded"
    assert all(shops[vendor].asked == counts[vendor] for vendor in (OTHER, THIRD))
    assert farm.run("jobs", "cancel", root.id).returncode == 1


def test_two_jobs_of_one_vendor_never_read_it_at_once(farm: Farm) -> None:
    shop = farm.server.shops[SHOP]
    submitted = [farm.submit(LINKS, vendor=SHOP, year=year) for year in (2026, 2025)]
    ended = [farm.wait(job.id) for job in submitted]
    assert [job.state for job in ended] == ["succeeded"] * 2
    assert ended[0].finished_at <= ended[1].started_at  # type: ignore[operator]
    # Each process begins with robots.txt; between two of those are the pages of one job.
    paths = " ".join(hit.path for hit in shop.requests).split("/robots.txt")
    years = [sorted(set(re.findall(r"/(20\d\d)-", part))) for part in paths]
    assert years == [[], ["2026"], ["2025"]]


def test_a_shared_child_is_shown_below_the_root_that_came_later(engine: Engine, config: Config) -> None:
    child = jobs.integrator.sync_links(vendor=SHOP).submit(config)
    root = jobs.integrator.sync_all(stage="links").submit(config)
    with database.read(engine) as connection:
        rows = records.tree(connection, root.id)
    assert rows[0].id == root.id
    assert child.id in {row.id for row in rows[1:]}
    with database.begin(engine) as connection:
        queue.cancel(connection, root.id, NOW)
        assert records.get(connection, child.id).state == "queued"  # type: ignore[union-attr]  # others wait for it
        queue.cancel(connection, child.id, NOW)
        assert records.get(connection, root.id).state == "cancelled"  # type: ignore[union-attr]


def test_a_run_ends_while_its_root_is_cancelled_and_neither_fails(engine: Engine, config: Config) -> None:
    root = jobs.integrator.sync_all().submit(config)
    with database.begin(engine) as connection:
        run = queue.claim(connection, None, "node", NOW)
    assert run is not None
    failed: list[BaseException] = []
    began = threading.Event()

    def finish() -> None:
        with database.begin(engine) as connection:
            queue.heartbeat(connection, run.id, 1, NOW)
            began.set()
            until_blocked(engine)
            queue.complete(connection, run.id, 1, state="failed", outcome={"error": "x"}, now=NOW)

    def cancel() -> None:
        assert began.wait(30)
        with database.begin(engine) as connection:
            queue.cancel(connection, root.id, NOW)

    def guarded(act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001  # told by the test
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(act,)) for act in (finish, cancel)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    with database.read(engine) as connection:
        ended = {row.id: row.state for row in records.tree(connection, root.id)}
    assert (ended.pop(run.id), ended.pop(root.id)) == ("failed", "cancelled")
    assert sorted(ended.values()) == ["cancelled"] * 7 + ["failed"]  # the vendor whose run had failed before


def until_blocked(engine: Engine) -> None:
    """Wait until somebody waits for this transaction's locks; on SQLite they cannot even begin."""
    if engine.dialect.name != "postgresql":
        return

    def blocked() -> bool:
        with database.read(engine) as watcher:
            return bool(watcher.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    until(blocked, 30, "the other one to wait")
