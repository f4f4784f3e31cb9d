"""Which fields an object may have: by the models of the package ``kubernetes``, and by an OpenAPI document."""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from kubernetes.client import ApiClient, models
from pydantic import ValidationError

from tests.farm import ROOT
from tests.kubernetes.kustomize import Object

# Of a newer Kubernetes, where it lies beside the checkout; read in place.
DOCUMENT = ROOT.parent / "shared" / "kubernetes" / "openapi-1.36.json.gz"
KEDA = Path(__file__).parent / "keda.json"
TYPES: dict[str, type | tuple[type, ...]] = {
    "array": list, "boolean": bool, "integer": int, "number": (int, float), "object": dict, "string": str,
}  # fmt: skip
# What a keyword of a schema means is in ``_errors``; one that is not listed may hide a rule that is not checked.
KEYWORDS = {"$ref", "additionalProperties", "enum", "format", "items", "pattern", "properties", "required", "type"}
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")


def model_errors(one: Object) -> list[str]:
    """Return what the package's model of an object does not accept, or does not know and would leave out."""
    version = one["apiVersion"].rpartition("/")[2]
    model = getattr(models, version[0].upper() + version[1:] + one["kind"])
    try:
        again = ApiClient().sanitize_for_serialization(model.from_dict(one))
    except ValidationError as error:
        return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return [] if again == one else [f"{difference} is not known" for difference in _differences(one, again, "")]


def _differences(one: Any, other: Any, where: str) -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            found
            for name in sorted(one.keys() | other.keys())
            for found in _differences(one.get(name), other.get(name), f"{where}.{name}")
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [found for place, (a, b) in pairs for found in _differences(a, b, f"{where}[{place}]")]
    return [] if one == other else [where]


@cache
def document(path: Path) -> Object:
    """Return the definitions of an OpenAPI document by kind: ``group/version kind``, and by their own name."""
    content = path.read_bytes()
    definitions = json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)["definitions"]
    kinds = {}
    for definition in definitions.values():
        for kind in definition.get("x-kubernetes-group-version-kind", ()):
            group = f"{kind['group']}/" if kind["group"] else ""
            kinds[f"{group}{kind['version']} {kind['kind']}"] = definition
    return definitions | kinds


def document_errors(one: Object, path: Path) -> list[str]:
    """Return where an object is not what an OpenAPI document says; a field that it does not name is an error."""
    definitions = document(path)
    return _errors(one, definitions[f"{one['apiVersion']} {one['kind']}"], definitions, one["kind"])


def _errors(value: Any, schema: Object, definitions: Object, where: str) -> list[str]:
    unknown = {word for word in schema if not word.startswith("x-")} - KEYWORDS - {"description", "default"}
    assert not unknown, f"{where}: the check does not know {unknown}"
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/definitions/")
        if name.endswith(".Quantity"):
            return [] if QUANTITY.fullmatch(str(value)) else [f"{where}: {value!r} is no quantity"]
        return _errors(value, definitions[name], definitions, where)
    kind = schema.get("type")
    if schema.get("format") == "int-or-string" and isinstance(value, int):
        kind = "integer"
    if kind and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return [f"{where}: {value!r} is no {kind}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: {value!r} is none of {schema['enum']}")
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        found.append(f"{where}: {value!r} does not look like {schema['pattern']}")
    if isinstance(value, list):
        return found + [
            error for place, each in enumerate(value)
            for error in _errors(each, schema.get("items", {}), definitions, f"{where}[{place}]")
        ]  # fmt: skip
    return found + (_errors_of_object(value, schema, definitions, where) if isinstance(value, dict) else [])


def _errors_of_object(value: Object, schema: Object, definitions: Object, where: str) -> list[str]:
    found = [f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value]
    for name, each in value.items():
        inner = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
        if inner is None:
            found.append(f"{where}.{name} is not known")
        else:
            found += _errors(each, inner, definitions, f"{where}.{name}")
    return found
