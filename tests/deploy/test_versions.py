"""Several versions of the spiders at once: on every node, chosen, rolled back, and gone before their jobs ran."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from christmas.demo.server import DemoServer
from tests import eggs, many_vendors
from tests.farm import Farm, Node

VENDOR = "ornament_shop_com"
SAYS = '''"""Says which version it is."""

from christmas.platforms.bigcommerce import BigCommerce


class OrnamentShopComSpider(BigCommerce):
    name = "ornament_shop_com"
    base_url = "https://www.ornament-shop.com"
    year_index = "/hallmark-ornaments-by-year.html"

    def closed(self, reason):
        self.logger.info("this is version {version}")
'''


def saying(version: str) -> bytes:
    return eggs.changed({f"spiders/{VENDOR}.py": SAYS.format(version=version)})


def ran(farm: Farm, node: Node, **arguments: str) -> str:
    """Run the vendor's links stage; gives what the code said it is, or that it is the installed one."""
    job = farm.wait(node.schedule(VENDOR, stage="links", which="all", **arguments).json["jobid"])
    assert job.state == "succeeded", job.outcome
    log = node.ask(f"logs/christmas/{VENDOR}/{job.id}.log").text
    assert "Spider closed (finished)" in log
    return log.partition("this is ")[2].partition("\n")[0] or "the installed project"


def versions(node: Node) -> list[str]:
    found: list[str] = node.ask("listversions.json?project=christmas").json["versions"]
    return found


def spiders(node: Node, version: str | None = None) -> list[str]:
    chosen = f"&_version={version}" if version else ""
    found: list[str] = node.ask(f"listspiders.json?project=christmas{chosen}").json["spiders"]
    return found


def test_versions_stand_side_by_side_and_are_rolled_back(farm: Farm, node: Node) -> None:
    for version, words in (("1", "one"), ("2", "two"), ("10", "ten")):
        answer = eggs.upload(node, saying(words), version)
        assert answer.json == {
            "status": "ok", "node_name": f"node-{node.port}", "project": "christmas", "version": version, "spiders": 3,
        }  # fmt: skip
    assert versions(node) == ["1", "2", "10"]
    assert ran(farm, node) == "version ten"
    assert ran(farm, node, _version="1") == "version one"
    assert node.ask("delversion.json", {"project": "christmas", "version": "10"}).status == 200
    eggs.upload(node, saying("two, uploaded again"), "2")
    assert versions(node) == ["1", "2"]
    assert ran(farm, node) == "version two, uploaded again"
    again = node.ask("delversion.json", {"project": "christmas", "version": "10"})
    assert (again.status, again.json["message"]) == (404, "version '10' not found")
    assert node.ask("delproject.json", {"project": "christmas"}).status == 200
    assert versions(node) == []
    assert ran(farm, node) == "the installed project"
    assert node.ask("delproject.json", {"project": "christmas"}).status == 404


def test_spiders_are_those_of_the_version(node: Node) -> None:
    installed = spiders(node)
    assert "stale_shop_com" not in installed
    eggs.upload(node, many_vendors.egg(2), "1")
    eggs.upload(node, eggs.changed({f"spiders/{VENDOR}.py": None}), "2")
    assert spiders(node) == [name for name in installed if name != VENDOR]
    assert spiders(node, "1") == sorted([*installed, "shop_01_com", "shop_02_com"])
    assert "no version '7'" in node.ask("listspiders.json?project=christmas&_version=7").json["message"].lower()
    gone = node.schedule(VENDOR, stage="links")
    assert (gone.status, VENDOR in gone.json["message"]) == (400, True)
    assert node.schedule("shop_01_com", stage="links").status == 400


def test_another_node_runs_the_version_it_never_received(
    server: DemoServer, new_postgresql: Callable[[], str], tmp_path: Path
) -> None:
    farm = Farm(tmp_path / "first", server, {"CHRISTMAS__DATABASE__URL": new_postgresql()})
    try:
        receiver = farm.node("--consumers", "auditor", CHRISTMAS__NODE__EGG_UPLOAD="true")
        runner = farm.node(CHRISTMAS__VAR_PATH=str(tmp_path / "second"))
        eggs.upload(receiver, saying("from the other node"), "1")
        assert versions(runner) == ["1"]
        assert ran(farm, runner) == "version from the other node"
        assert len(list((tmp_path / "second" / "eggs").glob("*.egg"))) == 1
        assert not (farm.folder / "eggs").exists()
    finally:
        farm.close()


def test_the_egg_is_kept_as_it_was_sent(farm: Farm, node: Node) -> None:
    egg = eggs.changed({"christmas/data.bin": bytes(range(256)) * 64 + b"\r\n--\r\n\n\r"})
    answer = eggs.upload(node, egg, "1.0+local-7")
    assert answer.status == 200, answer.text
    with farm.engine.connect() as connection:
        row = connection.execute(text("SELECT content, sha256, uploaded_by FROM eggs")).one()
    assert (bytes(row.content), row.sha256, row.uploaded_by) == (egg, hashlib.sha256(egg).hexdigest(), "tester")
