"""What ``kubectl kustomize`` makes of a folder, for the features that config/kubernetes uses; others are an error."""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

FIELDS = {"apiVersion", "kind", "namespace", "resources", "configMapGenerator", "labels", "images", "patches"}
NAMESPACED = {
    "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Ingress", "Job", "NetworkPolicy", "PodDisruptionBudget",
    "ScaledObject", "Service", "ServiceAccount", "StatefulSet", "TriggerAuthentication",
}  # fmt: skip
WITH_PODS = {"Deployment", "Job", "StatefulSet"}
# By what a patch finds the element of a list that it changes; other lists are replaced as a whole.
MERGE_KEYS = {
    "containers": "name",
    "env": "name",
    "ports": "containerPort",
    "volumes": "name",
    "volumeMounts": "mountPath",
}


class NotSupported(Exception):
    """Raised when a kustomization uses what this renderer does not know, from ``render``."""


def render(folder: Path) -> list[Object]:
    """Return the objects of a folder with a kustomization.yaml; raises NotSupported."""
    (chosen,) = documents(folder / "kustomization.yaml")
    _only(chosen, FIELDS, folder)
    objects: list[Object] = []
    for name in chosen["resources"]:
        path = folder / name
        objects += render(path) if path.is_dir() else documents(path)
    objects += [_generated(each, folder) for each in chosen.get("configMapGenerator", [])]
    for patch in chosen.get("patches", []):
        _patch(objects, patch, folder)
    for one in objects:
        _place(one, chosen["namespace"])
        for labels in chosen.get("labels", []):
            _label(one, labels, folder)
        for image in chosen.get("images", []):
            _rename(one, image, folder)
    return objects


def documents(path: Path) -> list[Object]:
    """Return the documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def pod_template(one: Object) -> Object | None:
    """Return an object's template of pods; None where it makes none."""
    template: Object | None = one["spec"]["template"] if one["kind"] in WITH_PODS else None
    return template


def _only(given: Iterable[str], known: set[str], where: object) -> None:
    if unknown := set(given) - known:
        raise NotSupported(f"{where}: {', '.join(sorted(unknown))}")


def _generated(chosen: Object, folder: Path) -> Object:
    _only(chosen, {"name", "files", "options"}, folder)
    if chosen["options"] != {"disableNameSuffixHash": True}:
        raise NotSupported(f"{folder}: a name with a hash")
    data = {name: (folder / name).read_text(encoding="utf-8") for name in chosen["files"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": chosen["name"]}, "data": data}


def _patch(objects: list[Object], patch: Object, folder: Path) -> None:
    _only(patch, {"path", "target"}, folder)
    (change,) = documents(folder / patch["path"])
    target = patch.get("target") or {"kind": change["kind"], "name": change["metadata"]["name"]}
    chosen = [one for one in objects if _is_target(one, target, folder)]
    if not chosen:
        raise NotSupported(f"{folder / patch['path']} changes nothing")
    for one in chosen:
        _merge(one, {name: part for name, part in change.items() if name not in {"apiVersion", "kind", "metadata"}})


def _is_target(one: Object, target: Object, folder: Path) -> bool:
    _only(target, {"kind", "name", "labelSelector"}, folder)
    label, _, value = target.get("labelSelector", "").partition("=")
    return (
        re.fullmatch(target["kind"], one["kind"]) is not None
        and re.fullmatch(target.get("name", ".*"), one["metadata"]["name"]) is not None
        and (not label or one["metadata"].get("labels", {}).get(label) == value)
    )


def _merge(into: Object, change: Object) -> None:
    for name, part in change.items():
        if part is None or "$patch" in change:
            raise NotSupported(f"a patch that removes {name}")
        if isinstance(part, dict) and isinstance(into.get(name), dict):
            _merge(into[name], part)
        elif isinstance(part, list) and name in MERGE_KEYS and name in into:
            into[name] = _merged(into[name], part, MERGE_KEYS[name])
        else:
            into[name] = deepcopy(part)


def _merged(old: list[Object], new: list[Object], key: str) -> list[Object]:
    """Return the elements of the patch first, each with what it changes."""
    rest = {element[key]: element for element in old}
    found = []
    for change in new:
        element = rest.pop(change[key], {})
        _merge(element, change)
        found.append(element)
    return [*found, *rest.values()]


def _place(one: Object, namespace: str) -> None:
    if one["kind"] == "Namespace":
        one["metadata"]["name"] = namespace
    elif one["kind"] in NAMESPACED:
        one["metadata"]["namespace"] = namespace
    else:
        raise NotSupported(f"an object of kind {one['kind']}")


def _label(one: Object, labels: Object, folder: Path) -> None:
    _only(labels, {"pairs", "includeTemplates"}, folder)
    labelled = [one]
    template = pod_template(one)
    if labels.get("includeTemplates") and template:
        labelled += [template, *one["spec"].get("volumeClaimTemplates", [])]
    for each in labelled:
        each["metadata"].setdefault("labels", {}).update(labels["pairs"])


def _rename(one: Object, image: Object, folder: Path) -> None:
    _only(image, {"name", "newName", "newTag"}, folder)
    template = pod_template(one)
    for container in template["spec"]["containers"] if template else ():
        if container["image"] == image["name"]:
            container["image"] = f"{image.get('newName', image['name'])}:{image['newTag']}"
