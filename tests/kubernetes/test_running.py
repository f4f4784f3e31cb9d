"""The pods of the overlay `local` as processes: with their arguments and variables, on stores made by its own files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from christmas.access import api_keys
from christmas.config import Config
from christmas.db import database, permissions
from christmas.jobs import queue
from christmas.jobs.queue import NewJob
from christmas.policy import rules
from tests.farm import START_SECONDS, free_port, standing, until
from tests.kubernetes.conftest import Stores
from tests.kubernetes.kustomize import Object
from tests.kubernetes.manifests import container, environment, of_kind, our_pods, rendered

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 26, tzinfo=UTC)
KEYS = ("integrator", "scheduler", "server")
SERVICES = ("node-browser", "scheduler", "server")  # nodes differ by their consumers and slots alone


@dataclass
class Kubelet:
    """Runs pods as processes, with what differs where there is no container: folders, ports and addresses."""

    folder: Path
    secrets: dict[tuple[str, str], str]
    objects: list[Object] = field(default_factory=lambda: rendered("local"))

    def start(self, name: str, **more: str) -> subprocess.Popen[str]:
        pod = our_pods(self.objects)[name]
        variables = environment(self.objects, pod, self.secrets)
        state = self.folder / name
        state.mkdir(exist_ok=True)
        own = {"PATH": os.environ["PATH"], "HOME": str(state), "CHRISTMAS__VAR_PATH": str(state), **more}
        words = [word.replace("/run/secrets/christmas", str(self.keys)) for word in container(pod)["args"]]
        return subprocess.Popen(
            [sys.executable, "-m", "christmas", *words], env=variables | own, cwd=state, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    @property
    def keys(self) -> Path:
        """Return the folder of the services' keys, projected as the migration's volume says."""
        folder = self.folder / "keys"
        folder.mkdir(exist_ok=True)
        (volume,) = (v for v in our_pods(self.objects)["migration"]["spec"]["volumes"] if "projected" in v)
        for source in volume["projected"]["sources"]:
            (item,) = source["secret"]["items"]
            path = folder / item["path"]
            path.write_text(self.secrets[source["secret"]["name"], item["key"]], encoding="ascii")
            path.chmod(volume["projected"]["defaultMode"])
        return folder

    def migrate(self) -> str:
        with self.start("migration") as process:
            try:
                output, _ = process.communicate(timeout=300)
            finally:
                process.kill()
        assert process.returncode == 0, output
        return output


@pytest.fixture(scope="module")
def kubelet(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Kubelet:
    """Return a kubelet that has run the migration."""
    secrets = {
        ("christmas-database-owner", "url"): stores.owner_url,
        ("christmas-database", "url"): stores.login_url,
        ("christmas-redis", "url"): stores.redis_url,
        **{(f"christmas-{name}-key", "key"): api_keys.new_key() for name in KEYS},
    }
    found = Kubelet(tmp_path_factory.mktemp("pods"), secrets)
    found.migrate()
    return found


def test_the_migration_changes_nothing_the_second_time(kubelet: Kubelet, stores: Stores) -> None:
    def state() -> list[tuple[object, ...]]:
        with psycopg.connect(stores.owner_url) as connection:
            return connection.execute('SELECT id, "user", role, hash FROM api_keys ORDER BY id').fetchall()

    before = state()
    assert sorted(role for _, _, role, _ in before) == [f"service:{name}" for name in KEYS]
    kubelet.migrate()
    assert state() == before


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, kubelet: Kubelet) -> Iterator[tuple[str, int, subprocess.Popen[str]]]:
    """Start a service's pod; gives its name, its port and the process."""
    kind, port = container(our_pods(kubelet.objects)[request.param])["args"][0].upper(), free_port()
    own = {f"CHRISTMAS__{kind}__PORT": str(port), f"CHRISTMAS__{kind}__BIND_ADDRESS": "127.0.0.1"}
    with kubelet.start(request.param, CHRISTMAS__SERVER__DRAIN_SECONDS="0.1", **own) as process:
        try:
            yield request.param, port, process
        finally:
            process.kill()


def test_a_service_starts_is_well_and_leaves(service: tuple[str, int, subprocess.Popen[str]], kubelet: Kubelet) -> None:
    name, port, process = service
    one = container(our_pods(kubelet.objects)[name])
    live, ready = (one[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe"))

    def is_live() -> bool:
        assert process.poll() is None, process.communicate()
        found = standing(port, live)
        return found is not None and found[0] == 200

    until(is_live, START_SECONDS, f"the start of {name}")
    until(lambda: standing(port, ready) == (200, {"status": "ok", "missing": []}), what="that nothing is missing")
    process.terminate()
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 0, output
    for line in output.splitlines():
        assert json.loads(line)["service"] == container(our_pods(kubelet.objects)[name])["args"][0], line


def test_the_services_login_owns_nothing_and_may_be_every_service_and_spider(
    kubelet: Kubelet, login: psycopg.Connection
) -> None:
    subjects = {f"service:{name}" for name in KEYS}
    subjects |= {name for name in rules.load(Config()).subjects() if name.startswith(f"{rules.SPIDER}:")}
    for subject in sorted(subjects):
        login.execute(f'SET ROLE "{permissions.role(subject)}"')
        login.execute("RESET ROLE")
    for statement in ("CREATE TABLE mine (id int)", "DROP TABLE jobs", "ALTER TABLE products ADD mine int"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            login.execute(statement)


def test_valkey_wants_its_password(stores: Stores) -> None:
    with Redis.from_url(stores.redis_url) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-ttl"}
    with (
        Redis.from_url(stores.redis_url.replace("a-password", "another")) as client,
        pytest.raises(AuthenticationError),
    ):
        client.ping()


def test_keda_is_told_how_many_runs_are_of_use(kubelet: Kubelet, stores: Stores, login: psycopg.Connection) -> None:
    def told() -> dict[str, int]:
        found = {}
        for name, one in of_kind(kubelet.objects, "ScaledObject").items():
            row = login.execute(one["spec"]["triggers"][0]["metadata"]["query"]).fetchone()
            assert row is not None
            (found[name],) = row
        return found

    assert told() == {"node-integrator": 0, "node-browser": 0, "node-auditor": 0}
    with database.begin(database.open_engine(stores.owner_url)) as connection:
        for number, (vendor, consumer) in enumerate(
            [
                ("a", "integrator"), ("a", "integrator"), ("b", "integrator"), ("c", "integrator"),  # two of one vendor
                ("d", "integrator.browser"), ("d", "auditor.browser"), ("e", "auditor.browser"),  # one at a time, too
                ("a", "auditor"),
            ]
        ):  # fmt: skip
            name = f"{consumer.partition('.')[0]}.test"
            queue.submit(connection, NewJob(f"job{number}", name, vendor, consumer, {"n": number}), NOW)
        queue.submit(connection, NewJob("root", "integrator.sync_all", None, None, {}), NOW)
    waiting = {"node-integrator": 3, "node-browser": 2, "node-auditor": 1}
    assert told() == waiting
    with database.begin(database.open_engine(stores.owner_url)) as connection:
        claimed = [queue.claim(connection, ["integrator"], "node", NOW) for _ in range(2)]
    assert told() == waiting, "a vendor that is being read still needs its run"
    with database.begin(database.open_engine(stores.owner_url)) as connection:
        for job in claimed:
            assert job is not None
            queue.complete(connection, job.id, 1, state="succeeded", outcome={}, now=NOW)
    # The first was one of two of its vendor.
    assert {job.vendor for job in claimed if job} == {"a", "b"}
    assert told() == {"node-integrator": 2, "node-browser": 2, "node-auditor": 1}
