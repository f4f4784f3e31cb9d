"""Objects name each other: by labels, ports, volumes, ConfigMaps and Services; ``lost`` is what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from tests.kubernetes.kustomize import WITH_PODS, Object
from tests.kubernetes.manifests import container, of_kind, pods


def lost(objects: list[Object]) -> Iterator[str]:
    """Yield what is named and not there."""
    for name, one in of_kind(objects, *WITH_PODS).items():
        found = chain(_pods_of(objects, one), _volumes_of(one), _named_by(objects, one))
        yield from (f"{name}: {problem}" for problem in found)
    yield from _services(objects)
    yield from _budgets(objects)
    yield from _ingresses(objects)


def selects(labels: dict[str, str], pod: Object) -> bool:
    """Return whether labels choose a pod; none of them would choose all."""
    return bool(labels) and labels.items() <= pod["metadata"]["labels"].items()


def _pods_of(objects: list[Object], one: Object) -> Iterator[str]:
    pod = one["spec"]["template"]
    if one["kind"] != "Job":
        labels = one["spec"]["selector"]["matchLabels"]
        if not selects(labels, pod):
            yield "does not select its own pods"
        if sum(selects(labels, each) for each in pods(objects).values()) > 1:
            yield "selects pods of others"
    for spread in pod["spec"].get("topologySpreadConstraints", ()):
        if not selects(spread["labelSelector"]["matchLabels"], pod):
            yield "is spread by labels that it has not"


def _volumes_of(one: Object) -> Iterator[str]:
    pod = one["spec"]["template"]
    volumes = {each["name"] for each in pod["spec"].get("volumes", ())}
    volumes |= {each["metadata"]["name"] for each in one["spec"].get("volumeClaimTemplates", ())}
    mounted = {mount["name"] for mount in container(pod).get("volumeMounts", ())}
    for name in sorted(volumes ^ mounted):
        yield f"{name} is not both a volume and mounted"


def _named_by(objects: list[Object], one: Object) -> Iterator[str]:
    pod = one["spec"]["template"]
    named = [source["configMapRef"]["name"] for source in container(pod).get("envFrom", ())]
    named += [each["configMap"]["name"] for each in pod["spec"].get("volumes", ()) if "configMap" in each]
    for name in named:
        if name not in of_kind(objects, "ConfigMap"):
            yield f"there is no ConfigMap {name}"
    if one["kind"] == "StatefulSet" and one["spec"]["serviceName"] not in of_kind(objects, "Service"):
        yield f"there is no Service {one['spec']['serviceName']}"


def _services(objects: list[Object]) -> Iterator[str]:
    for name, one in of_kind(objects, "Service").items():
        chosen = [pod for pod in pods(objects).values() if selects(one["spec"]["selector"], pod)]
        if not chosen:
            yield f"{name}: a Service without pods"
        for pod in chosen:
            known = {port["name"] for port in container(pod)["ports"]}
            if {port["targetPort"] for port in one["spec"]["ports"]} - known:
                yield f"{name}: a Service of a port that its pods have not"


def _budgets(objects: list[Object]) -> Iterator[str]:
    for name, one in of_kind(objects, "PodDisruptionBudget").items():
        if not any(selects(one["spec"]["selector"]["matchLabels"], pod) for pod in pods(objects).values()):
            yield f"{name}: a PodDisruptionBudget of no pods"


def _ingresses(objects: list[Object]) -> Iterator[str]:
    services = {
        name: {port["name"] for port in one["spec"]["ports"]} for name, one in of_kind(objects, "Service").items()
    }
    for name, one in of_kind(objects, "Ingress").items():
        for rule in one["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                if backend["port"]["name"] not in services.get(backend["name"], ()):
                    yield f"{name}: an Ingress to nowhere"
            if not any(rule["host"] in tls["hosts"] for tls in one["spec"]["tls"]):
                yield f"{name}: an Ingress without TLS"
