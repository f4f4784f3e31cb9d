"""The egg that is deployed holds everything a crawl needs, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests import eggs

LOADER = """
import json, sys
sys.path.insert(0, {egg!r})
from scrapy.spiderloader import SpiderLoader
from scrapy.utils.project import get_project_settings
loader = SpiderLoader.from_settings(get_project_settings())
names = loader.list()
for name in names:
    assert loader.load(name).base_url
import christmas.db.database as database
from christmas.jobs import records
engine = database.open_engine({url!r})
database.upgrade(engine)
with database.read(engine) as connection:
    assert records.last(connection, names[0]) is None
import pipelines.store
files = [database.__file__, pipelines.store.__file__, sys.modules["spiders." + names[0]].__file__]
print(json.dumps([sorted(names), files]))
"""


@pytest.fixture(scope="module")
def egg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("eggs") / "christmas.egg"
    path.write_bytes(eggs.built())
    return path


def test_the_egg_holds_packages_only(egg: Path) -> None:
    roots = {name.split("/")[0] for name in zipfile.ZipFile(egg).namelist()}
    roots.discard("__pycache__")  # of christmas_runner.py, where Python may write bytecode
    assert roots == {"EGG-INFO", "christmas", "christmas_runner.py", "pipelines", "spiders"}
    assert b"settings = christmas.settings" in zipfile.ZipFile(egg).read("EGG-INFO/entry_points.txt")


def test_every_spider_and_the_migrations_load_from_the_zipped_egg(egg: Path, tmp_path: Path) -> None:
    program = LOADER.format(egg=str(egg), url=f"sqlite:///{tmp_path / 'christmas.db'}")
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("CHRISTMAS", "COVERAGE", "PYTHONPATH"))}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path, env=variables | {"SCRAPY_SETTINGS_MODULE": "christmas.settings"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names, files = json.loads(done.stdout)
    assert names == ["hallmark_ornaments_com", "hookedonhallmark_com", "ornament_shop_com"]
    assert all(file.startswith(str(egg)) for file in files)
