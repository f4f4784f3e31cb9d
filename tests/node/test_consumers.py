"""A node takes the jobs of its consumers and never another's; what needs a browser is a consumer of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from christmas.catalog import product_lists
from christmas.catalog.filters import Filters
from christmas.db import database
from christmas.demo.server import DemoServer
from christmas.demo.shops import KINDS
from christmas.jobs import queue
from christmas.jobs.queue import NewJob
from christmas.platforms.browser import find_browser
from tests import eggs
from tests.farm import Farm

PLAIN, SCRIPTED = "ornament_shop_com", "scripted_shop_com"
SPIDER = '''"""A shop whose pages are made by scripts."""

from christmas.platforms.bigcommerce import BigCommerce
from christmas.platforms.browser import BrowserPages


class ScriptedShopComSpider(BrowserPages, BigCommerce):
    """Ornaments of a sample shop."""

    name = "scripted_shop_com"
    base_url = "https://www.scripted-shop.example"
    year_index = "/hallmark-ornaments-by-year.html"
'''


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    """Provide a farm with a plain and a scripted shop, and a version that has a spider for each."""
    plain = next(kind for kind in KINDS if kind.vendor == PLAIN)
    with DemoServer(size=60, per_page=60, kinds=[plain, replace(plain, vendor=SCRIPTED)]) as server:
        server.shops[SCRIPTED].scripted = True
        farm = Farm(tmp_path / "farm", server)
        eggs.store(farm, eggs.changed({f"spiders/{SCRIPTED}.py": SPIDER}))
        yield farm
        farm.close()


def submit_to_auditor(farm: Farm) -> str:
    """Queue a job of the auditor, more urgent than all others."""
    new = NewJob("for_the_auditor", "integrator.sync_links", PLAIN, "auditor", {"year": 2026}, priority=99)
    with database.begin(farm.engine) as connection:
        queue.submit(connection, new, datetime.now(UTC))
    return new.id


def test_each_job_is_run_by_a_node_of_its_consumer(farm: Farm) -> None:
    audit = submit_to_auditor(farm)
    scripted = farm.submit("integrator.sync_links", vendor=SCRIPTED)
    plain = farm.submit("integrator.sync_links", vendor=PLAIN)
    assert [job.consumer for job in (scripted, plain)] == ["integrator.browser", "integrator"]

    integrator = farm.node("--consumers", "integrator")
    done = farm.wait(plain.id)
    assert (done.state, done.node) == ("succeeded", f"node-{integrator.port}"), done.outcome
    # The node has looked at both others many times by now: they were older, and one was more urgent.
    assert [(farm.job(job).state, farm.job(job).attempt) for job in (audit, scripted.id)] == [("queued", 0)] * 2

    browser = farm.node("--consumers", "integrator.browser")
    assert farm.wait(scripted.id, 90).node == f"node-{browser.port}"
    more = farm.submit("integrator.sync_products", vendor=SCRIPTED, which="all", limit=2)
    ended = farm.wait(more.id, 90)
    assert ended.node == f"node-{browser.port}"
    assert farm.job(audit).attempt == 0
    log = (farm.folder / "logs" / "christmas" / SCRIPTED / f"{more.id}.log").read_text()
    if find_browser("") is None:
        assert "needs a browser" in log
        assert ended.state == "failed"
    else:
        assert ended.state == "succeeded", ended.outcome
        assert "'playwright/request_count'" in log
        truth = farm.server.shops[SCRIPTED].truth()
        with database.read(farm.engine) as connection:
            rows = list(product_lists.find(connection, Filters(vendor=SCRIPTED, gone=True)))
        assert len(rows) == 2
        assert all(row.price_minor == truth[row.key].price_minor for row in rows)

    both = farm.node("--consumers", "auditor, integrator")
    done = farm.wait(audit)
    assert (done.state, done.node) == ("succeeded", f"node-{both.port}"), done.outcome


@pytest.mark.parametrize(
    ("options", "variables", "word"),
    [
        (["--consumers", "nobody"], {}, "'nobody'"),
        (["--consumers", "all,browser"], {}, "'browser'"),
        (["--consumers", ""], {}, "''"),
        ([], {"CHRISTMAS__NODE__CONSUMERS": '["service"]'}, "'service'"),
    ],
)
def test_an_unknown_consumer_stops_the_start(
    farm: Farm, options: list[str], variables: dict[str, str], word: str
) -> None:
    done = farm.run("node", *options, **variables)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"christmas: There is no consumer {word} (node.consumers); there are all, integrator, integrator.browser, "
        "auditor, auditor.browser.\n"
    )


def test_a_spider_that_comes_to_need_a_browser_changes_its_consumer(farm: Farm) -> None:
    assert farm.submit("integrator.sync_links", vendor=PLAIN).consumer == "integrator"
    eggs.store(farm, eggs.changed({f"spiders/{PLAIN}.py": SPIDER.replace(SCRIPTED, PLAIN)}), "2")
    assert farm.submit("integrator.sync_links", vendor=PLAIN, year=2026).consumer == "integrator.browser"
    assert len(farm.jobs("queued")) == 2
