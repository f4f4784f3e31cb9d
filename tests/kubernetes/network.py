"""What NetworkPolicies let through: who reaches whom, on which ports."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.kubernetes.kustomize import Object
from tests.kubernetes.manifests import container, of_kind, pods

NAMESPACE = "christmas"


@dataclass(frozen=True)
class Place:
    """A pod, or a host somewhere that has an address only."""

    name: str
    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    address: str = "10.244.1.7"
    listens: frozenset[int] = frozenset()

    @property
    def is_ours(self) -> bool:
        return self.namespace == NAMESPACE


def our_places(objects: list[Object]) -> list[Place]:
    """Return the pods of an overlay."""
    return [
        Place(
            name, NAMESPACE, pod["metadata"]["labels"],
            listens=frozenset(port["containerPort"] for port in container(pod).get("ports", ())),
        )
        for name, pod in pods(objects).items()
    ]  # fmt: skip


def reached(objects: list[Object], places: list[Place]) -> set[tuple[str, str, int]]:
    """Return who reaches whom on which port where something listens: both ends must permit it, where they are ours."""
    policies = [one["spec"] for one in of_kind(objects, "NetworkPolicy").values()]
    return {
        (source.name, target.name, port)
        for source in places
        for target in places
        if source is not target
        for port in target.listens
        if _permits(policies, source, target, port, "egress") and _permits(policies, target, source, port, "ingress")
    }


def ports(objects: list[Object], places: list[Place]) -> Iterator[tuple[str, list[Place], int]]:
    """Yield the direction, the chosen ones of these places and the port of every rule."""
    for policy in (one["spec"] for one in of_kind(objects, "NetworkPolicy").values()):
        chosen = [place for place in places if _selects(policy["podSelector"], place.labels)]
        for direction in ("ingress", "egress"):
            for rule in policy.get(direction, ()):
                for each in rule["ports"]:
                    yield direction, chosen, each["port"]


def _permits(policies: list[Object], place: Place, other: Place, port: int, direction: str) -> bool:
    if not place.is_ours:
        return True
    applying = [
        policy for policy in policies
        if direction.capitalize() in policy["policyTypes"] and _selects(policy["podSelector"], place.labels)
    ]  # fmt: skip
    if not applying:
        return True
    peers = "to" if direction == "egress" else "from"
    return any(
        port in {each["port"] for each in rule["ports"]} and any(_is(other, peer) for peer in rule[peers])
        for policy in applying
        for rule in policy.get(direction, ())
    )


def _is(place: Place, peer: Object) -> bool:
    if "ipBlock" in peer:
        address, block = ipaddress.ip_address(place.address), peer["ipBlock"]
        inside = [address in ipaddress.ip_network(each) for each in (block["cidr"], *block.get("except", ()))]
        return not place.namespace and inside[0] and not any(inside[1:])
    if "namespaceSelector" in peer:
        if not _selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": place.namespace}):
            return False
    elif not place.is_ours:
        return False
    return _selects(peer.get("podSelector", {}), place.labels)


def _selects(selector: Object, labels: dict[str, str]) -> bool:
    """Return whether a selector chooses what has these labels; an empty one chooses all."""
    assert selector.keys() <= {"matchLabels", "matchExpressions"}
    for expression in selector.get("matchExpressions", ()):
        assert expression["operator"] == "In"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()
