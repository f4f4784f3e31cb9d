"""The small renderer of the tests gives what kustomize gives, and refuses what it does not know."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.kubernetes import kustomize
from tests.kubernetes.kustomize import NotSupported, Object
from tests.kubernetes.manifests import FOLDER, OVERLAYS, rendered

TOOLS = [tool for tool in (("kubectl", "kustomize"), ("kustomize", "build")) if shutil.which(tool[0])]
FOLDERS = ["base", *(f"overlays/{name}" for name in OVERLAYS)]


def by_name(objects: list[Object]) -> dict[str, Object]:
    found = {f"{one['kind']} {one['metadata']['name']}": one for one in objects}
    assert len(found) == len(objects), "two objects of one name"
    return found


@pytest.mark.integration
@pytest.mark.skipif(not TOOLS, reason="neither kubectl nor kustomize is installed here")
@pytest.mark.parametrize("tool", TOOLS, ids=" ".join)
@pytest.mark.parametrize("folder", FOLDERS)
def test_it_gives_what_kustomize_gives(folder: str, tool: tuple[str, ...]) -> None:
    done = subprocess.run([*tool, FOLDER / folder], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    theirs, ours = by_name(list(yaml.safe_load_all(done.stdout))), by_name(kustomize.render(FOLDER / folder))
    assert sorted(theirs) == sorted(ours)
    for name, one in theirs.items():
        assert ours[name] == one, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_file_is_part_of_an_overlay(overlay: str) -> None:
    folders = [FOLDER / "base", FOLDER / "overlays" / overlay]
    files = {path for folder in folders for path in folder.rglob("*.yaml") if path.name != "kustomization.yaml"}
    named = set()
    for folder in folders:
        (chosen,) = kustomize.documents(folder / "kustomization.yaml")
        named |= {folder / name for name in chosen["resources"] if name.endswith(".yaml")}
        named |= {folder / patch["path"] for patch in chosen["patches"]}
    assert files == named


CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "1"}}
PLAIN: Object = {"namespace": "n", "resources": ["one.yaml"]}


def written(folder: Path, kustomization: Object, **files: Object) -> Path:
    for name, content in {"kustomization": kustomization, "one": CONFIG_MAP, **files}.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def test_a_patch_changes_what_it_names(tmp_path: Path) -> None:
    patch = {"kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"b": "2"}}
    (found,) = kustomize.render(written(tmp_path, PLAIN | {"patches": [{"path": "patch.yaml"}]}, patch=patch))
    assert found["data"] == {"a": "1", "b": "2"}
    assert found["metadata"] == {"name": "one", "namespace": "n"}


UNKNOWN = {
    "field": PLAIN | {"namePrefix": "x-"},
    "label": PLAIN | {"labels": [{"pairs": {}, "includeSelectors": True}]},
    "image": PLAIN | {"images": [{"name": "one", "digest": "sha256:0"}]},
    "patch": PLAIN | {"patches": [{"patch": "..."}]},
    "target": PLAIN | {"patches": [{"path": "one.yaml", "target": {"kind": "ConfigMap", "group": "x"}}]},
    "nothing to patch": PLAIN | {"patches": [{"path": "one.yaml", "target": {"kind": "Secret"}}]},
    "removal": PLAIN | {"patches": [{"path": "removal.yaml"}]},
    "kind": PLAIN | {"resources": ["role.yaml"]},
    "hash": PLAIN | {"configMapGenerator": [{"name": "two", "files": ["one.yaml"], "options": {}}]},
}


@pytest.mark.parametrize("kustomization", UNKNOWN.values(), ids=list(UNKNOWN))
def test_what_it_does_not_know_is_an_error(tmp_path: Path, kustomization: Object) -> None:
    removal = CONFIG_MAP | {"data": {"a": None}}
    role = {"kind": "ClusterRole", "metadata": {"name": "one"}}
    with pytest.raises(NotSupported):
        kustomize.render(written(tmp_path, kustomization, removal=removal, role=role))


def test_what_a_test_changes_is_not_seen_by_others() -> None:
    rendered("local").clear()
    assert rendered("local")
