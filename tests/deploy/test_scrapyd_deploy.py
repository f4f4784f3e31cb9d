"""scrapyd-deploy, run as its users run it from a checkout, and whose code runs afterwards."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests import eggs
from tests.deploy.conftest import BIN, REQUEST_MAX_BYTES
from tests.farm import Farm, Key, Node

VENDOR = "ornament_shop_com"
# Says where the code of each package came from.
WHERE = """
    def closed(self, reason):
        import christmas.items, pipelines.store
        for file in (__file__, christmas.items.__file__, pipelines.store.__file__):
            self.logger.info("the code of MARK is from %s", file)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return eggs.checkout(tmp_path_factory.mktemp("sources") / "checkout")


@pytest.fixture(scope="module")
def egg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("eggs") / "project.egg"
    path.write_bytes(eggs.built())
    return path


def deploy(copy: Path, node: Node, *options: str, key: Key | None = None) -> subprocess.CompletedProcess[str]:
    """Run scrapyd-deploy in a checkout, with the node as a target of the user's own."""
    home = copy.parent / "home"
    home.mkdir(exist_ok=True)
    (home / ".scrapy.cfg").write_text(f"[deploy:node]\nurl = {node.url}\n")
    user, secret = key or node.key or ("", "")
    variables = {"HOME": str(home), "CHRISTMAS_DEPLOY_USER": user, "CHRISTMAS_DEPLOY_KEY": secret}
    return subprocess.run(
        [BIN / "scrapyd-deploy", "node", *options],
        env={**os.environ, **variables}, cwd=copy, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def user_agents(farm: Farm) -> set[str]:
    """Return who has visited the shop, without the contact, and forget them."""
    requests = farm.server.shops[VENDOR].requests
    found = {hit.user_agent.partition(" ")[0] for hit in requests}
    requests.clear()
    return found


def run(farm: Farm, node: Node) -> str:
    """Run the vendor's links stage to a good end; gives the run's log."""
    job = farm.wait(node.schedule(VENDOR, stage="links", which="all").json["jobid"])
    assert job.state == "succeeded", job.outcome
    return node.ask(f"logs/christmas/{VENDOR}/{job.id}.log").text


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_code_that_was_deployed_last_is_the_code_that_runs(farm: Farm, node: Node, copy: Path) -> None:
    spider = copy / "spiders" / f"{VENDOR}.py"
    spider.write_text(spider.read_text(encoding="utf-8") + WHERE.replace("MARK", "the first"), encoding="utf-8")
    done = deploy(copy, node, "-v", "1")
    assert done.returncode == 0, done.stderr
    assert '"spiders": 3' in done.stdout
    first = run(farm, node)
    files = re.findall(r"the code of the first is from (.*)", first)
    assert [Path(file).parts[-2:] for file in files] == [
        ("spiders", f"{VENDOR}.py"), ("christmas", "items.py"), ("pipelines", "store.py"),
    ]  # fmt: skip
    assert all(file.startswith(str(farm.folder / "eggs")) for file in files)
    assert user_agents(farm) == {"christmas/0.1.0"}

    replace(spider, "the first", "the second")
    replace(copy / "pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"')
    done = deploy(copy, node, "-v", "2")
    assert done.returncode == 0, done.stderr
    assert "the code of the second" in run(farm, node)
    assert user_agents(farm) == {"christmas/0.2.0"}


def test_without_a_version_the_time_is_one(node: Node, copy: Path, egg: Path) -> None:
    done = deploy(copy, node, "--egg", str(egg))
    assert done.returncode == 0, done.stderr
    versions = node.ask("listversions.json?project=christmas").json["versions"]
    assert [version.isdigit() for version in versions] == [True]


def test_only_internal_may_upload(farm: Farm, node: Node, copy: Path, egg: Path) -> None:
    for role in ("user", "service", "service:integrator", "service:scheduler"):
        done = deploy(copy, node, "--egg", str(egg), "-v", "1", key=farm.key(role))
        assert done.returncode == 1
        assert "403" in done.stderr
        assert "eggs.upload" in done.stdout
    done = deploy(copy, node, "--egg", str(egg), "-v", "1", key=("tester", "wrong"))
    assert done.returncode == 1
    assert "401" in done.stderr
    assert node.ask("listversions.json?project=christmas").json["versions"] == []


def test_uploading_is_off_until_it_is_switched_on(farm: Farm, copy: Path, egg: Path) -> None:
    node = farm.node("--consumers", "auditor")
    done = deploy(copy, node, "--egg", str(egg), "-v", "1")
    assert done.returncode == 1
    assert "node.egg_upload" in done.stdout
    assert node.ask("listversions.json?project=christmas").json["versions"] == []


def test_a_refusal_reaches_who_deploys(node: Node, copy: Path, tmp_path: Path) -> None:
    egg = tmp_path / "broken.egg"
    egg.write_bytes(eggs.changed({f"spiders/{VENDOR}.py": "class Broken(:\n"}))
    done = deploy(copy, node, "--egg", str(egg), "-v", "1")
    assert done.returncode == 1
    assert f"spiders/{VENDOR}.py is no Python" in done.stdout
    egg.write_bytes(b"x" * (4 * REQUEST_MAX_BYTES))
    done = deploy(copy, node, "--egg", str(egg), "-v", "1")
    assert done.returncode == 1
    assert "too large" in done.stdout, done.stderr
