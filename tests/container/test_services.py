"""What the image does, run for real: on a read-only root, as its user, without a capability."""

from __future__ import annotations

import json
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from christmas.catalog import product_lists
from christmas.catalog.filters import Filters
from christmas.db import database
from christmas.demo.server import DemoServer
from christmas.demo.shops import KINDS
from christmas.platforms.browser import find_browser
from tests import eggs
from tests.container import compose
from tests.container.image import HOME, Image, needs_boxes, stages, variables
from tests.farm import Farm, Service, free_port, until
from tests.node.test_consumers import SCRIPTED, SPIDER
from tests.valkey import Valkey

pytestmark = pytest.mark.integration

VENDOR = "ornament_shop_com"
PORTS = {"node": "NODE", "auditor": "NODE", "browser": "NODE", "scheduler": "SCHEDULER", "server": "SERVER"}
WRITES = """
import json, os, pathlib, site
import christmas
found = {}
own = [os.getcwd(), os.environ["HOME"], os.environ["CHRISTMAS__VAR_PATH"], *site.getsitepackages(), *christmas.__path__]
for folder in ["/", "/etc", "/usr", "/var", "/var/lib", *own]:
    try:
        (pathlib.Path(folder) / "written").touch()
        found[folder] = ""
    except OSError as error:
        found[folder] = error.strerror
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
rights = [status[name].strip() for name in ("CapEff", "CapBnd", "NoNewPrivs")]
print(json.dumps([found, os.getuid(), os.getgid(), os.getgroups(), *rights]))
"""


@pytest.fixture(scope="module", autouse=True)
def _in_boxes() -> None:
    needs_boxes()


class Host:
    """What compose starts on a host, here with ports of its own for each: they share this machine's network."""

    def __init__(self, image: Image, farm: Farm, folder: Path) -> None:
        self.image, self.farm, self.folder = image, farm, folder
        self.ports: dict[str, int] = {}

    def environment(self, name: str) -> dict[str, str]:
        """Return a service's variables as compose does, with the tests' database and Redis and sample shops."""
        port = self.ports.setdefault(name, free_port())
        nobody = {f"CHRISTMAS__{one}__PORT": "1" for one in PORTS.values()}  # in a container, nobody else listens
        return (
            compose.ours()[name].environment
            | self.farm.variables
            | nobody
            | {f"CHRISTMAS__{PORTS[name]}__PORT": str(port)}
        )

    def start(self, name: str) -> Service:
        service = compose.ours()[name]
        stage = service.fields["build"]["target"]
        entry = json.loads(stages()["christmas"].texts("ENTRYPOINT")[0])
        started = self.image.start(
            *entry, *service.command, var=self.folder / name, stage=stage, **self.environment(name)
        )
        until(lambda: self.is_well(name, started), 60, f"the start of the {name} ({started.log_path})")
        return started

    def is_well(self, name: str, service: Service) -> bool:
        assert service.process.poll() is None, service.log
        check = json.loads(stages()["christmas"].texts("HEALTHCHECK")[0].partition("CMD ")[2])
        return self.image.run(*check, **self.environment(name)).returncode == 0

    def ask(self, name: str, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def shops() -> Iterator[DemoServer]:
    """Run a plain and a scripted sample shop."""
    plain = next(kind for kind in KINDS if kind.vendor == VENDOR)
    with DemoServer(size=30, per_page=30, kinds=[plain, replace(plain, vendor=SCRIPTED)]) as server:
        server.shops[SCRIPTED].scripted = True
        yield server


@pytest.fixture
def host(image: Image, shops: DemoServer, postgresql_url: str, tmp_path: Path) -> Iterator[Host]:
    """Provide a host with PostgreSQL and Valkey, whose catalog is migrated as compose does it."""
    valkey = Valkey(tmp_path / "valkey", compose.ENV["VALKEY_PASSWORD"])
    valkey.start()
    urls = {"CHRISTMAS__DATABASE__URL": postgresql_url, "CHRISTMAS__REDIS__URL": valkey.url}
    farm = Farm(tmp_path / "farm", shops, urls)
    for name in ("CHRISTMAS__VAR_PATH", "CHRISTMAS__SERVER__PORT", "CHRISTMAS__LOGS__FORMAT"):
        del farm.variables[name]  # the image's own hold
    farm.variables["CHRISTMAS__ACCESS__KEY"] = ""
    host = Host(image, farm, tmp_path)
    migrate = compose.ours()["migrate"]
    done = image.run("christmas", *migrate.command, **migrate.environment | farm.variables)
    assert done.returncode == 0, done.stderr
    yield host
    image.close()
    farm.close()
    valkey.stop()


def test_the_image_holds_what_was_copied_and_nothing_of_this_folder(image: Image) -> None:
    done = image.run(
        "python",
        "-c",
        "import christmas, spiders, pipelines, christmas_runner as r; print(christmas, spiders, pipelines, r)",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"{image.venv}/lib/") == 4, done.stdout
    assert image.run("python", "-c", "import tests").returncode == 1
    assert VENDOR in image.run("python", "-m", "scrapy", "list").stdout.split()


def test_everything_is_compiled_and_stays_so(image: Image) -> None:
    """Every module of christmas has bytecode that is not compared with its source."""
    package = next(image.folder.glob("venv/lib/*/site-packages/christmas"))
    modules = list(package.rglob("*.py"))
    assert len(modules) > 100
    for module in modules:
        [compiled] = (module.parent / "__pycache__").glob(f"{module.stem}.cpython-*.pyc")
        flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
        assert flags == 0b01, compiled  # by a hash of the source, unchecked


def test_a_container_starts_with_help_and_needs_nothing_to_write(image: Image) -> None:
    entry = json.loads(stages()["christmas"].texts("ENTRYPOINT")[0])
    done = image.run(*entry, *json.loads(stages()["christmas"].texts("CMD")[0]))
    assert done.returncode == 0, done.stderr
    assert "scheduler" in done.stdout
    assert re.fullmatch(r"[\w-]{43}\n", image.run(*entry, "keys", "new").stdout)


def test_only_two_folders_can_be_written_and_the_user_has_no_rights(image: Image, tmp_path: Path) -> None:
    var = tmp_path / "var"
    service = image.start("python", "-c", WRITES, var=var)
    assert service.process.wait(60) == 0, service.log
    written, *user = json.loads(service.log)
    assert user == [10001, 10001, [], "0" * 16, "0" * 16, "1"]
    refused = {folder: why for folder, why in written.items() if why}
    assert sorted(set(written) - set(refused)) == [HOME, variables()["CHRISTMAS__VAR_PATH"]]
    assert set(refused.values()) == {"Read-only file system"}
    assert [path.name for path in var.iterdir()] == ["written"]


@pytest.mark.long
def test_the_services_of_one_host(host: Host) -> None:
    """Migrated, started, a shop read, answered, and stopped: each in a container of its own."""
    started = {name: host.start(name) for name in ("node", "auditor", "scheduler", "server")}
    job = host.farm.submit("integrator.sync_vendor", vendor=VENDOR)
    assert host.farm.wait(job.id).state == "succeeded", started["node"].log
    with database.read(host.farm.engine) as connection:
        assert len(list(product_lists.find(connection, Filters(vendor=VENDOR, gone=True)))) == 30
    audit = host.farm.submit("auditor.verify_sample", vendor=VENDOR)
    assert host.farm.wait(audit.id).state == "succeeded", started["auditor"].log

    status, page = host.ask("server", "/sign-in")
    [style] = re.findall(r'<link rel="stylesheet" href="([^"]*style\.css[^"]*)"', page)
    assert (status, host.ask("server", style)[0]) == (200, 200)
    assert json.loads(host.ask("scheduler", "/health/ready")[1]) == {"status": "ok", "missing": []}
    for name, service in started.items():
        assert (host.folder / name / "keys").stat().st_mode & 0o777 == 0o700
        for line in service.log.splitlines():
            assert json.loads(line)["service"], line
    for name, service in started.items():
        assert service.stop(signal.SIGTERM) == 0, (name, service.log)
        assert host.image.run("python", "-m", "christmas.health.check", **host.environment(name)).returncode == 1


@pytest.mark.long
def test_a_vendor_that_needs_a_browser(host: Host) -> None:
    if find_browser("") is None:
        pytest.skip("Chromium is not installed")
    eggs.store(host.farm, eggs.changed({f"spiders/{SCRIPTED}.py": SPIDER}))
    browser = host.start("browser")
    for name, arguments in (("sync_links", {}), ("sync_products", {"which": "all", "limit": 2})):
        job = host.farm.wait(host.farm.submit(f"integrator.{name}", vendor=SCRIPTED, **arguments).id, 120)
        log = host.folder / "browser" / "logs" / "christmas" / SCRIPTED / f"{job.id}.log"
        assert job.state == "succeeded", log.read_text()
        assert "'playwright/request_count'" in log.read_text()
    assert browser.stop(signal.SIGTERM) == 0, browser.log


def test_without_any_database_it_keeps_a_catalog_of_its_own(image: Image, tmp_path: Path, server: DemoServer) -> None:
    """`christmas up` in one container: SQLite and the embedded Valkey in its folder."""
    ports = {name: free_port() for name in ("NODE", "SERVER")}
    environment = {f"CHRISTMAS__{name}__PORT": str(port) for name, port in ports.items()}
    environment |= {"CHRISTMAS__SCHEDULER__PORT": str(free_port()), "CHRISTMAS__SCHEDULES": "{}"}
    service = image.start("christmas", "up", var=tmp_path / "var", **environment)
    until(lambda: "Everything is running" in service.log or service.process.poll() is not None, 60, "the start")
    done = image.run("python", "-m", "christmas.health.check", **environment)
    assert done.returncode == 0, (done.stderr, service.log)
    assert (tmp_path / "var" / "christmas.db").exists()
    assert service.stop(signal.SIGTERM) == 0, service.log


def test_a_missing_database_is_one_line_and_a_status(image: Image, tmp_path: Path) -> None:
    url = f"postgresql://christmas:secret@127.0.0.1:{free_port()}/christmas"
    for command in (["server"], ["db", "upgrade"]):
        done = image.run("christmas", *command, CHRISTMAS__DATABASE__URL=url)
        assert done.returncode == 1, done.stdout
        assert done.stderr.startswith("christmas: The database postgresql"), done.stderr
        assert done.stderr.count("\n") == 1
        assert "secret" not in done.stderr
