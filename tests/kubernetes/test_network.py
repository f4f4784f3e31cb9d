"""The NetworkPolicies let through what is needed, and nothing else."""

from __future__ import annotations

import pytest

from tests.kubernetes.manifests import OVERLAYS, of_kind, rendered
from tests.kubernetes.network import Place, our_places, ports, reached

DNS, WEB, STORES = frozenset({53}), frozenset({80, 443}), frozenset({5432, 6379})
EVERYTHING = frozenset({53, 80, 443, 5432, 6379, 6800, 8000, 8001, 8089, 22, 10250})
AROUND = [
    Place("dns", "kube-system", {"k8s-app": "kube-dns"}, listens=EVERYTHING),
    Place("dns cache", "kube-system", {"k8s-app": "node-local-dns"}, listens=EVERYTHING),
    Place("dns cache of the machine", address="169.254.20.10", listens=EVERYTHING),
    Place("dns of the cloud", address="169.254.169.254", listens=EVERYTHING),
    Place("another of the system", "kube-system", {"k8s-app": "dashboard"}, listens=EVERYTHING),
    Place("ingress controller", "traefik", listens=EVERYTHING),
    Place("prometheus", "monitoring", listens=EVERYTHING),
    Place("keda", "keda", listens=EVERYTHING),
    Place("somebody", "default", {"app.kubernetes.io/name": "server"}, listens=EVERYTHING),
    Place("shop", address="93.184.215.14", listens=EVERYTHING),
    Place("shop on IPv6", address="2606:2800:21f:cb07::1", listens=EVERYTHING),
    Place("store", address="10.100.0.12", listens=EVERYTHING),
]
# The pod that cert-manager starts in our namespace.
SOLVER = Place("solver", "christmas", {"acme.cert-manager.io/http01-solver": "true"}, listens=frozenset({8089, 22}))
# A page may link to any of these; the third has the cloud's credentials.
PRIVATE = (
    "10.0.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.254", "192.168.1.1", "100.64.0.1", "0.0.0.0",
    "198.18.0.1", "224.0.0.1", "255.255.255.255", "fd00:ec2::254", "fe80::1", "::1", "ff02::1",
)  # fmt: skip
NODES = ("node-integrator", "node-browser", "node-auditor")
SERVICES = (*NODES, "scheduler", "server")


def links(sources: tuple[str, ...], target: str, *at: int) -> set[tuple[str, str, int]]:
    return {(source, target, port) for source in sources for port in at}


RESOLVERS = ("dns", "dns cache", "dns cache of the machine", "dns of the cloud")
COMMON = (
    {(source, target, 53) for source in (*SERVICES, "migration") for target in RESOLVERS}
    | links(NODES, "shop", 80, 443)
    | links(NODES, "shop on IPv6", 80, 443)
    | links(("ingress controller", "prometheus"), "server", 8000)
    | {("prometheus", node, 6800) for node in NODES}
)
WANTED = {
    "local": COMMON
    | {(source, target, 53) for source in ("postgresql", "valkey") for target in RESOLVERS}
    | links((*SERVICES, "migration", "keda"), "postgresql", 5432)
    | links(SERVICES, "valkey", 6379),
    "cloud": COMMON
    | {("ingress controller", "solver", 8089)}
    | links((*SERVICES, "migration"), "store", 5432)
    | links(SERVICES, "store", 6379),
}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everybody_reaches_what_they_need_and_nothing_else(overlay: str) -> None:
    objects = rendered(overlay)
    ours = [*our_places(objects), SOLVER]
    names = {place.name for place in ours}
    found = {link for link in reached(objects, [*ours, *AROUND]) if names & {link[0], link[1]}}
    found -= {("solver", target, 53) for target in RESOLVERS}
    assert sorted(found - WANTED[overlay]) == []
    assert sorted(WANTED[overlay] - found) == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nodes_read_nothing_of_private_networks(overlay: str) -> None:
    objects = rendered(overlay)
    nodes = [place for place in our_places(objects) if place.name in NODES]
    for address in PRIVATE:
        assert not reached(objects, [*nodes, Place(address, address=address, listens=WEB)]), address


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_no_rule_names_is_denied(overlay: str) -> None:
    objects = rendered(overlay)
    assert of_kind(objects, "NetworkPolicy")["deny-all"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }
    stranger = Place("stranger", "christmas", {"app": "stranger"}, listens=EVERYTHING)
    found = reached(objects, [stranger, *our_places(objects), *AROUND])
    assert {link for link in found if "stranger" in link} == {("stranger", target, 53) for target in RESOLVERS}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_port_of_a_rule_is_one_that_somebody_listens_on(overlay: str) -> None:
    objects = rendered(overlay)
    places = [*our_places(objects), SOLVER]
    somewhere = {port for place in places for port in place.listens} | DNS | WEB | STORES
    for direction, chosen, port in ports(objects, places):
        assert chosen, f"a policy on {port} chooses no pod"
        if direction == "ingress":
            assert all(port in place.listens for place in chosen), (port, chosen)
        assert port in somewhere


def test_a_hole_is_noticed() -> None:
    objects = rendered("local")
    of_kind(objects, "NetworkPolicy")["deny-all"]["spec"]["policyTypes"].remove("Ingress")
    assert ("somebody", "scheduler", 8001) in reached(objects, [*our_places(objects), *AROUND])
