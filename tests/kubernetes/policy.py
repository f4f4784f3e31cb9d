"""What must hold for every object, whatever it is for: ``problems`` names those that do not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.kubernetes.kustomize import Object
from tests.kubernetes.manifests import container, of_kind, pods
from tests.kubernetes.references import lost

# Kinds of volumes, beside what a claim gives, that hold nothing of the machine a pod runs on.
VOLUMES = {"configMap", "emptyDir", "projected", "secret"}
SHARING = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")
SECRET_NAME = re.compile(r"KEY|PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|(DATABASE|REDIS)__URL")
# A password in an address, in a list of options, in SQL, or among the words of a command.
SECRET_VALUE = re.compile(
    r"://[^/\s@]*:[^/\s@]+@|password\s*=\s*['\"]?\w|password\s+'\w|requirepass\s+(?!\$)\S", re.IGNORECASE
)
UNITS = {"m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")


def problems(objects: list[Object]) -> list[str]:
    """Return everything that is wrong with the objects of an overlay."""
    found = [f"{name}: {problem}" for name, pod in pods(objects).items() for problem in _of_pod(objects, pod)]
    found += [f"{name}: {problem}" for name, pod in pods(objects).items() for problem in _of_container(pod)]
    return [*found, *_open_secrets(objects), *lost(objects), *_scaling(objects)]


def quantity(text: str) -> float:
    """Return a quantity as a number of cores or bytes."""
    number, unit = re.fullmatch(r"([0-9.]+)(\D*)", text).groups()  # type: ignore[union-attr]
    return float(number) * (UNITS[unit] if unit else 1)


def _of_pod(objects: list[Object], pod: Object) -> Iterator[str]:
    spec = pod["spec"]
    context = spec.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser") or not context.get("runAsGroup"):
        yield "may run as root"
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "has no seccomp profile"
    for name in SHARING:
        if spec.get(name):
            yield f"has {name}"
    if spec.get("initContainers") or spec.get("ephemeralContainers"):
        yield "has containers that are not looked at here"
    if spec.get("automountServiceAccountToken") is not False:
        yield "gets a service account's token"
    account = of_kind(objects, "ServiceAccount").get(spec.get("serviceAccountName", ""), {})
    if account.get("automountServiceAccountToken") is not False:
        yield "has no ServiceAccount of ours"
    for volume in spec.get("volumes", ()):
        (kind,) = volume.keys() - {"name"}
        if kind not in VOLUMES:
            yield f"mounts a {kind}"
        if kind == "emptyDir" and "sizeLimit" not in volume[kind]:
            yield f"may fill the disk with {volume['name']}"


def _of_container(pod: Object) -> Iterator[str]:
    one = container(pod)
    context = one.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
        yield "may become privileged"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "may write everywhere"
    if context.keys() & {"runAsUser", "runAsNonRoot", "seccompProfile", "procMount"}:
        yield "differs from its pod"
    if any("hostPort" in port for port in one.get("ports", ())):
        yield "takes a port of its machine"
    image, _, tag = one["image"].rpartition(":")
    if not image or "/" in tag or tag == "latest":
        yield f"has no version of its image: {one['image']}"
    for resource in ("cpu", "memory"):
        amounts = [one.get("resources", {}).get(kind, {}).get(resource) for kind in ("requests", "limits")]
        if None in amounts:
            yield f"has no limit or request of {resource}"
        elif quantity(amounts[0]) > quantity(amounts[1]):
            yield f"requests more {resource} than it may have"
    mounts = one.get("volumeMounts", [])
    if len({mount["mountPath"] for mount in mounts}) != len(mounts):
        yield "mounts twice at one path"


def _open_secrets(objects: list[Object]) -> Iterator[str]:
    if of_kind(objects, "Secret"):
        yield "a Secret is written down"
    for name, pod in pods(objects).items():
        for variable in container(pod).get("env", ()):
            if SECRET_NAME.search(variable["name"]) and "value" in variable:
                yield f"{name}: {variable['name']} is written down"
    for name, one in of_kind(objects, "ConfigMap").items():
        for key in one["data"]:
            if SECRET_NAME.search(key):
                yield f"{name}: {key} is written down"
    for one in objects:
        for text in _texts(one):
            if SECRET_VALUE.search(text):
                yield f"{one['metadata']['name']}: a password is written down"


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, list):
        # A command's words are read with what follows them.
        yield " ".join(each for each in part if isinstance(each, str))
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _texts(each)


def _scaling(objects: list[Object]) -> Iterator[str]:
    deployments = of_kind(objects, "Deployment")
    scaled = [
        one["spec"]["scaleTargetRef"]["name"] for kind in SCALERS for one in of_kind(objects, kind).values()
    ]  # fmt: skip
    for name in sorted(set(scaled)):
        if name not in deployments:
            yield f"{name}: is scaled and not there"
        elif "replicas" in deployments[name]["spec"]:
            yield f"{name}: has a number of replicas beside its scaler"
        if scaled.count(name) > 1:
            yield f"{name}: is scaled twice"
    for name, one in deployments.items():
        if name not in scaled and one["spec"].get("replicas", 1) < 2:
            yield f"{name}: there is only one, and nothing that scales it"
    for name, one in of_kind(objects, "ScaledObject").items():
        for trigger in one["spec"]["triggers"]:
            if trigger["authenticationRef"]["name"] not in of_kind(objects, "TriggerAuthentication"):
                yield f"{name}: no TriggerAuthentication"
