"""Everything that the manifests name is there in the code: commands, variables, ports, paths, consumers, Secrets."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from christmas import cli, config
from christmas.config import Config
from christmas.errors import ConfigurationError
from christmas.jobs.definitions.base import SpiderJob
from christmas.jobs.definitions.registry import DEFINITIONS
from christmas.node import options
from christmas.policy import rules
from christmas.server.service import STOP_SECONDS
from tests.kubernetes.kustomize import Object
from tests.kubernetes.manifests import (
    OVERLAYS,
    container,
    environment,
    of_kind,
    our_pods,
    rendered,
    secrets_made,
    secrets_referenced,
)

# Addresses that are well-formed and lead nowhere, and a key.
SECRETS = {
    ("christmas-database", "url"): "postgresql://christmas:word@postgresql.christmas.svc:5432/christmas",
    ("christmas-database-owner", "url"): "postgresql://owner:word@postgresql.christmas.svc:5432/christmas",
    ("christmas-redis", "url"): "rediss://:word@valkey.christmas.svc:6379/0",
    **{(f"christmas-{name}-key", "key"): "k" * 43 for name in ("integrator", "scheduler", "server")},
}
PODS = [(overlay, name) for overlay in OVERLAYS for name in our_pods(rendered(overlay))]
# What a process needs to leave after it has finished or drained.
LEAVE_SECONDS = {"node": 15, "server": 5, "scheduler": 15}


@pytest.fixture(autouse=True)
def _no_other_variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith(config.PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ENV", "default")
    yield
    config.current.cache_clear()


def configured(objects: list[Object], name: str) -> Config:
    """Return the configuration of a pod's process, as it reads it from its environment."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in environment(objects, our_pods(objects)[name], SECRETS).items():
            patch.setenv(variable, value)
        return config.load()


@pytest.mark.parametrize(("overlay", "name"), PODS)
class TestPod:
    def test_its_command_is_one_of_christmas(self, overlay: str, name: str) -> None:
        words = list(container(our_pods(rendered(overlay))[name])["args"])
        command = cli.load(words.pop(0))
        while hasattr(command, "commands"):  # `db upgrade` is a command of the group `db`
            command = command.commands[words.pop(0)]
        command.make_context("christmas", words)  # raises where an option is not known

    def test_its_variables_are_the_configuration(self, overlay: str, name: str) -> None:
        objects = rendered(overlay)
        pod = our_pods(objects)[name]
        found = configured(objects, name)
        is_migration = name == "migration"
        assert (
            found.database_url == SECRETS["christmas-database-owner" if is_migration else "christmas-database", "url"]
        )
        assert bool(found.redis.url) is bool(found.access.key) is not is_migration
        assert found.logs.format == "json"
        assert {"CHRISTMAS__VAR_PATH", "CHRISTMAS__CONTACT_URL"} < environment(objects, pod, SECRETS).keys()

    def test_its_port_is_the_configured_one_and_open_to_the_kubelet(self, overlay: str, name: str) -> None:
        objects = rendered(overlay)
        one = container(our_pods(objects)[name])
        if name == "migration":
            assert "ports" not in one
            return
        section = getattr(configured(objects, name), one["args"][0])
        assert [port["containerPort"] for port in one["ports"]] == [section.port]
        assert section.bind_address == "0.0.0.0"
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = "/health/ready" if probe == "readinessProbe" else "/health/live"
            assert one[probe]["httpGet"] == {"path": path, "port": one["ports"][0]["name"]}

    def test_each_of_its_folders_is_used(self, overlay: str, name: str) -> None:
        objects = rendered(overlay)
        pod = our_pods(objects)[name]
        one, used = container(pod), {str(configured(objects, name).var_path), "/tmp"}  # noqa: S108
        if name == "migration":
            used.add(one["args"][one["args"].index("--service-keys") + 1])
        if name == "node-browser":
            used.add("/dev/shm")  # noqa: S108  # Chromium's
        assert {mount["mountPath"] for mount in one["volumeMounts"]} == used

    def test_it_gets_the_time_it_needs_to_leave(self, overlay: str, name: str) -> None:
        objects = rendered(overlay)
        pod = our_pods(objects)[name]
        if name == "migration":
            assert pod["spec"]["restartPolicy"] == "Never"
            return
        found, service = configured(objects, name), container(pod)["args"][0]
        needed = {
            "node": found.node.finish_seconds + found.node.grace_seconds,
            "server": found.server.drain_seconds + STOP_SECONDS,
            "scheduler": 0,
        }
        assert needed["node"] > 60
        assert needed["server"] > STOP_SECONDS
        assert pod["spec"]["terminationGracePeriodSeconds"] >= needed[service] + LEAVE_SECONDS[service]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_consumer_of_jobs_is_served_by_one_deployment(overlay: str) -> None:
    objects = rendered(overlay)
    served = []
    for name in our_pods(objects):
        if name.startswith("node-"):
            chosen = configured(objects, name)
            options.check_consumers(chosen)
            served += chosen.node.consumers
    roots = {name.partition(".")[0] for name, kind in DEFINITIONS.items() if issubclass(kind, SpiderJob)}
    assert sorted(served) == sorted(root + needs for root in roots for needs in ("", ".browser"))
    prefix = f"{rules.SPIDER}:"
    subjects = rules.load(Config()).subjects()
    assert sorted(served) == sorted(name.removeprefix(prefix) for name in subjects if name.startswith(prefix))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nodes_are_scaled_by_the_jobs_that_they_take_and_the_runs_that_they_have(overlay: str) -> None:
    objects = rendered(overlay)
    scaled = of_kind(objects, "ScaledObject")
    assert set(scaled) == {name for name in our_pods(objects) if name.startswith("node-")}
    for name, one in scaled.items():
        node = configured(objects, name).node
        (trigger,) = one["spec"]["triggers"]
        assert node.slots > 0, "of a container, the processors are not those of its machine"
        assert trigger["metadata"]["targetQueryValue"] == str(node.slots)
        assert trigger["metadata"]["query"].endswith(f"({', '.join(map(repr, node.consumers))})")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_commands_above_an_overlay_make_every_secret_that_is_read(overlay: str) -> None:
    assert secrets_referenced(rendered(overlay)) == secrets_made(overlay)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_service_reads_its_own_secrets_only(overlay: str) -> None:
    objects = rendered(overlay)
    keys = {"integrator": 3, "scheduler": 1, "server": 1}
    for service, number in keys.items():
        readers = [
            name for name, pod in our_pods(objects).items()
            if (f"christmas-{service}-key", "key") in secrets_referenced([pod]) and name != "migration"
        ]  # fmt: skip
        assert len(readers) == number
        assert all(our_pods(objects)[name]["spec"]["serviceAccountName"] == service for name in readers)
    owners = [name for name, pod in our_pods(objects).items() if "owner" in str(secrets_referenced([pod]))]
    assert owners == ["migration"]


def test_a_variable_that_is_no_key_is_noticed() -> None:
    objects = rendered("local")
    of_kind(objects, "ConfigMap")["christmas"]["data"]["CHRISTMAS__NODE__FINISHING_SECONDS"] = "1"
    with pytest.raises(ConfigurationError):
        configured(objects, "server")
