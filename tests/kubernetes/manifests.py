"""The rendered overlays, and what tests ask of them again and again."""

from __future__ import annotations

import re
from copy import deepcopy
from functools import cache
from typing import Any

from tests.container import page
from tests.farm import ROOT
from tests.kubernetes import kustomize
from tests.kubernetes.kustomize import Object, pod_template

FOLDER = ROOT / "config" / "kubernetes"
OVERLAYS = ("local", "cloud")
OURS = ("christmas", "christmas-browser")


@cache
def _rendered(overlay: str) -> list[Object]:
    return kustomize.render(FOLDER / "overlays" / overlay)


def rendered(overlay: str) -> list[Object]:
    """Return the objects of an overlay, to be changed at will."""
    return deepcopy(_rendered(overlay))


def of_kind(objects: list[Object], *kinds: str) -> dict[str, Object]:
    """Return the objects of some kinds by their name."""
    return {one["metadata"]["name"]: one for one in objects if one["kind"] in kinds}


def pods(objects: list[Object]) -> dict[str, Object]:
    """Return the templates of pods by the name of what makes them."""
    return {one["metadata"]["name"]: template for one in objects if (template := pod_template(one))}


def our_pods(objects: list[Object]) -> dict[str, Object]:
    """Return the templates of pods that run christmas."""
    return {name: pod for name, pod in pods(objects).items() if container(pod)["name"] == "christmas"}


def container(pod: Object) -> Object:
    """Return the only container of a pod."""
    (found,) = pod["spec"]["containers"]
    result: Object = found
    return result


def environment(objects: list[Object], pod: Object, secrets: dict[tuple[str, str], str]) -> dict[str, str]:
    """Return the variables that a pod's container gets; ``secrets`` are the values by Secret and key."""
    maps = of_kind(objects, "ConfigMap")
    found: dict[str, str] = {}
    for source in container(pod).get("envFrom", ()):
        found |= maps[source["configMapRef"]["name"]]["data"]
    for variable in container(pod).get("env", ()):
        if "value" in variable:
            found[variable["name"]] = variable["value"]
        else:
            reference = variable["valueFrom"]["secretKeyRef"]
            found[variable["name"]] = secrets[reference["name"], reference["key"]]
    return found


def secrets_referenced(objects: list[Object]) -> set[tuple[str, str]]:
    """Return name and key of every Secret that an object reads."""
    found: set[tuple[str, str]] = set()

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if "secretKeyRef" in part:
                found.add((part["secretKeyRef"]["name"], part["secretKeyRef"]["key"]))
            for source in part.get("secretTargetRef", ()):
                found.add((source["name"], source["key"]))
            if isinstance(part.get("secret"), dict):
                found.update((part["secret"]["name"], item["key"]) for item in part["secret"]["items"])
        for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            walk(each)

    walk(objects)
    return found


def secrets_made(overlay: str) -> set[tuple[str, str]]:
    """Return name and key of every Secret that the commands for an overlay in docs/deployment.md make."""
    text = page.blocks("sh")[overlay]
    services = re.search(r"for service in (.*);", text)
    assert services, "the loop over the services' keys"
    found = set()
    for name, literals in re.findall(r"^ *secret (\S+)((?: --from-literal=.*)+)$", text, re.MULTILINE):
        names = [name.replace("$service", one) for one in services[1].split()] if "$service" in name else [name]
        found |= {(one, key) for one in names for key in re.findall(r"--from-literal=([\w-]+)=", literals)}
    return found
