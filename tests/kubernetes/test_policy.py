"""What must hold for every object: no root, no privilege, limits, no secret in plain text, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.farm import ROOT
from tests.kubernetes.kustomize import Object
from tests.kubernetes.manifests import OURS, OVERLAYS, container, of_kind, our_pods, pods, rendered
from tests.kubernetes.policy import problems

RECOMMENDED = {f"app.kubernetes.io/{name}" for name in ("name", "component", "part-of", "managed-by")}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_is_wrong(overlay: str) -> None:
    assert problems(rendered(overlay)) == []


def spec(objects: list[Object], name: str = "node-browser") -> Any:
    return pods(objects)[name]["spec"]


def inside(objects: list[Object], name: str = "node-browser") -> Any:
    return container(pods(objects)[name])


def of(objects: list[Object], kind: str, name: str = "server") -> Any:
    return of_kind(objects, kind)[name]["spec"]


def secret(objects: list[Object]) -> None:
    objects.append({"kind": "Secret", "metadata": {"name": "christmas-redis"}, "data": {}})


def literal(name: str, value: str) -> Callable[[list[Object]], object]:
    return lambda objects: inside(objects)["env"].append({"name": name, "value": value})


BROKEN: dict[str, Callable[[list[Object]], object]] = {
    "may run as root": lambda o: spec(o)["securityContext"].update(runAsUser=0),
    "has no seccomp profile": lambda o: spec(o)["securityContext"].pop("seccompProfile"),
    "has hostNetwork": lambda o: spec(o).update(hostNetwork=True),
    "has hostPID": lambda o: spec(o, "postgresql").update(hostPID=True),
    "has containers that are not looked at": lambda o: spec(o).update(initContainers=[{}]),
    "gets a service account's token": lambda o: spec(o).pop("automountServiceAccountToken"),
    "has no ServiceAccount of ours": lambda o: spec(o).update(serviceAccountName="default"),
    "mounts a hostPath": lambda o: spec(o)["volumes"].append({"name": "var", "hostPath": {"path": "/var"}}),
    "may fill the disk with tmp": lambda o: spec(o)["volumes"][1]["emptyDir"].clear(),
    "may become privileged": lambda o: inside(o)["securityContext"].update(privileged=True),
    "keeps capabilities": lambda o: inside(o)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
    "may write everywhere": lambda o: inside(o, "valkey")["securityContext"].pop("readOnlyRootFilesystem"),
    "differs from its pod": lambda o: inside(o)["securityContext"].update(runAsUser=0),
    "takes a port of its machine": lambda o: inside(o)["ports"][0].update(hostPort=6800),
    "has no version of its image: christmas:latest": lambda o: inside(o).update(image="christmas:latest"),
    "has no version of its image: registry:5000/christmas": lambda o: inside(o).update(image="registry:5000/christmas"),
    "has no limit or request of memory": lambda o: inside(o)["resources"]["limits"].pop("memory"),
    "has no limit or request of cpu": lambda o: inside(o)["resources"]["requests"].pop("cpu"),
    "requests more memory than it may have": lambda o: inside(o)["resources"]["limits"].update(memory="1Mi"),
    "mounts twice at one path": lambda o: inside(o)["volumeMounts"][1].update(mountPath="/var/lib/christmas"),
    "a Secret is written down": secret,
    "CHRISTMAS__ACCESS__KEY is written down": literal("CHRISTMAS__ACCESS__KEY", "x"),
    "node-browser: a password is written down": literal("PROXY", "http://me:word@proxy:3128"),
    "christmas: CHRISTMAS__DATABASE__URL is written": lambda o: of_kind(o, "ConfigMap")["christmas"]["data"].update(
        CHRISTMAS__DATABASE__URL="postgresql://localhost"
    ),
    "valkey: a password is written down": lambda o: inside(o, "valkey")["args"].__setitem__(-1, "word"),
    "postgresql: a password is written down": lambda o: of_kind(o, "ConfigMap")["postgresql"]["data"].update(
        other="CREATE ROLE x LOGIN PASSWORD 'word';"
    ),
    "does not select its own pods": lambda o: of(o, "Deployment")["selector"]["matchLabels"].update(x="y"),
    "selects pods of others": lambda o: of(o, "Deployment").update(
        selector={"matchLabels": {"app.kubernetes.io/part-of": "christmas"}}
    ),
    "cache is not both a volume and mounted": lambda o: spec(o)["volumes"].append({"name": "cache", "emptyDir": {}}),
    "there is no ConfigMap christmas": lambda o: o.remove(of_kind(o, "ConfigMap")["christmas"]),
    "is spread by labels that it has not": lambda o: spec(o)["topologySpreadConstraints"][0].update(
        labelSelector={"matchLabels": {"app": "node"}}
    ),
    "there is no Service valkey": lambda o: o.remove(of_kind(o, "Service")["valkey"]),
    "server: a Service without pods": lambda o: of(o, "Service")["selector"].update(x="y"),
    "a port that its pods have not": lambda o: of(o, "Service")["ports"][0].update(targetPort="https"),
    "a PodDisruptionBudget of no pods": lambda o: of(o, "PodDisruptionBudget")["selector"]["matchLabels"].update(x="y"),
    "is scaled and not there": lambda o: of(o, "HorizontalPodAutoscaler")["scaleTargetRef"].update(name="servers"),
    "has a number of replicas beside": lambda o: of(o, "Deployment", "node-auditor").update(replicas=1),
    "is scaled twice": lambda o: of(o, "HorizontalPodAutoscaler")["scaleTargetRef"].update(name="node-auditor"),
    "scheduler: there is only one": lambda o: of(o, "Deployment", "scheduler").pop("replicas"),
    "no TriggerAuthentication": lambda o: o.remove(of_kind(o, "TriggerAuthentication")["database"]),
}


@pytest.mark.parametrize(("problem", "break_it"), BROKEN.items(), ids=list(BROKEN))
def test_what_is_wrong_is_noticed(problem: str, break_it: Callable[[list[Object]], object]) -> None:
    objects = rendered("local")
    break_it(objects)
    assert any(problem in found for found in problems(objects)), problems(objects)


@pytest.mark.parametrize(
    ("problem", "change"),
    [
        ("an Ingress to nowhere", lambda s: s["rules"][0]["http"]["paths"][0]["backend"]["service"].update(name="x")),
        ("an Ingress without TLS", lambda s: s["tls"][0].update(hosts=[])),
    ],
)
def test_a_wrong_ingress_is_noticed(problem: str, change: Callable[[Object], object]) -> None:
    objects = rendered("cloud")
    change(of(objects, "Ingress"))
    assert any(problem in found for found in problems(objects))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_stands_in_a_namespace_that_admits_nothing_less(overlay: str) -> None:
    (namespace,) = of_kind(rendered(overlay), "Namespace").values()
    for mode in ("enforce", "audit", "warn"):
        assert namespace["metadata"]["labels"][f"pod-security.kubernetes.io/{mode}"] == "restricted"
    placed = {one["metadata"].get("namespace") for one in rendered(overlay) if one["kind"] != "Namespace"}
    assert placed == {namespace["metadata"]["name"]} == {"christmas"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_says_what_it_is_part_of_and_pods_what_they_are(overlay: str) -> None:
    objects = rendered(overlay)
    assert {one["metadata"]["labels"]["app.kubernetes.io/part-of"] for one in objects} == {"christmas"}
    for name, pod in pods(objects).items():
        assert set(pod["metadata"]["labels"]) >= RECOMMENDED, name
        assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_service_has_an_account_and_a_user_of_its_own(overlay: str) -> None:
    accounts = {name: pod["spec"]["serviceAccountName"] for name, pod in pods(rendered(overlay)).items()}
    nodes = {name for name in accounts if name.startswith("node-")}
    assert {accounts.pop(name) for name in nodes} == {"integrator"}
    assert all(name == account for name, account in accounts.items())
    for pod in our_pods(rendered(overlay)).values():
        context = pod["spec"]["securityContext"]
        assert {context[name] for name in ("runAsUser", "runAsGroup", "fsGroup")} == {10001}


def test_the_images_are_those_that_are_built() -> None:
    version = next(
        line.split('"')[1] for line in (ROOT / "pyproject.toml").read_text().splitlines() if line.startswith("version")
    )
    wanted = {"local": ("", "local"), "cloud": ("registry.example.org/", version)}
    for overlay, (registry, tag) in wanted.items():
        for name, pod in our_pods(rendered(overlay)).items():
            image = OURS[name == "node-browser"]
            assert container(pod)["image"] == f"{registry}{image}:{tag}", name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_updates_take_nobody_away_before_the_next_is_ready(overlay: str) -> None:
    objects = rendered(overlay)
    for name in ("server", "node-integrator", "node-browser", "node-auditor"):
        assert of(objects, "Deployment", name)["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert of(objects, "Deployment", "scheduler")["replicas"] == 2
    assert of(objects, "HorizontalPodAutoscaler")["minReplicas"] == 2
    assert of(objects, "PodDisruptionBudget")["maxUnavailable"] == 1
    scaled = {name: one["spec"] for name, one in of_kind(objects, "ScaledObject").items()}
    assert {name: one["minReplicaCount"] for name, one in scaled.items()} == {
        "node-integrator": 1, "node-browser": 0, "node-auditor": 0,
    }  # fmt: skip


def test_the_stores_inside_keep_their_data() -> None:
    for name, one in of_kind(rendered("local"), "StatefulSet").items():
        (claim,) = one["spec"]["volumeClaimTemplates"]
        assert claim["spec"]["resources"]["requests"]["storage"].endswith("Gi")
        places = {mount["name"]: mount["mountPath"] for mount in container(one["spec"]["template"])["volumeMounts"]}
        assert places[claim["metadata"]["name"]] == {"postgresql": "/var/lib/postgresql", "valkey": "/data"}[name]
    assert not of_kind(rendered("cloud"), "StatefulSet")
