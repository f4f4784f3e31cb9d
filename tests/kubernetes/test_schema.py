"""Every rendered object has the fields that Kubernetes, and KEDA, know; and the check notices those they do not."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest

from tests.kubernetes.kustomize import Object
from tests.kubernetes.manifests import OVERLAYS, container, of_kind, rendered
from tests.kubernetes.schema import DOCUMENT, KEDA, document_errors, model_errors

BESIDE = pytest.mark.skipif(not DOCUMENT.exists(), reason="no ../shared/kubernetes/openapi-1.36.json.gz beside this")
Check = Callable[[Object], list[str]]


def is_kedas(one: Object) -> bool:
    return str(one["apiVersion"]).startswith("keda.sh/")


def by_document(one: Object) -> list[str]:
    return document_errors(one, KEDA if is_kedas(one) else DOCUMENT)


CHECKS = [pytest.param(model_errors, id="models"), pytest.param(by_document, id="document", marks=BESIDE)]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_of_kubernetes_is_valid(overlay: str, check: Check) -> None:
    for one in rendered(overlay):
        if not is_kedas(one):
            assert check(one) == [], one["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_of_keda_is_valid(overlay: str) -> None:
    found = [one for one in rendered(overlay) if is_kedas(one)]
    assert len(found) == 4
    for one in found:
        assert document_errors(one, KEDA) == [], one["metadata"]["name"]


def deployment() -> Object:
    return of_kind(rendered("local"), "Deployment")["server"]


WRONG: dict[str, Callable[[Object], object]] = {
    "unknown at the top": lambda one: one.update(sepc={}),
    "unknown in a container": lambda one: container(one["spec"]["template"]).update(imagePullPolice="Always"),
    "unknown in a list": lambda one: container(one["spec"]["template"])["env"][0].update(values="x"),
    "misplaced": lambda one: one["spec"].update(terminationGracePeriodSeconds=30),
    "missing": lambda one: one["spec"].pop("selector"),
    "missing in a list": lambda one: container(one["spec"]["template"]).pop("name"),
    "text for a number": lambda one: container(one["spec"]["template"])["ports"][0].update(containerPort="8000"),
    "number for a text": lambda one: container(one["spec"]["template"])["env"].append({"name": "A", "value": 1}),
    "text for a truth": lambda one: one["spec"]["template"]["spec"].update(automountServiceAccountToken="no"),
    "object for a list": lambda one: one["spec"]["template"]["spec"].update(volumes={"name": "tmp"}),
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("break_it", WRONG.values(), ids=list(WRONG))
def test_a_wrong_object_is_noticed(break_it: Callable[[Object], object], check: Check) -> None:
    one = deployment()
    break_it(one)
    assert check(one)


@BESIDE
def test_a_wrong_quantity_is_noticed() -> None:
    one = deployment()
    container(one["spec"]["template"])["resources"]["limits"]["memory"] = "1 GB"
    assert document_errors(one, DOCUMENT) == [
        "Deployment.spec.template.spec.containers[0].resources.limits.memory: '1 GB' is no quantity"
    ]


WRONG_FOR_KEDA: dict[str, Callable[[Object], object]] = {
    "unknown": lambda spec: spec.update(minReplicas=1),
    "unknown in the trigger": lambda spec: spec["triggers"][0]["metadata"].update(targetValue="1"),
    "missing": lambda spec: spec["triggers"][0]["metadata"].pop("targetQueryValue"),
    "number for a text": lambda spec: spec["triggers"][0]["metadata"].update(targetQueryValue=6),
    "no target": lambda spec: spec["scaleTargetRef"].clear(),
    "another scaler": lambda spec: spec["triggers"][0].update(type="postgres"),
    "zero": lambda spec: spec["triggers"][0]["metadata"].update(targetQueryValue="0"),
}


@pytest.mark.parametrize("break_it", WRONG_FOR_KEDA.values(), ids=list(WRONG_FOR_KEDA))
def test_a_wrong_scaled_object_is_noticed(break_it: Callable[[Object], object]) -> None:
    one = deepcopy(of_kind(rendered("cloud"), "ScaledObject")["node-auditor"])
    break_it(one["spec"])
    assert document_errors(one, KEDA)
