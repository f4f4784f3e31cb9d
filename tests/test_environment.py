"""Services that get everything from their environment: from an empty folder they work, or end with one clear line."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from christmas.access import api_keys, bootstrap
from christmas.db import database
from christmas.demo.server import DemoServer
from tests import warm
from tests.farm import ROOT, Farm, free_port, standing, until

BIN = Path(sys.executable).parent
VENDOR = "ornament_shop_com"
LINKS = "integrator.sync_links"
MIGRATE = "run `christmas db upgrade` as the database's owner."
# In the text of whatever nobody may see.
SECRET = "not-to-be-seen"  # noqa: S105
# One that cannot start says so within that time; it may wait 10 s for a database.
SECONDS = 120
# Each command and whose key it needs. Plain scrapyd is a node as well.
SERVICES = {"node": "integrator", "scrapyd": "integrator", "scheduler": "scheduler", "server": "server"}
ROLES = {
    "integrator": ("christmas_service_integrator", "christmas_spider_integrator"),
    "scheduler": ("christmas_service_scheduler",),
    "server": ("christmas_service_server",),
}
Variables = dict[str, str]


@dataclass
class Place:
    """A catalog on PostgreSQL with a login and a key for each service, as its owner has made them."""

    farm: Farm
    keys: dict[str, str]
    urls: dict[str, str]

    def variables(self, command: str) -> Variables:
        """Return all that a service needs in its environment, and nothing else."""
        service = SERVICES[command]
        return {
            "PATH": os.environ["PATH"],
            "CHRISTMAS__VAR_PATH": str(self.farm.folder / "var" / command),
            "CHRISTMAS__DATABASE__URL": self.urls[service],
            "CHRISTMAS__ACCESS__KEY": self.keys[service] + "\n",  # as a Secret that was made from a file
            "CHRISTMAS__NODE__PORT": "0",
            "CHRISTMAS__SERVER__PORT": "0",
            "CHRISTMAS__SCHEDULES": "{}",
        }

    def given(self, command: str, changed: Mapping[str, str | None]) -> Variables:
        """Return these variables with some changed; None takes one away."""
        return {name: value for name, value in (self.variables(command) | changed).items() if value is not None}

    def empty(self, command: str) -> Path:
        """Return a working folder that holds nothing, but for scrapyd what says that it is a node."""
        cwd = self.farm.folder / "empty" / command
        cwd.mkdir(parents=True, exist_ok=True)
        if command == "scrapyd":
            shutil.copy(ROOT / "scrapy.cfg", cwd)
        return cwd

    def start(self, command: str, **changed: str | None) -> subprocess.Popen[str]:
        """Start a service as a user does, in an empty folder."""
        chosen = [str(BIN / "scrapyd"), "--pidfile="] if command == "scrapyd" else [str(BIN / "christmas"), command]
        return subprocess.Popen(
            chosen, env=self.given(command, changed), cwd=self.empty(command), text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, command: str, changed: Mapping[str, str | None]) -> subprocess.CompletedProcess[str]:
        """Run a service that must end by itself, without the time that its imports take."""
        module, *arguments = ("scrapyd", "--pidfile=") if command == "scrapyd" else ("christmas", command)
        environment, cwd = self.given(command, changed), self.empty(command)
        return warm.run(module, *arguments, environment=environment, cwd=cwd, timeout=SECONDS)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, new_postgresql: Callable[[], str]) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("environment") / "farm"
    with DemoServer(size=12, per_page=12) as shops:
        farm = Farm(folder, shops, {"CHRISTMAS__DATABASE__URL": new_postgresql()})
        keys = farm.migrated()
        urls = {name: farm.login(f"env_{name}", *roles, password=SECRET) for name, roles in ROLES.items()}
        yield Place(farm, keys, urls)
        farm.close()


def refusals(
    place: Place, variables: Callable[[str], Mapping[str, str | None]], commands: Iterable[str] = SERVICES
) -> dict[str, str]:
    """Start the services with what is wrong, all at once; return the one line of each."""
    chosen = list(commands)
    with ThreadPoolExecutor(len(chosen)) as threads:
        done = threads.map(lambda command: place.run(command, variables(command)), chosen)
        return {command: the_line(place, one) for command, one in zip(chosen, done, strict=True)}


def the_line(place: Place, done: subprocess.CompletedProcess[str]) -> str:
    """Return what a service that has ended says of it, in one line without any secret."""
    assert done.returncode == 1, done
    assert all(line.startswith("{") for line in done.stdout.splitlines()), done  # its log
    assert len(done.stderr.splitlines()) == 1, done
    assert done.stderr.startswith("christmas: "), done
    assert not [secret for secret in (SECRET, *place.keys.values()) if secret in done.stderr]
    return done.stderr


# What is wrong by its name, and a part of the line that says what to do; both the same for all services.
MALFORMED: dict[str, tuple[Variables, str]] = {
    "a number that is none": (
        {"CHRISTMAS__JOBS__LEASE_SECONDS": "soon"},
        "jobs.lease_seconds: Input should be a valid number, unable to parse string as a number (found 'soon')",
    ),
    "a list that is none": (
        {"CHRISTMAS__NODE__CONSUMERS": "integrator"},
        'The variable CHRISTMAS__NODE__CONSUMERS holds no JSON: write a list as ["a", "b"], a section as {"key":',
    ),
    "a section that is none": ({"CHRISTMAS__DATABASE": SECRET}, "The variable CHRISTMAS__DATABASE holds no JSON: "),
    "a section of another kind": ({"CHRISTMAS__REDIS": f'["{SECRET}"]'}, "redis: Input should be a valid dictionary"),
    "a variable that is none": (
        {"CHRISTMAS__DATABSE__URL": SECRET},
        "The variable CHRISTMAS__DATABSE__URL names no key of the configuration; the keys are ",
    ),
    "a key that is none": (
        {"CHRISTMAS__DATABASE__ADDRESS": SECRET},
        "database.address: Extra inputs are not permitted",
    ),
    "a contact that is none": (
        {"CHRISTMAS__CONTACT_URL": "ann@example.org"},
        "contact_url: Value error, expected https://..., http://... or mailto:... (found 'ann@example.org')",
    ),
    "a policy that is missing": (
        {"CHRISTMAS__ACCESS__POLICY_PATH": "/nowhere/policy.csv"},
        "access.policy_path names /nowhere/policy.csv, which cannot be read: [Errno 2] No such file or directory",
    ),
    "a file that is missing": ({"CONFIG_PATH": "/nowhere/christmas.json"}, "/nowhere/christmas.json"),
    "a database's URL that is none": (
        {"CHRISTMAS__DATABASE__URL": f"postgresql:/user:{SECRET}@host"},
        "CHRISTMAS__DATABASE__URL is no URL: write sqlite:///FILE, or postgresql:// and USER:PASSWORD@HOST",
    ),
    "a database of another kind": (
        {"CHRISTMAS__DATABASE__URL": f"mysql://user:{SECRET}@host/christmas"},
        "mysql is not supported: use sqlite:/// or postgresql://.",
    ),
    "a port of Redis that is none": (
        {"CHRISTMAS__REDIS__URL": f"redis://:{SECRET}@host:port/0"},
        "redis.url: Value error, expected redis://HOST:PORT/0, rediss://... or unix:///PATH",
    ),
    "a Redis of another kind": (
        {"CHRISTMAS__REDIS__URL": f"http://:{SECRET}@host:6379/0"},
        "redis.url: Value error, expected redis://HOST:PORT/0, rediss://... or unix:///PATH",
    ),
}


def test_what_is_malformed(place: Place) -> None:
    wrong = [
        f"{what}: {command} says {line}"
        for what, (variables, words) in MALFORMED.items()
        for command, line in refusals(place, lambda _: variables).items()  # noqa: B023
        if words not in line
    ]
    assert wrong == []


def test_as_a_user_starts_it(place: Place) -> None:
    """Three mistakes once more, by the commands themselves."""
    malformed, words = MALFORMED["a number that is none"]
    for command, variables, part in (
        ("server", malformed, words),
        ("node", {"CHRISTMAS__DATABASE__URL": UNREACHABLE["a closed port"][0]}, UNREACHABLE["a closed port"][1]),
        ("scrapyd", {"CHRISTMAS__ACCESS__KEY": SECRET}, "is not valid: unknown key."),
    ):
        process = place.start(command, **variables)
        try:
            texts = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
        assert part in the_line(place, subprocess.CompletedProcess([command], process.returncode, *texts))


UNREACHABLE = {
    "a closed port": (
        f"postgresql://ann:{SECRET}@127.0.0.1:1/christmas",
        "start it, or check CHRISTMAS__DATABASE__URL",
    ),
    "a host that is none": (
        f"postgresql://ann:{SECRET}@no-such-host.invalid/christmas",
        "there is no such host: check CHRISTMAS__DATABASE__URL",
    ),
}


def test_a_database_that_is_not_there(place: Place) -> None:
    for url, words in UNREACHABLE.values():
        for command, line in refusals(place, lambda _: {"CHRISTMAS__DATABASE__URL": url}).items():  # noqa: B023
            assert words in line, command


def test_a_database_that_refuses_the_password(place: Place) -> None:
    url = place.farm.login("env_locked", *ROLES["server"], password="right")  # noqa: S106
    with psycopg.connect(place.farm.variables["CHRISTMAS__DATABASE__URL"], autocommit=True) as owner:
        [path] = owner.execute("SHOW hba_file").fetchone() or [""]
        hba = Path(path)
        before = hba.read_text(encoding="utf-8")
        hba.write_text(
            f"local all env_locked scram-sha-256\nhost all env_locked all scram-sha-256\n{before}", encoding="utf-8"
        )
        owner.execute("SELECT pg_reload_conf()")
        try:
            wrong = url.replace("right", SECRET)
            found = refusals(place, lambda _: {"CHRISTMAS__DATABASE__URL": wrong})
        finally:
            hba.write_text(before, encoding="utf-8")
            owner.execute("SELECT pg_reload_conf()")
    for command, line in found.items():
        assert "the server refuses the user or the password; check CHRISTMAS__DATABASE__URL" in line, command


def test_a_database_that_does_not_exist(place: Place) -> None:
    name = database.make_url(place.farm.variables["CHRISTMAS__DATABASE__URL"]).database
    url = place.urls["server"].replace(f"/{name}", "/no_such_catalog")
    for command, line in refusals(place, lambda _: {"CHRISTMAS__DATABASE__URL": url}).items():
        assert 'database "no_such_catalog" does not exist; it is no catalog yet, or not there' in line, command


@pytest.mark.parametrize("state", ["empty", "newer"])
def test_a_catalog_of_another_version(place: Place, state: str, new_postgresql: Callable[[], str]) -> None:
    url = new_postgresql()
    if state != "empty":
        engine = database.open_engine(url)
        database.upgrade(engine)
        with database.begin(engine) as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
            for roles in ROLES.values():
                connection.exec_driver_sql(f"GRANT SELECT ON alembic_version TO {', '.join(roles)}")
        engine.dispose()
    name = database.make_url(url).database
    urls = {service: database.make_url(one).set(database=name) for service, one in place.urls.items()}

    def elsewhere(command: str) -> Variables:
        return {"CHRISTMAS__DATABASE__URL": urls[SERVICES[command]].render_as_string(hide_password=False)}

    told = {
        "empty": f"There is no catalog: {MIGRATE}",
        "newer": "is at version 9999, which this christmas does not know: install a newer one, or",
    }[state]
    for command, line in refusals(place, elsewhere).items():
        assert told in line, command


class TestKeys:
    def test_a_service_that_has_none_and_may_not_make_one(self, place: Place) -> None:
        without = [command for command in SERVICES if command != "server"]  # who may make any, may make its own
        found = refusals(place, lambda _: {"CHRISTMAS__ACCESS__KEY": None}, without)
        for command, line in found.items():
            service = SERVICES[command]
            assert f"The service {service} has no key and may not make one" in line
            assert f"`christmas keys create --user service-{service} --role service:{service}`" in line
            assert "CHRISTMAS__ACCESS__KEY" in line

    def test_one_that_is_not_known(self, place: Place) -> None:
        for command, line in refusals(place, lambda _: {"CHRISTMAS__ACCESS__KEY": SECRET}).items():
            service = SERVICES[command]
            assert f"The key of the service {service} (CHRISTMAS__ACCESS__KEY) is not valid: unknown key." in line

    def test_another_service_s(self, place: Place) -> None:
        def another(command: str) -> Variables:
            service = SERVICES[command]
            return {"CHRISTMAS__ACCESS__KEY": next(key for name, key in place.keys.items() if name != service)}

        for command, line in refusals(place, another).items():
            assert f"is not 'service-{SERVICES[command]}''s" in line

    def test_one_that_was_revoked(self, place: Place) -> None:
        revoked = {}
        for service in ROLES:
            _, key = place.farm.key(bootstrap.role(service), user=bootstrap.user(service))
            revoked[service] = key
            with database.begin(place.farm.engine) as connection:
                found = api_keys.find_key(connection, key)
                assert found is not None
                api_keys.revoke(connection, found.id, found.created_at)
        found_lines = refusals(place, lambda command: {"CHRISTMAS__ACCESS__KEY": revoked[SERVICES[command]]})
        for command, line in found_lines.items():
            assert "was revoked" in line
            assert revoked[SERVICES[command]] not in line

    def test_a_file_that_cannot_be_read(self, place: Place, tmp_path: Path) -> None:
        for service in ROLES:  # as root everything can be read that is a file
            (tmp_path / "keys" / f"{service}.key").mkdir(parents=True, mode=0o700)
        wrong = {"CHRISTMAS__ACCESS__KEY": None, "CHRISTMAS__VAR_PATH": str(tmp_path)}
        for command, line in refusals(place, lambda _: wrong).items():
            path = tmp_path / "keys" / f"{SERVICES[command]}.key"
            assert f"can be neither read from {path} nor made there: Is a directory." in line
            assert "Set CHRISTMAS__ACCESS__KEY" in line

    def test_a_folder_that_cannot_be_made(self, place: Place, tmp_path: Path) -> None:
        (tmp_path / "var").touch()
        wrong = {"CHRISTMAS__ACCESS__KEY": None, "CHRISTMAS__VAR_PATH": str(tmp_path / "var")}
        for command, line in refusals(place, lambda _: wrong).items():
            path = tmp_path / "var" / "keys" / f"{SERVICES[command]}.key"
            assert f"can be neither read from {path} nor made there: Not a directory." in line
            assert "CHRISTMAS__VAR_PATH to a folder that can be written" in line


def test_a_port_that_another_has(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        names = [f"CHRISTMAS__{service}__PORT" for service in ("NODE", "SERVER", "SCHEDULER")]
        ours = ("node", "scheduler", "server")  # plain scrapyd says it in a way of its own
        for command, line in refusals(place, lambda _: dict.fromkeys(names, port), ours).items():
            assert f"cannot listen on port {port} of 127.0.0.1: Address already in use" in line
            assert f"set CHRISTMAS__{command.upper()}__PORT" in line


@contextmanager
def working(place: Place, command: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run a service that works, and end it in good order."""
    process = place.start(command, **variables)
    try:
        yield process
        process.terminate()
        output, errors = process.communicate(timeout=SECONDS)
        assert (process.returncode, errors) == (0, ""), output + errors
    finally:
        process.kill()
        process.communicate()


def test_without_redis_all_of_them_work(place: Place) -> None:
    shop = place.farm.server.shops[VENDOR]
    common = {
        "CHRISTMAS__REDIS__URL": f"redis://:{SECRET}@127.0.0.1:1/0",
        "CHRISTMAS__VENDORS__ORNAMENT_SHOP_COM__BASE_URL": shop.base_url,
        "CHRISTMAS__POLITENESS__DOWNLOAD_DELAY_SECONDS": "0",
        "CHRISTMAS__SCHEDULES": json.dumps(
            {"often": {"job": LINKS, "arguments": {"vendor": VENDOR}, "every_seconds": 1}}
        ),
    }
    ports = {name: free_port() for name in ("NODE", "SCHEDULER", "SERVER")}
    common |= {f"CHRISTMAS__{name}__PORT": str(port) for name, port in ports.items()}
    well = (200, {"status": "ok", "missing": ["redis"]})
    with ExitStack() as started:
        for name, port in ports.items():
            process = started.enter_context(working(place, name.lower(), **common))
            until(lambda: process.poll() is not None or standing(port) == well, 60, f"the start of {name}")  # noqa: B023
            assert process.poll() is None, process.communicate()
        until(lambda: place.farm.jobs("succeeded"), 60, "that what is due is read")
