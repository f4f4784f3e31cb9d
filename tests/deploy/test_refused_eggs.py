"""What is no egg of this project, or too much of one, is refused with the reason, and nothing of it is kept."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest

from christmas.jobs import spider_files
from tests import eggs
from tests.deploy.conftest import REQUEST_MAX_BYTES
from tests.farm import Node

SPIDER = "spiders/ornament_shop_com.py"
POINTS = "EGG-INFO/entry_points.txt"
NESTED = "(" * 5_000 + ")" * 5_000


def zipped(**files: str) -> bytes:
    """Make an archive of these files; a dash in a name stands for a slash."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("-", "/") + ".py", content)
    return written.getvalue()


def bomb() -> bytes:
    """Make an egg of few bytes that unpacks to a hundred megabytes."""
    written = io.BytesIO(eggs.built())
    with zipfile.ZipFile(written, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("christmas/data.bin", bytes(100 * 2**20))
    return written.getvalue()


def damaged() -> bytes:
    """Return an egg whose directory is whole and whose spider cannot be unpacked."""
    egg = bytearray(eggs.built())
    with zipfile.ZipFile(io.BytesIO(egg)) as archive:
        start = archive.getinfo(SPIDER).header_offset + 30 + len(SPIDER)
    egg[start : start + 40] = b"\xff" * 40
    return bytes(egg)


def compressed_otherwise() -> bytes:
    written = io.BytesIO(eggs.built())
    with zipfile.ZipFile(written, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr("christmas/more.py", "x = 1\n" * 100)
    return written.getvalue()


def changed(name: str, content: str | bytes) -> Callable[[], bytes]:
    return lambda: eggs.changed({name: content})


def other_project() -> bytes:
    return eggs.changed({"christmas/settings.py": None, "other/settings.py": "", POINTS: "[scrapy]\nsettings = other"})


def without_spiders() -> bytes:
    return eggs.changed({f"spiders/{name}.py": None for name in spider_files.installed()})


CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "cannot be read"),
    "the name of a file": (lambda: b"@project.egg", "egg=@FILE"),
    "the first half of an egg": (lambda: eggs.built()[:100_000], "cannot be read"),
    "a damaged egg": (damaged, "cannot be read"),
    "an archive of something else": (lambda: zipped(readme="x"), "no christmas project"),
    "another project": (other_project, "no christmas project"),
    "no entry point of Scrapy": (changed(POINTS, "[console_scripts]\nx = y:z"), "no [scrapy] settings"),
    "entry points that are none": (changed(POINTS, "settings"), "entry_points.txt"),
    "a spider with a syntax error": (changed(SPIDER, "class Broken(:\n"), f"{SPIDER} is no Python"),
    "a spider of bytes": (changed(SPIDER, b"\xff\x00\xfe"), f"{SPIDER} is no Python"),
    "a spider nested too deeply": (changed(SPIDER, NESTED), f"{SPIDER} is no Python"),
    "a spider of two megabytes": (changed(SPIDER, "#" * 2**21), f"{SPIDER} in the egg is larger"),
    "no spiders": (without_spiders, "no spiders"),
    "a file that cannot be imported": (compressed_otherwise, "use deflate"),
    "a bomb": (bomb, "too large"),
}


@pytest.mark.parametrize(("make", "words"), CASES.values(), ids=CASES)
def test_an_egg_is_refused(node: Node, make: Callable[[], bytes], words: str) -> None:
    egg = make()
    assert len(egg) < REQUEST_MAX_BYTES
    answer = eggs.upload(node, egg)
    assert answer.status == 400, answer.text
    assert answer.json["status"] == "error"
    assert words in answer.json["message"]
    assert node.ask("listversions.json?project=christmas").json["versions"] == []


def test_an_egg_larger_than_a_request_may_be_is_refused(node: Node) -> None:
    answer = eggs.upload(node, b"x" * (4 * REQUEST_MAX_BYTES))
    assert (answer.status, "too large" in answer.json["message"]) == (413, True)


@pytest.mark.parametrize("version", ["", " ", "-1", "../1", "a/b", "1\n", "ä", "1" * 101])
def test_a_version_that_is_no_name_is_refused(node: Node, version: str) -> None:
    answer = eggs.upload(node, eggs.built(), version)
    assert answer.status == 400, answer.text
    assert "version" in answer.json["message"]
    assert node.ask("listversions.json?project=christmas").json["versions"] == []


def test_another_project_is_refused(node: Node) -> None:
    answer = eggs.upload(node, eggs.built(), project="other")
    assert (answer.status, answer.json["message"]) == (404, "project 'other' not found")


def test_a_request_without_an_egg_is_refused(node: Node) -> None:
    answer = node.ask("addversion.json", {"project": "christmas", "version": "1"})
    assert answer.status == 400
    assert "egg" in answer.json["message"]
